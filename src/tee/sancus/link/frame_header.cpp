#include "tee/sancus/link/frame_header.hpp"

namespace authex::tee::sancus::link {
namespace {

/// Offsets in a frame's header.                                            (wire/frame.hpp)
constexpr std::size_t kind_at = 1;
constexpr std::size_t deployment_at = 2;
constexpr std::size_t channel_at = 4;
constexpr std::size_t flags_at = 6;
constexpr std::size_t length_at = 8;
constexpr std::size_t counter_at = 12;
constexpr std::size_t counter_bytes = 8;
constexpr std::uint8_t version = 1;

constexpr std::uint8_t kind_turned = 24;
constexpr std::uint8_t turned_kinds = (1U << (8 - slot_bits)) - kind_turned;
constexpr std::uint8_t flags_mask = 0x0F;
constexpr std::uint8_t flag_turned = 0x10;
constexpr std::uint8_t wide_channel = 0x80;
constexpr std::uint8_t counter_code_all = 7;

} // namespace

std::size_t compress_header(const std::uint8_t* header, std::uint8_t slot, std::uint8_t* out) {
    const bool turned = (header[flags_at] & flag_turned) != 0;
    const bool fits = header[kind_at] < (turned ? turned_kinds : kind_turned) &&
                      header[flags_at] <= (flag_turned | flags_mask) && header[flags_at + 1] == 0;
    if (header[0] != version || !fits) {
        return 0;
    }
    std::uint8_t* at = out + 2;
    *at++ = header[channel_at];
    std::uint8_t shape = header[flags_at] & flags_mask;
    if (header[channel_at + 1] != 0) {
        *at++ = header[channel_at + 1];
        shape |= wide_channel;
    }
    std::uint8_t significant = counter_bytes;
    while (significant != 0 && header[counter_at + significant - 1U] == 0) {
        --significant;
    }
    if (significant >= counter_code_all) {
        significant = counter_bytes;
    }
    for (std::uint8_t i = 0; i != significant; ++i) {
        *at++ = header[counter_at + i];
    }
    const std::uint8_t code = significant < counter_code_all ? significant : counter_code_all;
    const unsigned kind = turned ? header[kind_at] + kind_turned : header[kind_at];
    out[0] = static_cast<std::uint8_t>(slot | kind << slot_bits);
    out[1] = static_cast<std::uint8_t>(shape | code << 4U);
    return static_cast<std::size_t>(at - out);
}

std::size_t restore_header(ByteView message, std::uint16_t deployment, std::uint8_t* header) {
    if (message.size() < 3) {
        return 0;
    }
    const std::uint8_t* at = message.data();
    const std::uint8_t shape = at[1];
    const std::uint8_t code = shape >> 4U & 7U;
    const std::uint8_t significant = code == counter_code_all ? counter_bytes : code;
    const std::size_t taken = 3U + ((shape & wide_channel) != 0 ? 1U : 0U) + significant;
    if (message.size() < taken) {
        return 0;
    }
    __builtin_memset(header, 0, frame_header_bytes);
    header[0] = version;
    const std::uint8_t kind = at[0] >> slot_bits;
    const bool turned = kind >= kind_turned;
    header[kind_at] = turned ? kind - kind_turned : kind;
    header[deployment_at] = static_cast<std::uint8_t>(deployment);
    header[deployment_at + 1] = static_cast<std::uint8_t>(deployment >> 8U);
    header[flags_at] = static_cast<std::uint8_t>((shape & flags_mask) | (turned ? flag_turned : 0));
    at += 2;
    header[channel_at] = *at++;
    if ((shape & wide_channel) != 0) {
        header[channel_at + 1] = *at++;
    }
    for (std::uint8_t i = 0; i != significant; ++i) {
        header[counter_at + i] = *at++;
    }
    const std::size_t length = message.size() - taken;
    header[length_at] = static_cast<std::uint8_t>(length);
    header[length_at + 1] = static_cast<std::uint8_t>(length >> 8U);
    return taken;
}

} // namespace authex::tee::sancus::link
