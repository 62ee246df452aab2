#pragma once
// Checks the evidence of TrustZone nodes.

#include "tee/verifier.hpp"

namespace authex::tee::trustzone {

/// Stateless, thread-safe. `expectation.evidence_key` is the modulus of the device's key, enrolled
/// before, or pinned when a simulated node was first met; `simulated` is known of the node, its
/// evidence cannot say it. Refuses in this order, each with its own code: malformed, simulation not
/// allowed, not signed by the device's key over this handshake, another image.
class TrustZoneVerifier final : public Verifier {
  public:
    /// The signature covers report data and hash together, so that one of another handshake cannot
    /// be told from a forged one: both are evidence-forged.
    [[nodiscard]] Expected<Claims> verify(ByteView evidence,
                                          const Expectation& expectation) const override;
};

} // namespace authex::tee::trustzone
