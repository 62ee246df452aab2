#include "base/bytes.hpp"

namespace authex {

ByteView Reader::take(std::size_t count) {
    if (failed_ || count > bytes_.size() - position_) {
        failed_ = true;
        return {};
    }
    const ByteView taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
}

std::uint64_t Reader::unsigned_of(std::uint8_t width_bytes) {
    const ByteView field = take(width_bytes);
    std::uint64_t value = 0;
    for (std::size_t i = field.size(); i > 0; --i) {
        value = (value << 8U) | field[i - 1];
    }
    return value;
}

std::uint8_t Reader::u8() {
    return static_cast<std::uint8_t>(unsigned_of(1));
}
std::uint16_t Reader::u16() {
    return static_cast<std::uint16_t>(unsigned_of(2));
}
std::uint32_t Reader::u32() {
    return static_cast<std::uint32_t>(unsigned_of(4));
}
std::uint64_t Reader::u64() {
    return unsigned_of(8);
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

Writer& Writer::unsigned_of(std::uint64_t value, std::uint8_t width_bytes) {
    if (failed_ || width_bytes > bytes_.size() - position_) {
        failed_ = true;
        return *this;
    }
    for (std::uint8_t i = 0; i < width_bytes; ++i) {
        bytes_[position_++] = static_cast<std::uint8_t>(value);
        value >>= 8U;
    }
    return *this;
}

Writer& Writer::u8(std::uint8_t value) {
    return unsigned_of(value, 1);
}
Writer& Writer::u16(std::uint16_t value) {
    return unsigned_of(value, 2);
}
Writer& Writer::u32(std::uint32_t value) {
    return unsigned_of(value, 4);
}
Writer& Writer::u64(std::uint64_t value) {
    return unsigned_of(value, 8);
}

} // namespace authex
