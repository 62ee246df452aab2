#include "tee/sgx/protobuf.hpp"

namespace authex::tee::sgx {
namespace {

constexpr unsigned wire_varint = 0;
constexpr unsigned wire_bytes = 2;
constexpr unsigned wire_bits = 3;

std::uint64_t read_varint(Reader& reader, bool& good) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const std::uint8_t byte = reader.u8();
        value |= std::uint64_t{byte & 0x7FU} << shift;
        if ((byte & 0x80U) == 0) {
            return value;
        }
    }
    good = false;
    return 0;
}

} // namespace

void ProtobufWriter::varint(std::uint64_t value) {
    while (value >= 0x80) {
        bytes_.push_back(static_cast<std::uint8_t>(value | 0x80U));
        value >>= 7U;
    }
    bytes_.push_back(static_cast<std::uint8_t>(value));
}

ProtobufWriter& ProtobufWriter::number(std::uint32_t field, std::uint64_t value) {
    varint(std::uint64_t{field} << wire_bits | wire_varint);
    varint(value);
    return *this;
}

ProtobufWriter& ProtobufWriter::bytes(std::uint32_t field, ByteView value) {
    varint(std::uint64_t{field} << wire_bits | wire_bytes);
    varint(value.size());
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
}

std::optional<ProtobufFields> parse_protobuf(ByteView bytes) {
    ProtobufFields fields;
    Reader reader(bytes);
    bool good = true;
    while (good && reader.ok() && reader.remaining() != 0) {
        const std::uint64_t key = read_varint(reader, good);
        const auto field = static_cast<std::uint32_t>(key >> wire_bits);
        if ((key & ((1U << wire_bits) - 1)) == wire_varint) {
            fields.numbers[field] = read_varint(reader, good);
        } else if ((key & ((1U << wire_bits) - 1)) == wire_bytes) {
            const std::uint64_t size = read_varint(reader, good);
            good = good && size <= reader.remaining();
            fields.bytes[field] = reader.take(good ? static_cast<std::size_t>(size) : 0);
        } else {
            return std::nullopt;
        }
    }
    return good && reader.ok() ? std::optional(std::move(fields)) : std::nullopt;
}

} // namespace authex::tee::sgx
