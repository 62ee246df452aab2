#pragma once
// Compares what skeletons show with what is expected. What it takes is always marked simulated.

#include "tee/verifier.hpp"

namespace authex::tee::skeleton {

/// Stateless, thread-safe. Refuses in this order, each with its own code: malformed, simulation not
/// allowed, another image, another handshake. A TEE checks who vouches for the evidence
/// ("evidence-forged") before it believes anything that stands in it; here nobody does.
class SkeletonVerifier final : public Verifier {
  public:
    [[nodiscard]] Expected<Claims> verify(ByteView evidence,
                                          const Expectation& expectation) const override;
};

} // namespace authex::tee::skeleton
