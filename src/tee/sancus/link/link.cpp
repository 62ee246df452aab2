#include "tee/sancus/link/link.hpp"

namespace authex::tee::sancus::link {
namespace {

constexpr std::uint8_t number_mask = 3;

std::uint8_t plus(std::uint8_t number, std::uint8_t count) {
    return static_cast<std::uint8_t>((number + count) & number_mask);
}

void store(std::uint32_t value, std::uint8_t* out) {
    __builtin_memcpy(out, &value, sizeof value);
}

} // namespace

Link::Link(std::span<Packet> received, std::span<Packet> sending)
    : received_{received.data(), received.data() + received.size()}, sending_{sending.data(),
                                                                              sending.data() +
                                                                                  sending.size()},
      window_(static_cast<std::uint8_t>(sending.size())),
      peer_window_(static_cast<std::uint8_t>(received.size() - 1)), receiving_(received.data()),
      oldest_(received.data()), first_(sending.data()) {
    decoder_.into(*receiving_);
}

Packet* Link::queued(std::uint8_t index) const {
    Packet* packet = first_;
    for (; index != 0; --index) {
        packet = sending_.after(packet);
    }
    return packet;
}

Bytes Link::room() {
    if (queued_ == window_) {
        return {};
    }
    Packet* packet = queued(queued_);
    // One that was acknowledged while it went out once more is still being read.
    if (packet == out_ && encoder_.busy()) {
        return {};
    }
    return {packet->data.data() + control_bytes, message_bytes_max};
}

void Link::send(std::size_t bytes) {
    queued(queued_)->bytes = static_cast<std::uint16_t>(control_bytes + bytes);
    ++queued_;
}

ByteView Link::message() const {
    if (waiting_ == 0) {
        return {};
    }
    return {oldest_->data.data() + control_bytes,
            static_cast<std::size_t>(oldest_->bytes - control_bytes)};
}

void Link::take() {
    oldest_ = received_.after(oldest_);
    --waiting_;
    taken_ = plus(taken_, 1);
    owes_ack_ = true;
}

void Link::restart() {
    waiting_ = 0;
    oldest_ = receiving_;
    expected_ = taken_ = base_ = 0;
    flown_ = next_ = 0;
    owes_ack_ = owes_again_ = peer_more_ = false;
}

bool Link::arrived(const Control& control) {
    const auto acknowledged = static_cast<std::uint8_t>((control.expected - base_) & number_mask);
    if (acknowledged <= flown_) {
        for (std::uint8_t i = 0; i != acknowledged; ++i) {
            first_ = sending_.after(first_);
        }
        base_ = plus(base_, acknowledged);
        queued_ = static_cast<std::uint8_t>(queued_ - acknowledged);
        flown_ = static_cast<std::uint8_t>(flown_ - acknowledged);
        next_ = static_cast<std::uint8_t>(next_ > acknowledged ? next_ - acknowledged : 0);
    }
    peer_more_ = control.more;
    if (control.type == Type::again) {
        rewind();
        owes_ack_ = true;
    }
    if (control.type != Type::data) {
        return true;
    }
    const auto ahead = static_cast<std::uint8_t>((control.number - expected_) & number_mask);
    Packet* following = received_.after(receiving_);
    const bool full = following == oldest_ && waiting_ != 0;
    if (ahead == 0 && !full && receiving_->bytes > control_bytes) {
        ++waiting_;
        expected_ = plus(expected_, 1);
        receiving_ = following;
        decoder_.into(*receiving_);
        return true;
    }
    owes_ack_ = true;
    // Not ahead of what comes next, but one of those before: its acknowledgement was lost, or it
    // waits here until there is room for what it causes. To ask for it again would bring it again,
    // and never the request for what this end has said and was lost.
    return ahead >= peer_window_;
}

bool Link::start_packet() {
    Control control{.number = plus(base_, next_), .expected = taken_};
    if (owes_again_) {
        control.type = Type::again;
        control.more = next_ != queued_;
    } else if (next_ != queued_) {
        control.type = Type::data;
        control.more = next_ + 1 != queued_;
    } else if (owes_ack_) {
        control.type = Type::ack;
    } else {
        return false;
    }
    sent_type_ = control.type;
    sent_more_ = control.more;
    if (control.type != Type::data) {
        owes_again_ = false;
        owes_ack_ = false;
        out_ = nullptr;
        brief_[0] = control.byte();
        encoder_.start(brief_.data(), control_bytes, control.type == Type::again);
        return true;
    }
    Packet* packet = queued(next_);
    const bool repeated = next_ < flown_;
    ++next_;
    flown_ = repeated ? flown_ : next_;
    owes_ack_ = false;
    out_ = packet;
    packet->data[0] = control.byte();
    encoder_.start(packet->data.data(), packet->bytes, repeated);
    return true;
}

void Link::start_sync(std::uint32_t session, std::uint32_t boot) {
    sent_type_ = Type::sync;
    sent_more_ = false;
    out_ = nullptr;
    brief_[0] = Control{.type = Type::sync}.byte();
    store(session, &brief_[control_bytes]);
    store(boot, &brief_[control_bytes + sizeof session]);
    encoder_.start(brief_.data(), control_bytes + 2 * sizeof session, true);
}

} // namespace authex::tee::sancus::link
