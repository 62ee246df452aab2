#include "tee/sgx/verifier/cbor.hpp"

namespace authex::tee::sgx {

std::optional<std::uint32_t> CborReader::head(CborType type) {
    constexpr std::uint8_t first_sized = 24; // one byte follows; 25: two; 26: four
    constexpr std::uint8_t last_sized = 26;
    if (failed_ || bytes_.empty() || bytes_[0] >> 5U != static_cast<std::uint8_t>(type)) {
        failed_ = true;
        return std::nullopt;
    }
    const std::uint8_t short_argument = bytes_[0] & 0x1FU;
    const std::size_t size = short_argument < first_sized
                                 ? 0
                                 : std::size_t{1} << std::size_t(short_argument - first_sized);
    if (short_argument > last_sized || bytes_.size() < 1 + size) {
        failed_ = true;
        return std::nullopt;
    }
    std::uint32_t argument = size == 0 ? short_argument : 0;
    for (const std::uint8_t byte : bytes_.subspan(1, size)) {
        argument = argument << 8U | byte;
    }
    bytes_ = bytes_.subspan(1 + size);
    return argument;
}

std::optional<ByteView> CborReader::string(CborType type) {
    const std::optional<std::uint32_t> size = head(type);
    if (!size || *size > bytes_.size()) {
        failed_ = true;
        return std::nullopt;
    }
    const ByteView content = bytes_.first(*size);
    bytes_ = bytes_.subspan(*size);
    return content;
}

} // namespace authex::tee::sgx
