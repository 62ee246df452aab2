#include "em/checksum.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace authex::em {
namespace {

/// The polynomial 0x1EDC6F41, reflected.
constexpr std::uint32_t polynomial = 0x82F63B78;

constexpr std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value & 1U) != 0 ? (value >> 1U) ^ polynomial : value >> 1U;
        }
        table[i] = value;
    }
    return table;
}
constexpr std::array<std::uint32_t, 256> table = make_table();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_instruction(ByteView bytes) {
    std::uint64_t crc = 0xFFFFFFFF;
    std::size_t at = 0;
    for (; bytes.size() - at >= 8; at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        crc = _mm_crc32_u64(crc, word);
    }
    std::uint32_t last = static_cast<std::uint32_t>(crc);
    for (; at < bytes.size(); ++at) {
        last = _mm_crc32_u8(last, bytes[at]);
    }
    return last ^ 0xFFFFFFFFU;
}
#endif

} // namespace

std::uint32_t crc32c_by_table(ByteView bytes) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (const std::uint8_t byte : bytes) {
        crc = table[(crc ^ byte) & 0xFFU] ^ (crc >> 8U);
    }
    return crc ^ 0xFFFFFFFFU;
}

std::uint32_t crc32c(ByteView bytes) {
#if defined(__x86_64__)
    static const bool has_instruction = static_cast<int>(__builtin_cpu_supports("sse4.2")) != 0;
    if (has_instruction) {
        return crc32c_by_instruction(bytes);
    }
#endif
    return crc32c_by_table(bytes);
}

} // namespace authex::em
