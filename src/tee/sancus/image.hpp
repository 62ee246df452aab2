#pragma once
// A module for Sancus before it has a place, and what it is at one: bytes, measurement, key. The
// node says where there is room, the deployer computes with what will be there.
//
// The file, little-endian:
//   magic "AXSI", then u16 each: version 1, vendor id, text bytes, data bytes, gate bytes, device
//   begin, device end, interrupt vector (0: none), offset of the placed words in the text, offset
//   of the endpoint records in the text, their number, relocations of the text and of the data;
//   text, gate, then the offsets (u16) of the words of the text to which the text's address is to
//   be added, then of those for the data's
//
// At a place, the placed words of the text become: address of the gate, number of the module, 16
// bytes of the gate's measurement; the last word of the gate the number of the module. All zero
// without a gate. (port/entry.S, port/gate.S)

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "descriptor/endpoint.hpp"
#include "tee/state_layout.hpp"

namespace authex::tee::sancus {

/// 16 bytes; a key or a MAC of SPONGENT-128.
using Key = std::array<std::uint8_t, 16>;

/// Section bounds are multiples of this.
constexpr std::uint16_t placement_alignment = 8;
constexpr std::uint16_t placed_bytes = 20;

struct SancusImage {
    std::uint16_t vendor_id = 0;
    std::uint16_t text_bytes = 0; ///< even
    std::uint16_t data_bytes = 0; ///< even; zeroed by the node, and not believed
    std::uint16_t gate_bytes = 0; ///< 0: the module owns no device
    std::uint16_t device_begin = 0;
    std::uint16_t device_end = 0; ///< exclusive
    std::uint16_t vector = 0;     ///< number of the interrupt, 0: none
    std::uint16_t placed_offset = 0;
    std::uint16_t endpoints_offset = 0;
    std::uint16_t endpoints = 0;
    std::vector<std::uint8_t> text; ///< linked as if text and data began at 0
    std::vector<std::uint8_t> gate;
    std::vector<std::uint16_t> text_relocations;
    std::vector<std::uint16_t> data_relocations;
};

[[nodiscard]] std::vector<std::uint8_t> serialize(const SancusImage& image);
/// All that the file says is within its own bounds afterwards. @error image-malformed
[[nodiscard]] Expected<SancusImage> parse_image(ByteView file);
/// @error image-malformed | endpoint-duplicate
[[nodiscard]] Expected<std::vector<descriptor::Endpoint>> endpoints_of(const SancusImage& image);

/// The version of its state, and whether it takes others. @error image-malformed
[[nodiscard]] Expected<StateLayout> stated_version(const SancusImage& image);

/// Where a module lies: start addresses, and the number that hardware gives to it.
struct Placement {
    std::uint16_t text = 0;
    std::uint16_t data = 0;
    std::uint16_t gate = 0; ///< without one: 0
    std::uint16_t id = 0;   ///< without a gate: 0, since nothing depends on it
    friend bool operator==(const Placement&, const Placement&) = default;
};
constexpr std::size_t placement_bytes = 8;
/// The four words, little-endian: as ModuleLink::placement() and ModuleStatus carry it.
[[nodiscard]] std::array<std::uint8_t, placement_bytes> serialize(const Placement& placement);
/// @error placement-malformed: not placement_bytes, an odd address, sections beyond the address
/// space or over each other
[[nodiscard]] Expected<Placement> parse_placement(ByteView bytes, const SancusImage& image);

/// @pre parse_placement() of this image or checks as its
[[nodiscard]] std::vector<std::uint8_t> placed_text(const SancusImage& image,
                                                    const Placement& placement);
/// Empty where the image has no gate.
[[nodiscard]] std::vector<std::uint8_t> placed_gate(const SancusImage& image,
                                                    const Placement& placement);

/// What the instruction `attest` compares: the MAC under the zero key of text and layout. Everybody
/// can compute it. (Sancus 2.0, TOPS 2017, §3; measured on the hardware description)
[[nodiscard]] Key measurement(const SancusImage& image, const Placement& placement);
/// K(node, vendor) = MAC under the node's master key of the vendor's number. Secret.
[[nodiscard]] Key vendor_key(const Key& node_key, std::uint16_t vendor_id);
/// K(node, vendor, module): of the same bytes as the measurement. Secret.
[[nodiscard]] Key
module_key(const Key& vendor, const SancusImage& image, const Placement& placement);

} // namespace authex::tee::sancus
