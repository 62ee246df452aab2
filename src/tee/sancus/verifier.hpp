#pragma once
// Checks the evidence of modules on Sancus nodes: a MAC under the key that hardware derives from
// the node's key, the vendor and the module's text and place, all of which the owner computes
// himself.

#include "tee/sancus/image.hpp"
#include "tee/verifier.hpp"

namespace authex::tee::sancus {

/// The node key of the Sancus tools, which emulators and simulators have unless told otherwise.
/// What is rooted in it proves nothing.
constexpr Key development_node_key = {
    0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0xba, 0xbe, 0xc0, 0xde, 0xfe, 0xed, 0xde, 0xfe, 0xc8, 0xed};

[[nodiscard]] bool is_development_key(const Key& vendor_key, std::uint16_t vendor_id);

/// What hardware derives for the image at the place that the node says. `vendor` is K(node,
/// vendor).
/// @error image-malformed | placement-malformed
[[nodiscard]] Expected<Placed> place(const Key& vendor, ByteView image, ByteView placement);

/// Stateless, thread-safe. Refuses in this order: malformed, simulation not allowed, a MAC of
/// another key: other code, another place, another node, or another vendor.
class SancusVerifier final : public Verifier {
  public:
    /// @param expectation `report_data` is wire::KeyedHandshake as both sides have it, `module_key`
    /// as place() gave it.
    [[nodiscard]] Expected<Claims> verify(ByteView evidence,
                                          const Expectation& expectation) const override;
};

} // namespace authex::tee::sancus
