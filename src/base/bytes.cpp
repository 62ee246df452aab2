#include "base/bytes.hpp"

namespace authex {

ByteView Reader::take(std::size_t count) {
    if (count > bytes_.size()) {
        failed_ = true;
        bytes_ = {};
        return {};
    }
    const ByteView taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
}

template <typename T>
T Reader::integer() {
    const ByteView field = take(sizeof(T));
    T value = 0;
    if (!field.empty()) {
        __builtin_memcpy(&value, field.data(), sizeof value);
    }
    return value;
}

std::uint8_t Reader::u8() {
    return integer<std::uint8_t>();
}
std::uint16_t Reader::u16() {
    return integer<std::uint16_t>();
}
std::uint32_t Reader::u32() {
    return integer<std::uint32_t>();
}
std::uint64_t Reader::u64() {
    return integer<std::uint64_t>();
}

Writer& Writer::bytes(ByteView value) {
    if (failed_ || value.size() > bytes_.size() - position_) {
        failed_ = true;
        return *this;
    }
    copy(value, bytes_.subspan(position_));
    position_ += value.size();
    return *this;
}

Writer& Writer::u8(std::uint8_t value) {
    return bytes(bytes_of(value));
}
Writer& Writer::u16(std::uint16_t value) {
    return bytes(bytes_of(value));
}
Writer& Writer::u32(std::uint32_t value) {
    return bytes(bytes_of(value));
}
Writer& Writer::u64(std::uint64_t value) {
    return bytes(bytes_of(value));
}

} // namespace authex
