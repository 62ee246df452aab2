#include "tee/process/ring.hpp"

namespace authex::tee::process {
namespace {

std::uint8_t* at(const RingMemory& memory, std::uint64_t position) {
    return memory.base + static_cast<std::size_t>(position & (memory.bytes - 1));
}

} // namespace

RingWriter::RingWriter(Position& written, const Position& consumed, RingMemory memory)
    : written_(written), consumed_(consumed), memory_(memory),
      position_(written.load(std::memory_order_acquire)), held_(memory.bytes) {}

std::optional<Bytes> RingWriter::writable() {
    const std::uint64_t held = position_ - consumed_.load(std::memory_order_acquire);
    if (held > held_) {
        return std::nullopt;
    }
    held_ = held;
    return Bytes(at(memory_, position_), memory_.bytes - static_cast<std::size_t>(held));
}

std::optional<ByteView> RingWriter::unread(std::size_t count) {
    if (!writable()) {
        return std::nullopt;
    }
    return ByteView(at(memory_, position_ - held_), static_cast<std::size_t>(held_) + count);
}

void RingWriter::commit(std::size_t count) {
    position_ += count;
    held_ += count;
    written_.store(position_, std::memory_order_release);
}

bool RingWriter::moved() const {
    return position_ - consumed_.load(std::memory_order_relaxed) != held_;
}

RingReader::RingReader(const Position& written, Position& consumed, RingMemory memory)
    : written_(written), consumed_(consumed), memory_(memory),
      position_(consumed.load(std::memory_order_acquire)) {}

std::optional<ByteView> RingReader::readable() {
    const std::uint64_t held = written_.load(std::memory_order_acquire) - position_;
    if (held < held_ || held > memory_.bytes) {
        return std::nullopt;
    }
    held_ = held;
    return ByteView(at(memory_, position_), static_cast<std::size_t>(held));
}

void RingReader::consume(std::size_t count) {
    position_ += count;
    held_ -= count;
    consumed_.store(position_, std::memory_order_release);
}

bool RingReader::moved() const {
    return written_.load(std::memory_order_relaxed) - position_ != held_;
}

bool RingReader::pending() const {
    return written_.load(std::memory_order_relaxed) != position_;
}

} // namespace authex::tee::process
