#include "wire/frame.hpp"

#include <bit>

namespace authex::wire {
namespace {

static_assert(std::endian::native == std::endian::little, "every TEE of Authex is little-endian");

template <typename T>
T load(const std::uint8_t* from) {
    T value = 0;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

template <typename T>
void store(T value, std::uint8_t* to) {
    __builtin_memcpy(to, &value, sizeof value);
}

/// Padding belongs to sealed frames and is at most 2; of these only a reply can be negative.
bool flags_allowed(const FrameHeader& header) {
    const bool sealed = is_sealed(header.kind);
    const bool known = (header.flags & ~static_cast<unsigned>(flag_known)) == 0;
    const bool padding = sealed ? header.padding() <= 2 : header.padding() == 0;
    return known && padding && !(sealed && header.negative() && header.kind != Kind::reply);
}

} // namespace

Error parse_header(ByteView bytes, FrameHeader& header) {
    if (bytes.size() < header_bytes) {
        return Error::truncated;
    }
    const std::uint8_t* at = bytes.data();
    header.kind = static_cast<Kind>(at[1]);
    header.deployment = load<std::uint16_t>(at + 2);
    header.channel = load<std::uint16_t>(at + 4);
    header.flags = load<std::uint16_t>(at + 6);
    header.length = load<std::uint32_t>(at + 8);
    header.counter = load<std::uint64_t>(at + 12);
    if (at[0] != protocol_version) {
        return Error::unknown_version;
    }
    if (at[1] == 0 || at[1] > kind_max) {
        return Error::unknown_kind;
    }
    const std::uint32_t trailer =
        is_sealed(header.kind) ? static_cast<std::uint32_t>(tag_bytes + header.padding()) : 0;
    if (header.length > max_body_bytes + trailer) {
        return Error::too_large;
    }
    return header.length >= trailer && flags_allowed(header) ? Error::none : Error::malformed;
}

void write_header(const FrameHeader& header, Bytes out) {
    std::uint8_t* at = out.data();
    at[0] = protocol_version;
    at[1] = static_cast<std::uint8_t>(header.kind);
    store(header.deployment, at + 2);
    store(header.channel, at + 4);
    store(header.flags, at + 6);
    store(header.length, at + 8);
    store(header.counter, at + 12);
}

Error parse_frame(ByteView bytes, FrameView& frame) {
    const Error error = parse_header(bytes, frame.header);
    if (error != Error::none) {
        return error;
    }
    if (frame.header.length > bytes.size() - header_bytes) {
        return Error::truncated;
    }
    const std::size_t trailer = is_sealed(frame.header.kind) ? tag_bytes : 0;
    const auto length = static_cast<std::size_t>(frame.header.length);
    frame.body = bytes.subspan(header_bytes, length - trailer);
    frame.tag = bytes.subspan(header_bytes + length - trailer, trailer);
    return Error::none;
}

std::array<std::uint8_t, associated_bytes> associated_data(const FrameHeader& header) {
    std::array<std::uint8_t, associated_bytes> data{};
    data[0] = static_cast<std::uint8_t>(header.kind);
    data[1] = static_cast<std::uint8_t>(header.flags);
    store(header.channel, data.data() + 2);
    store(header.counter, data.data() + 4);
    return data;
}

std::array<std::uint8_t, 12> nonce(const FrameHeader& header) {
    std::array<std::uint8_t, 12> value{};
    value[0] = static_cast<std::uint8_t>(header.direction());
    std::uint64_t counter = header.counter;
    for (std::size_t i = value.size(); i > 4; --i) {
        value[i - 1] = static_cast<std::uint8_t>(counter);
        counter >>= 8U;
    }
    return value;
}

} // namespace authex::wire
