#include "tee/sancus/link/packet.hpp"

namespace authex::tee::sancus::link {
namespace {

/// The longest block of COBS: 254 bytes, none of them zero.
constexpr std::uint8_t literals_max = 254;

} // namespace

/// Shifts of whole bytes and nibbles instead of a table, which a microcontroller has no room for.
std::uint16_t crc16(ByteView bytes) {
    std::uint16_t crc = 0xFFFF;
    for (const std::uint8_t byte : bytes) {
        auto x = static_cast<std::uint8_t>((crc >> 8U) ^ byte);
        x = static_cast<std::uint8_t>(x ^ (x >> 4U));
        const auto wide = static_cast<std::uint16_t>(x);
        const auto nibble = static_cast<std::uint16_t>(wide << 4U);
        crc = static_cast<std::uint16_t>((crc << 8U) ^ (nibble << 8U) ^ (nibble << 1U) ^ wide);
    }
    return crc;
}

void Encoder::start(std::uint8_t* data, std::size_t bytes, bool leading) {
    const std::uint16_t check = crc16({data, bytes});
    data[bytes] = static_cast<std::uint8_t>(check);
    data[bytes + 1] = static_cast<std::uint8_t>(check >> 8U);
    position_ = data;
    end_ = data + bytes + check_bytes;
    literals_ = 0;
    zero_ = false;
    open_ = true;
    leading_ = leading;
    busy_ = true;
}

std::uint8_t Encoder::next() {
    if (leading_) {
        leading_ = false;
        return 0;
    }
    if (literals_ != 0) {
        --literals_;
        return *position_++;
    }
    if (!open_) {
        busy_ = false;
        return 0;
    }
    position_ += zero_ ? 1 : 0;
    const std::uint8_t* look = position_;
    while (look != end_ && *look != 0 && literals_ != literals_max) {
        ++look;
        ++literals_;
    }
    zero_ = literals_ != literals_max && look != end_;
    open_ = look != end_;
    return static_cast<std::uint8_t>(literals_ + 1);
}

void Decoder::put(std::uint8_t byte) {
    if (bytes_ == packet_bytes_max) {
        too_long_ = true;
        return;
    }
    packet_->data[bytes_++] = byte;
}

Decoded Decoder::byte(std::uint8_t byte) {
    if (byte == 0) {
        if (inside_) {
            return end();
        }
        announced_ = true;
        return Decoded::nothing;
    }
    if (left_ != 0) {
        --left_;
        put(byte);
        return Decoded::nothing;
    }
    if (inside_ && !full_) {
        put(0);
    }
    inside_ = true;
    full_ = byte == literals_max + 1;
    left_ = static_cast<std::uint8_t>(byte - 1);
    return Decoded::nothing;
}

Decoded Decoder::end() {
    const bool whole = left_ == 0 && !too_long_ && bytes_ >= control_bytes + check_bytes;
    const auto bytes = static_cast<std::uint16_t>(bytes_ - check_bytes);
    bytes_ = 0;
    left_ = 0;
    inside_ = false;
    announced_ = false;
    too_long_ = false;
    if (!whole) {
        return Decoded::bad;
    }
    const std::uint8_t* check = packet_->data.data() + bytes;
    if (crc16({packet_->data.data(), bytes}) !=
            static_cast<std::uint16_t>(check[0] | check[1] << 8U) ||
        (packet_->data[0] & Control::unused) != 0) {
        return Decoded::bad;
    }
    packet_->bytes = bytes;
    return Decoded::packet;
}

} // namespace authex::tee::sancus::link
