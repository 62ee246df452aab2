#include <authex/web/der.hpp>

namespace authex::web {

void DerWriter::bytes(ByteView value) {
    if (failed_ || value.size() > begin_) {
        failed_ = true;
        return;
    }
    begin_ -= value.size();
    copy(value, room_.subspan(begin_));
}

void DerWriter::header(std::uint8_t identifier, std::size_t content_bytes) {
    const auto high = static_cast<std::uint8_t>(content_bytes >> 8U);
    const auto low = static_cast<std::uint8_t>(content_bytes);
    failed_ = failed_ || content_bytes > UINT16_MAX;
    if (content_bytes < 0x80) {
        const std::uint8_t octets[] = {identifier, low};
        bytes(octets);
    } else if (content_bytes <= UINT8_MAX) {
        const std::uint8_t octets[] = {identifier, 0x81, low};
        bytes(octets);
    } else {
        const std::uint8_t octets[] = {identifier, 0x82, high, low};
        bytes(octets);
    }
}

void DerWriter::value(std::uint8_t identifier, ByteView content) {
    bytes(content);
    header(identifier, content.size());
}

} // namespace authex::web
