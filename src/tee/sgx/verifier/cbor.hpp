#pragma once
// Walks over CBOR: definite lengths, and arguments of at most four bytes.        (RFC 8949 §3)

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace authex::tee::sgx {

enum class CborType : std::uint8_t {
    unsigned_integer = 0,
    bytes = 2,
    text = 3,
    array = 4,
    map = 5,
    tag = 6,
};

/// Nothing, and the same for all that follows, where the next item is another or is cut.
class CborReader {
  public:
    explicit CborReader(ByteView bytes) : bytes_(bytes) {}

    /// The argument of an item's head: the integer, the number of items, the tag.
    [[nodiscard]] std::optional<std::uint32_t> head(CborType type);
    /// The content of a string of bytes or text.
    [[nodiscard]] std::optional<ByteView> string(CborType type);
    [[nodiscard]] bool done() const { return bytes_.empty() && !failed_; }

  private:
    ByteView bytes_;
    bool failed_ = false;
};

} // namespace authex::tee::sgx
