#include "sancus_emulator/gdb/packets.hpp"

#include <charconv>
#include <numeric>

namespace authex::sancus_emulator::gdb {
namespace {

constexpr char packet_begins = '$';
constexpr char packet_ends = '#';
constexpr char escape = '}';
constexpr char escape_bit = 0x20;
constexpr char interrupt = 0x03;
constexpr std::string_view digits = "0123456789abcdef";
constexpr unsigned no_digit = 16;

unsigned digit_of(char byte) {
    if (byte >= '0' && byte <= '9') {
        return static_cast<unsigned>(byte - '0');
    }
    if (byte >= 'a' && byte <= 'f') {
        return static_cast<unsigned>(byte - 'a') + 10;
    }
    return byte >= 'A' && byte <= 'F' ? static_cast<unsigned>(byte - 'A') + 10 : no_digit;
}

std::string hex_of(std::uint8_t byte) {
    return {digits[byte >> 4U], digits[byte & 15U]};
}

} // namespace

std::optional<Item> PacketReader::take(char byte) {
    switch (state_) {
    case State::between:
        return outside(byte);
    case State::payload:
    case State::escaped:
        inside(byte);
        return std::nullopt;
    case State::first_digit:
        high_digit_ = digit_of(byte);
        state_ = State::second_digit;
        return std::nullopt;
    case State::second_digit:
        state_ = State::between;
        return whole(digit_of(byte));
    }
    return std::nullopt;
}

std::optional<Item> PacketReader::outside(char byte) {
    switch (byte) {
    case packet_begins:
        state_ = State::payload;
        payload_.clear();
        size_ = 0;
        sum_ = 0;
        return std::nullopt;
    case interrupt:
        return Item{Item::Kind::interrupt, {}};
    case '+':
        return Item{Item::Kind::acknowledged, {}};
    case '-':
        return Item{Item::Kind::refused, {}};
    default:
        return std::nullopt;
    }
}

void PacketReader::inside(char byte) {
    if (byte == packet_ends) {
        state_ = State::first_digit;
        return;
    }
    if (byte == packet_begins) { // it was cut off, and comes again
        state_ = State::between;
        outside(byte);
        return;
    }
    sum_ = static_cast<std::uint8_t>(sum_ + static_cast<std::uint8_t>(byte));
    size_ = size_ > packet_bytes_max ? size_ : size_ + 1;
    if (state_ == State::payload && byte == escape) {
        state_ = State::escaped;
        return;
    }
    if (size_ <= packet_bytes_max) {
        payload_ += state_ == State::escaped ? static_cast<char>(byte ^ escape_bit) : byte;
    }
    state_ = State::payload;
}

Item PacketReader::whole(unsigned digit) {
    if (high_digit_ == no_digit || digit == no_digit || (high_digit_ << 4U | digit) != sum_) {
        return {Item::Kind::damaged, {}};
    }
    if (size_ > packet_bytes_max) {
        return {Item::Kind::oversized, {}};
    }
    return {Item::Kind::packet, payload_};
}

std::string frame(std::string_view payload) {
    std::string body;
    body.reserve(payload.size());
    for (const char byte : payload) {
        if (byte == packet_begins || byte == packet_ends || byte == escape || byte == '*') {
            body += escape;
            body += static_cast<char>(byte ^ escape_bit);
        } else {
            body += byte;
        }
    }
    const auto sum =
        std::accumulate(body.begin(), body.end(), std::uint8_t{0}, [](std::uint8_t so_far, char c) {
            return static_cast<std::uint8_t>(so_far + static_cast<std::uint8_t>(c));
        });
    return packet_begins + body + packet_ends + hex_of(sum);
}

std::string hex(ByteView bytes) {
    std::string text;
    text.reserve(2 * bytes.size());
    for (const std::uint8_t byte : bytes) {
        text += hex_of(byte);
    }
    return text;
}

std::string hex(std::string_view text) {
    return hex(ByteView{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::optional<std::uint64_t> Fields::number() {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value, 16);
    if (error != std::errc{}) {
        return std::nullopt;
    }
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return value;
}

bool Fields::skip(std::string_view text) {
    if (!text_.starts_with(text)) {
        return false;
    }
    text_.remove_prefix(text.size());
    return true;
}

} // namespace authex::sancus_emulator::gdb
