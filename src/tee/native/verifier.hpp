#pragma once
// Checks the evidence of native nodes. What it takes is always marked simulated.

#include "tee/verifier.hpp"

namespace authex::tee::native {

/// Stateless, thread-safe. Refuses in this order, each with its own code: malformed, simulation not
/// allowed, signature not by the pinned key, another image, another handshake.
class NativeVerifier final : public Verifier {
  public:
    [[nodiscard]] Expected<Claims> verify(ByteView evidence,
                                          const Expectation& expectation) const override;
};

} // namespace authex::tee::native
