#include "em/outbox.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "em/checksum.hpp"

namespace authex::em {
namespace {

constexpr std::uint64_t magic = 0x315842'54554F'5841; // "AXOUTBX1"
/// Of positions and counters that can be: far from where sums overflow.
constexpr std::uint64_t position_max = std::uint64_t{1} << 62U;
enum Field : std::size_t {
    at_magic = 0,
    at_deployment = 8,
    at_channel = 10,
    at_direction = 12,
    at_epoch = 16,
    at_first_crc = 20,
    at_capacity = 24,
    at_head = 32,
    at_tail = 40,
    at_next = 48,
    at_flags = 56,
};

template <typename T>
T load(const std::uint8_t* base, std::size_t offset) {
    T value{};
    std::memcpy(&value, base + offset, sizeof value);
    return value;
}

template <typename T>
void save(std::uint8_t* base, std::size_t offset, T value) {
    std::memcpy(base + offset, &value, sizeof value);
}

/// A store that no earlier store may pass: the kernel keeps the file as the processor saw it.
void publish(std::uint8_t* base, std::size_t offset, std::uint64_t value) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    *reinterpret_cast<volatile std::uint64_t*>(base + offset) = value;
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

bool is_power_of_two(std::uint64_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}

} // namespace

Bytes MemoryStore::bytes() {
    return {reinterpret_cast<std::uint8_t*>(words_.data()), words_.size() * sizeof(std::uint64_t)};
}

bool MemoryStore::replace(std::size_t size, const std::function<void(Bytes)>& fill) {
    std::vector<std::uint64_t> words(size / sizeof(std::uint64_t));
    fill({reinterpret_cast<std::uint8_t*>(words.data()), size});
    words_.swap(words);
    return true;
}

bool SpillBudget::grow(std::uint64_t from, std::uint64_t to) {
    if (to > guaranteed_bytes && (to > limit_ / 4 || used_ - from + to > limit_)) {
        return false;
    }
    used_ = used_ - from + to;
    return true;
}

Outbox::Outbox(std::unique_ptr<OutboxStore> store, SpillBudget& budget)
    : store_(std::move(store)), budget_(budget), durable_(store_->is_durable()) {}

Outbox::~Outbox() {
    budget_.give_back(capacity_);
}

Expected<std::unique_ptr<Outbox>>
Outbox::open(std::unique_ptr<OutboxStore> store, const OutboxName& name, SpillBudget& budget) {
    std::unique_ptr<Outbox> outbox(new Outbox(std::move(store), budget));
    if (outbox->store_->bytes().empty()) {
        if (!outbox->make(name)) {
            return failure("outbox-no-space",
                           fmt::format("no room for the frames of connection {}", name.channel),
                           "make room in the state directory");
        }
    } else if (!outbox->recover(name)) {
        return failure("outbox-damaged",
                       fmt::format("the kept frames of connection {} are damaged", name.channel));
    }
    return outbox;
}

void Outbox::attach() {
    const Bytes all = store_->bytes();
    base_ = all.data();
    ring_ = base_ + header_bytes;
}

bool Outbox::make(const OutboxName& name) {
    const bool made = store_->replace(header_bytes + initial_bytes, [&name](Bytes bytes) {
        std::uint8_t* base = bytes.data();
        save(base, at_magic, magic);
        save(base, at_deployment, name.deployment);
        save(base, at_channel, name.channel);
        save(base, at_direction, static_cast<std::uint32_t>(name.direction));
        save(base, at_epoch, name.epoch);
        save(base, at_capacity, std::uint64_t{initial_bytes});
    });
    if (!made) {
        return false;
    }
    attach();
    budget_.grow(0, initial_bytes);
    capacity_ = initial_bytes;
    return true;
}

bool Outbox::recover(const OutboxName& name) {
    const Bytes all = store_->bytes();
    const std::uint8_t* base = all.data();
    if (all.size() <= header_bytes || load<std::uint64_t>(base, at_magic) != magic ||
        load<std::uint16_t>(base, at_deployment) != name.deployment ||
        load<std::uint16_t>(base, at_channel) != name.channel ||
        load<std::uint32_t>(base, at_direction) != static_cast<std::uint32_t>(name.direction) ||
        load<std::uint32_t>(base, at_epoch) != name.epoch) {
        return false;
    }
    const std::uint64_t capacity = load<std::uint64_t>(base, at_capacity);
    head_ = load<std::uint64_t>(base, at_head);
    tail_ = load<std::uint64_t>(base, at_tail);
    next_ = load<std::uint64_t>(base, at_next);
    if (!is_power_of_two(capacity) || capacity != all.size() - header_bytes || tail_ < head_ ||
        tail_ - head_ > capacity || tail_ > position_max || next_ > wire::counter_limit) {
        return false;
    }
    attach();
    capacity_ = capacity;
    const std::uint64_t end_of_lap = (head_ / capacity + 1) * capacity;
    std::uint64_t last = 0;
    wrap_ = head_;
    for (std::uint64_t at = head_; at != tail_; ++frames_) {
        const std::uint64_t index = at & (capacity - 1);
        const bool skips = capacity - index < wire::header_bytes || ring_[index] == 0;
        if (skips) {
            if (at >= end_of_lap || end_of_lap >= tail_) {
                capacity_ = 0;
                return false;
            }
            wrap_ = at;
            at = end_of_lap;
        } else if (index == 0) {
            wrap_ = at;
        }
        const std::uint64_t start = at & (capacity - 1);
        wire::FrameHeader header;
        const std::uint64_t room = std::min(tail_ - at, capacity - start);
        if (wire::parse_header({ring_ + start, static_cast<std::size_t>(room)}, header) !=
                Error::none ||
            header.frame_bytes() > room || header.deployment != name.deployment ||
            header.channel != name.channel || (frames_ > 0 && header.counter <= last) ||
            header.counter >= wire::counter_limit) {
            capacity_ = 0;
            return false;
        }
        last = header.counter;
        at += header.frame_bytes();
    }
    // A kill between the two stores of append() leaves `next` one frame behind.
    next_ = frames_ > 0 ? last + 1 : next_;
    first_crc_ = load<std::uint32_t>(base, at_first_crc);
    has_first_ = load<std::uint64_t>(base, at_flags) != 0;
    send_ = head_;
    kept_head_ = head_;
    to_sync_ = durable_; // it may be in the kernel alone
    // What is there already must be kept, whatever the limit is now.
    budget_.adopt(capacity_);
    return true;
}

std::uint64_t Outbox::settle(std::uint64_t position) const {
    if (position == tail_ || position != wrap_ || wrap_ < head_) {
        return position;
    }
    const std::uint64_t index = position & (capacity_ - 1);
    const bool skips = index != 0 && (capacity_ - index < wire::header_bytes || ring_[index] == 0);
    return skips ? position - index + capacity_ : position;
}

std::size_t Outbox::frame_bytes_at(std::uint64_t position) const {
    const std::uint8_t* frame = ring_ + (position & (capacity_ - 1));
    return wire::header_bytes + load<std::uint32_t>(frame, 8);
}

std::uint64_t Outbox::counter_at(std::uint64_t position) const {
    return load<std::uint64_t>(ring_ + (position & (capacity_ - 1)), 12);
}

void Outbox::store(std::size_t field, std::uint64_t value) {
    if (durable_) {
        to_sync_ = true;
    } else {
        publish(base_, field, value);
    }
}

/// The frames first, then what the header says of them: one sector, whose fields are in an order in
/// which each leaves what recover() takes.
Expected<bool> Outbox::sync() {
    if (!to_sync_) {
        return true;
    }
    Expected<bool> synced = store_->sync();
    attach();
    if (!synced) {
        return synced;
    }
    publish(base_, at_tail, tail_);
    publish(base_, at_next, next_);
    publish(base_, at_head, head_);
    save(base_, at_first_crc, first_crc_);
    publish(base_, at_flags, has_first_ ? 1 : 0);
    synced = store_->sync();
    attach();
    if (!synced) {
        return synced;
    }
    kept_head_ = head_;
    to_sync_ = false;
    return true;
}

/// Of the capacity. A frame always finds room in an empty ring, wherever that begins.
std::uint64_t Outbox::bound(std::size_t frame_bytes) const {
    const std::uint64_t usual =
        budget_.crowded() ? std::uint64_t{2} * std::bit_ceil(frame_bytes) : usual_bytes;
    return std::max(usual, spill_bound_);
}

bool Outbox::make_room(std::size_t frame_bytes, bool beyond) {
    for (;;) {
        const std::uint64_t index = tail_ & (capacity_ - 1);
        const std::uint64_t skip = capacity_ - index < frame_bytes ? capacity_ - index : 0;
        const std::uint64_t oldest = durable_ ? kept_head_ : head_;
        if (tail_ - oldest + skip + frame_bytes <= capacity_) {
            if (skip != 0) {
                ring_[index] = 0;
            }
            if (skip != 0 || index == 0) {
                wrap_ = tail_;
            }
            return true;
        }
        if (oldest != head_ && sync()) {
            continue;
        }
        if ((!beyond && capacity_ * 2 > bound(frame_bytes)) || !resize(capacity_ * 2, beyond)) {
            return false;
        }
    }
}

bool Outbox::resize(std::uint64_t capacity, bool beyond) {
    if (beyond) {
        budget_.adopt(capacity - capacity_);
    } else if (!budget_.grow(capacity_, capacity)) {
        return false;
    }
    const std::uint64_t second = settle(wrap_);
    const bool wraps = wrap_ >= head_ && wrap_ < tail_;
    const std::uint64_t gap = wraps ? second - wrap_ : 0;
    const auto moved = [&](std::uint64_t p) { return p - head_ - (p > wrap_ ? gap : 0); };
    const std::uint64_t tail = moved(tail_);
    const bool done = store_->replace(header_bytes + capacity, [&](Bytes bytes) {
        std::memcpy(bytes.data(), base_, header_bytes);
        std::uint8_t* to = bytes.data() + header_bytes;
        const std::uint64_t first = (wraps ? wrap_ : tail_) - head_;
        std::memcpy(to, ring_ + (head_ & (capacity_ - 1)), first);
        if (wraps) {
            std::memcpy(to + first, ring_ + (second & (capacity_ - 1)), tail_ - second);
        }
        save(bytes.data(), at_capacity, capacity);
        save(bytes.data(), at_head, std::uint64_t{0});
        save(bytes.data(), at_tail, tail);
        save(bytes.data(), at_next, next_);
        save(bytes.data(), at_first_crc, first_crc_);
        save(bytes.data(), at_flags, std::uint64_t{has_first_ ? 1U : 0U});
    });
    if (!done) {
        budget_.give_back(capacity);
        budget_.adopt(capacity_);
        return false;
    }
    attach();
    send_ = moved(send_);
    head_ = 0;
    kept_head_ = 0;
    to_sync_ = durable_;
    tail_ = tail;
    wrap_ = 0;
    capacity_ = capacity;
    return true;
}

Outbox::Append Outbox::append(const wire::FrameHeader& header, ByteView frame, bool beyond) {
    if (header.counter == 0) {
        const std::uint32_t crc = crc32c(frame);
        if (next_ > 0 && (!has_first_ || crc != first_crc_)) {
            clear();
            next_ = 0;
            store(at_next, next_);
        }
        if (next_ == 0) {
            first_crc_ = crc;
            has_first_ = true;
            if (!durable_) {
                save(base_, at_first_crc, crc);
            }
            store(at_flags, 1);
        }
    }
    if (header.counter < next_ || header.counter >= wire::counter_limit) {
        return Append::duplicate;
    }
    if (!make_room(frame.size(), beyond)) {
        return Append::full;
    }
    const std::uint64_t index = tail_ & (capacity_ - 1);
    const std::uint64_t at = capacity_ - index < frame.size() ? tail_ - index + capacity_ : tail_;
    std::uint8_t* to = ring_ + (at & (capacity_ - 1));
    wire::write_header(header, {to, wire::header_bytes});
    std::memcpy(to + wire::header_bytes,
                frame.data() + wire::header_bytes,
                frame.size() - wire::header_bytes);
    gaps_ += header.counter != next_ ? 1U : 0U;
    if (send_ == tail_) {
        send_ = at;
    }
    tail_ = at + frame.size();
    next_ = header.counter + 1;
    ++frames_;
    store(at_tail, tail_);
    store(at_next, next_);
    return Append::stored;
}

ByteView Outbox::unsent(std::size_t max_bytes) const {
    const std::uint64_t begin = settle(send_);
    if (begin == tail_) {
        return {};
    }
    const bool before_wrap = wrap_ >= head_ && begin < wrap_ && wrap_ < tail_;
    const std::uint64_t end = before_wrap ? wrap_ : tail_;
    const std::uint8_t* first = ring_ + (begin & (capacity_ - 1));
    if (end - begin <= max_bytes) {
        return {first, static_cast<std::size_t>(end - begin)};
    }
    std::uint64_t at = begin;
    while (at < end) {
        const std::size_t bytes = frame_bytes_at(at);
        if (at + bytes - begin > max_bytes) {
            break;
        }
        at += bytes;
    }
    return {first, static_cast<std::size_t>(at - begin)};
}

std::uint64_t Outbox::in_flight_bytes() const {
    const std::uint64_t begin = settle(head_);
    return send_ > begin ? send_ - begin : 0;
}

void Outbox::mark_sent(std::size_t bytes) {
    send_ = settle(settle(send_) + bytes);
}

std::uint64_t Outbox::acknowledge(std::uint64_t counter) {
    std::uint64_t dropped = 0;
    std::uint64_t at = settle(head_);
    while (at != tail_ && counter_at(at) < counter) {
        at = settle(at + frame_bytes_at(at));
        ++dropped;
    }
    if (dropped != 0) {
        if (send_ < at) {
            send_ = at;
        }
        head_ = at;
        frames_ -= dropped;
        store(at_head, head_);
    }
    return dropped;
}

std::uint64_t Outbox::go_back(std::uint64_t counter) {
    std::uint64_t at = settle(head_);
    while (at < send_ && counter_at(at) < counter) {
        at = settle(at + frame_bytes_at(at));
    }
    const std::uint64_t from = at;
    std::uint64_t again = 0;
    while (at < send_) {
        at = settle(at + frame_bytes_at(at));
        ++again;
    }
    send_ = from;
    return again;
}

void Outbox::clear() {
    head_ = tail_;
    send_ = tail_;
    frames_ = 0;
    store(at_head, head_);
}

void Outbox::restart(std::uint64_t next_counter) {
    clear();
    next_ = next_counter;
    store(at_next, next_);
}

void Outbox::shrink() {
    if (empty()) {
        spill_bound_ = 0;
        if (is_large()) {
            (void)resize(initial_bytes);
        }
    }
}

void Outbox::for_each(const std::function<void(const wire::FrameHeader&, ByteView)>& visit) const {
    std::uint64_t at = settle(head_);
    while (at != tail_) {
        const std::size_t bytes = frame_bytes_at(at);
        const ByteView frame(ring_ + (at & (capacity_ - 1)), bytes);
        wire::FrameHeader header;
        if (wire::parse_header(frame, header) != Error::none) {
            return;
        }
        visit(header, frame);
        at = settle(at + bytes);
    }
}

} // namespace authex::em
