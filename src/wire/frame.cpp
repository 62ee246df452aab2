#include "wire/frame.hpp"

#include "base/counter.hpp"
#include "crypto/aead.hpp"

namespace authex::wire {
namespace {

constexpr std::size_t counter_offset = 12;
static_assert(offsetof(FrameHeader, kind) == 1 && offsetof(FrameHeader, deployment) == 2 &&
              offsetof(FrameHeader, channel) == 4 && offsetof(FrameHeader, flags) == 6 &&
              offsetof(FrameHeader, length) == 8);

/// Padding, at most 2, and which key belong to sealed frames; of these only a reply can be
/// negative.
bool flags_allowed(const FrameHeader& header) {
    unsigned allowed = flag_direction | flag_negative;
    if (is_sealed(header.kind)) {
        allowed = header.kind == Kind::reply ? flag_known : flag_known & ~flag_negative;
    }
    return (header.flags & ~allowed) == 0 && header.padding() <= 2;
}

} // namespace

Error parse_header(ByteView bytes, FrameHeader& header) {
    if (bytes.size() < header_bytes) {
        return Error::truncated;
    }
    __builtin_memcpy(
        &header, bytes.data(), header_is_as_on_the_wire ? header_bytes : counter_offset);
    if (!header_is_as_on_the_wire) {
        __builtin_memcpy(&header.counter, bytes.data() + counter_offset, sizeof header.counter);
    }
    if (header.version != protocol_version) {
        return Error::unknown_version;
    }
    const auto kind = static_cast<std::uint8_t>(header.kind);
    if (kind == 0 || kind > kind_max) {
        return Error::unknown_kind;
    }
    const std::size_t trailer = is_sealed(header.kind) ? tag_bytes + header.padding() : 0;
    if (!header.length_within(max_body_bytes + trailer)) {
        return Error::too_large;
    }
    return static_cast<std::size_t>(header.length) >= trailer && flags_allowed(header)
               ? Error::none
               : Error::malformed;
}

void write_header(const FrameHeader& header, Bytes out) {
    __builtin_memcpy(out.data(), &header, header_is_as_on_the_wire ? header_bytes : counter_offset);
    if (!header_is_as_on_the_wire) {
        __builtin_memcpy(out.data() + counter_offset, &header.counter, sizeof header.counter);
    }
    out[0] = protocol_version;
}

ByteView header_as_bytes(FrameHeader& header, Bytes room) {
    if constexpr (header_is_as_on_the_wire) {
        header.version = protocol_version;
        return bytes_of(header).first(header_bytes);
    }
    write_header(header, room);
    return room.first(header_bytes);
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

AssociatedData associated_data(const FrameHeader& header) {
    AssociatedData data;
    data[0] = static_cast<std::uint8_t>(header.kind);
    data[1] = static_cast<std::uint8_t>(header.flags);
    __builtin_memcpy(&data[2], &header.channel, sizeof header.channel);
    store(&data[4], header.counter);
    return data;
}

std::array<std::uint8_t, 12> nonce(const FrameHeader& header) {
    std::array<std::uint8_t, 12> value{};
    if constexpr (!crypto::with_aes) {
        return value; // SPONGENT takes none
    }
    value[0] = static_cast<std::uint8_t>(header.direction());
    std::uint64_t counter = header.counter;
    for (std::size_t i = value.size(); i > 4; --i) {
        value[i - 1] = static_cast<std::uint8_t>(counter);
        counter >>= 8U;
    }
    return value;
}

} // namespace authex::wire
