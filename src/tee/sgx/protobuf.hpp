#pragma once
// As much of protocol buffers as AESM speaks: numbers and bytes in fields, messages in messages.
//                                                        (protobuf.dev, "Encoding")

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.hpp"

namespace authex::tee::sgx {

class ProtobufWriter {
  public:
    ProtobufWriter& number(std::uint32_t field, std::uint64_t value);
    ProtobufWriter& bytes(std::uint32_t field, ByteView value);
    [[nodiscard]] const std::vector<std::uint8_t>& written() const { return bytes_; }

  private:
    void varint(std::uint64_t value);
    std::vector<std::uint8_t> bytes_;
};

/// The fields of a message, the last of each number. Borrowed.
struct ProtobufFields {
    std::map<std::uint32_t, std::uint64_t> numbers;
    std::map<std::uint32_t, ByteView> bytes;
};
/// Nothing where the bytes are no message.
[[nodiscard]] std::optional<ProtobufFields> parse_protobuf(ByteView bytes);

} // namespace authex::tee::sgx
