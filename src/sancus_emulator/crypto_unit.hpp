#pragma once
// What the crypto unit of the core does, word by word as the hardware: whole words alone, addresses
// with their lowest bit ignored, an end before the start meaning nothing.
// Source: sancus-core, core/rtl/verilog/crypto/crypto_control.v.

#include <array>
#include <cstdint>
#include <functional>
#include <span>

#include "sancus_emulator/enclaves.hpp"

namespace authex::sancus_emulator {

/// Bits of security. A key or tag has as many.
enum class Security : std::uint8_t { bits64, bits128 };

constexpr std::size_t key_bytes(Security security) {
    return security == Security::bits128 ? 16 : 8;
}

using Key = std::array<std::uint8_t, 16>; ///< at level 64 the first 8 count

/// Memory as the unit sees it.
struct WordBus {
    std::function<std::uint16_t(std::uint16_t)> load;
    std::function<void(std::uint16_t, std::uint16_t)> store;
};

/// From `start` up to, but without, `end`.
struct WordRange {
    std::uint16_t start = 0;
    std::uint16_t end = 0;

    [[nodiscard]] std::uint32_t words() const { return end > start ? (end - start + 1U) / 2 : 0; }
};

/// MAC(node key, vendor id).
Key vendor_key(Security security, const Key& node_key, std::uint16_t vendor);
/// MAC(key, text ‖ layout): with the vendor's key a module's key, with the zero key its
/// measurement.
Key text_mac(Security security, const Key& key, const Layout& layout, const WordBus& bus);

struct Wrapping {
    WordRange associated;
    WordRange body;
    std::uint16_t output = 0;
    std::uint16_t tag = 0;
};
void wrap(Security security, const Key& key, const Wrapping& wrapping, const WordBus& bus);
/// @param leave_plaintext what a wrong tag leaves in memory is the plain text, else nothing.
[[nodiscard]] bool unwrap(Security security,
                          const Key& key,
                          const Wrapping& wrapping,
                          const WordBus& bus,
                          bool leave_plaintext);
/// Text that was encrypted by its vendor, in place. @param nonce the associated data
[[nodiscard]] bool unwrap_text(Security security,
                               const Key& key,
                               std::uint16_t nonce,
                               const Wrapping& wrapping,
                               const WordBus& bus,
                               bool leave_plaintext);
/// Whether the tag lies in memory. Reads all of it.
[[nodiscard]] bool
tag_matches(Security security, const Key& tag, std::uint16_t address, const WordBus& bus);

} // namespace authex::sancus_emulator
