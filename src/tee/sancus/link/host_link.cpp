#include "tee/sancus/link/host_link.hpp"

#include <algorithm>

namespace authex::tee::sancus::link {

HostLink::HostLink(const Timing& timing)
    : Link(received_, sending_), timing_(timing), reply_ms_(timing.reply_ms) {}

std::uint64_t HostLink::line_ms(std::size_t bytes) const {
    return bytes * 1000 / timing_.bytes_per_second + 1;
}

void HostLink::begin(std::uint32_t session, std::uint64_t now_ms) {
    state_ = State::connecting;
    session_ = session;
    restart();
    drop_unsent();
    owes_sync_ = true;
    asked_ = false;
    turn_ = true;
    reply_ms_ = timing_.reply_ms;
    deadline_ = now_ms + reply_ms_;
}

void HostLink::my_turn(std::uint64_t now_ms) {
    turn_ = true;
    deadline_ = now_ms + timing_.idle_ms;
}

/// Once, until something comes: packets that were on their way already are out of order, too.
void HostLink::ask_again(std::uint64_t now_ms) {
    if (!asked_) {
        asked_ = true;
        owes_again_ = true;
        my_turn(now_ms);
    }
}

void HostLink::receive(std::uint8_t byte, std::uint64_t now_ms) {
    const Decoded decoded = decoder_.byte(byte);
    if (decoded == Decoded::bad) {
        ++counters_.bad;
        if (state_ == State::up) {
            ask_again(now_ms);
        }
    } else if (decoded == Decoded::packet) {
        ++counters_.packets;
        heard_ = now_ms;
        take_packet(now_ms);
    }
}

void HostLink::take_packet(std::uint64_t now_ms) {
    const Packet& packet = arrived_packet();
    const Control control = Control::of(packet.data[0]);
    if (control.type == Type::sync) {
        std::array<std::uint32_t, 2> numbers{};
        if (packet.bytes != control_bytes + sizeof numbers) {
            return;
        }
        __builtin_memcpy(numbers.data(), &packet.data[control_bytes], sizeof numbers);
        if (numbers[0] != session_) {
            state_ = state_ == State::up ? State::lost : state_;
        } else if (state_ == State::connecting) {
            state_ = State::up;
            boot_ = numbers[1];
            reply_ms_ = timing_.reply_ms;
            my_turn(now_ms);
        }
        return;
    }
    if (state_ != State::up) {
        return;
    }
    if (!arrived(control)) {
        ask_again(now_ms);
    } else {
        asked_ = false;
        reply_ms_ = timing_.reply_ms;
    }
    if (!control.more) {
        my_turn(now_ms);
    }
}

bool HostLink::next(std::uint8_t& byte, std::uint64_t now_ms) {
    if (!encoder_.busy()) {
        if (owes_sync_) {
            owes_sync_ = false;
            start_sync(session_, 0);
        } else if (state_ != State::up || !turn_ || !start_packet()) {
            return false;
        }
        started(now_ms);
    }
    byte = encoder_.next();
    return true;
}

void HostLink::started(std::uint64_t now_ms) {
    turn_ = sent_more_ || sent_type_ == Type::ack;
    deadline_ = now_ms + (turn_ ? timing_.idle_ms : reply_ms_) + line_ms(wire_bytes_max);
}

void HostLink::tick(std::uint64_t now_ms) {
    if (now_ms < deadline_) {
        return;
    }
    if (state_ == State::lost) {
        deadline_ = ~std::uint64_t{0};
        return;
    }
    if (state_ == State::up && turn_) {
        owes_again_ = true; // is it still there?
    } else {
        ++counters_.timeouts;
        reply_ms_ = std::min(2 * reply_ms_, timing_.reply_max_ms);
        owes_sync_ = state_ == State::connecting;
        owes_again_ = state_ == State::up && all_acknowledged();
        rewind();
        asked_ = false;
        turn_ = true;
    }
    deadline_ = now_ms + timing_.idle_ms;
}

} // namespace authex::tee::sancus::link
