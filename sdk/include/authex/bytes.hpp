#pragma once
// Readers and writers of byte strings, and what secrets need: the only way into bytes, for modules
// and for Authex itself.
// All integers are little-endian on every TEE.

#include <cstddef>
#include <cstdint>
#include <span>

namespace authex {

/// Bytes that are read. Borrowed: whoever made the view keeps the memory alive.
using ByteView = std::span<const std::uint8_t>;
/// Bytes that are written. Borrowed likewise.
using Bytes = std::span<std::uint8_t>;

/// The bytes of a literal, without the zero behind them.
template <std::size_t N>
[[nodiscard]] ByteView bytes_of_text(const char (&text)[N]) {
    return {reinterpret_cast<const std::uint8_t*>(text), N - 1};
}

/// Overwrites secrets with zeros in a way that the compiler may not remove.
void wipe(Bytes secret);

/// Copies `from` to the front of `to`. @pre from.size() <= to.size(); the ranges may overlap.
void copy(ByteView from, Bytes to);

/// Compares in time that depends on the lengths only. Different lengths are unequal.
[[nodiscard]] bool equal_constant_time(ByteView a, ByteView b);

/// Walks over borrowed bytes. The first read past the end makes the reader fail for good: every
/// later read gives zero or an empty view, so a parser reads all its fields and asks `ok()` once.
class Reader {
  public:
    explicit Reader(ByteView bytes) : bytes_(bytes) {}

    std::uint8_t u8();
    std::uint16_t u16();
    std::uint32_t u32();
    std::uint64_t u64();
    /// The next `count` bytes, or an empty view and failure where fewer are left.
    ByteView take(std::size_t count);
    /// All that is left.
    ByteView rest() { return take(remaining()); }

    [[nodiscard]] std::size_t remaining() const { return bytes_.size(); }
    [[nodiscard]] bool ok() const { return !failed_; }
    /// True if every read succeeded and nothing is left over.
    [[nodiscard]] bool done() const { return !failed_ && bytes_.empty(); }

  private:
    template <typename T>
    T integer();

    ByteView bytes_; ///< what is left; empty once failed
    bool failed_ = false;
};

/// Fills borrowed bytes from the front. The first write that does not fit makes the writer fail for
/// good and writes nothing.
class Writer {
  public:
    explicit Writer(Bytes bytes) : bytes_(bytes) {}

    Writer& u8(std::uint8_t value);
    Writer& u16(std::uint16_t value);
    Writer& u32(std::uint32_t value);
    Writer& u64(std::uint64_t value);
    Writer& bytes(ByteView value);

    [[nodiscard]] std::size_t size() const { return position_; }
    [[nodiscard]] bool ok() const { return !failed_; }
    /// What was written so far.
    [[nodiscard]] Bytes written() const { return bytes_.first(position_); }

  private:
    Bytes bytes_;
    std::size_t position_ = 0;
    bool failed_ = false;
};

} // namespace authex
