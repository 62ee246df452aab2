#pragma once
// One direction of the way between a manager and a module's process: a ring of bytes with one
// writer and one reader that do not trust each other. (DESIGN "Delivery")
//
// Positions count all bytes since the ring was made and never go back. Each end keeps its own
// position in private memory; of the other's it takes one copy and checks it: written − consumed is
// between what it was and what both can have made it. The bytes are mapped twice, side by side, so
// that every range of the ring is contiguous.

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace authex::tee::process {

using Position = std::atomic<std::uint64_t>;
static_assert(Position::is_always_lock_free);

/// The memory of a ring. `bytes` is a power of two; `base` is followed by a second mapping of the
/// same memory.
struct RingMemory {
    std::uint8_t* base = nullptr;
    std::size_t bytes = 0;
};

class RingWriter {
  public:
    /// Goes on at the position that `written` shows: only this end writes there.
    RingWriter(Position& written, const Position& consumed, RingMemory memory);

    /// Free room. Empty optional: the reader's position cannot be.
    std::optional<Bytes> writable();
    /// What the reader has not consumed, and behind it the first `count` bytes of writable().
    /// Empty optional: the reader's position cannot be. @pre count <= its size
    std::optional<ByteView> unread(std::size_t count);
    /// Publishes the first `count` bytes of writable(). @pre count <= its size
    void commit(std::size_t count);
    /// True if the reader moved since the last writable().
    [[nodiscard]] bool moved() const;

  private:
    Position& written_;
    const Position& consumed_;
    RingMemory memory_;
    std::uint64_t position_ = 0;
    std::uint64_t held_ = 0; ///< bytes in the ring, as of the last look
};

class RingReader {
  public:
    RingReader(const Position& written, Position& consumed, RingMemory memory);

    /// What was written and not consumed. Empty optional: the writer's position cannot be.
    std::optional<ByteView> readable();
    /// Frees the first `count` bytes of readable(). @pre count <= its size
    void consume(std::size_t count);
    /// True if the writer moved since the last readable().
    [[nodiscard]] bool moved() const;
    /// True if there is anything to read.
    [[nodiscard]] bool pending() const;

  private:
    const Position& written_;
    Position& consumed_;
    RingMemory memory_;
    std::uint64_t position_ = 0;
    std::uint64_t held_ = 0;
};

} // namespace authex::tee::process
