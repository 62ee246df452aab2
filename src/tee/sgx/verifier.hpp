#pragma once
// The deployer's side of attesting enclaves.

#include <filesystem>

#include "tee/sgx/verifier/policy.hpp"
#include "tee/verifier.hpp"

namespace authex::tee::sgx {

/// Quotes under Intel's root, or, where simulation is allowed, under the root that was pinned when
/// the node was first met.
class SgxVerifier final : public Verifier {
  public:
    /// @param policy its MRENCLAVE and report data are replaced by those of each expectation
    /// @param collateral folder with what the evidence does not bring; empty: none
    explicit SgxVerifier(Policy policy = {}, std::filesystem::path collateral = {})
        : policy_(std::move(policy)), collateral_(std::move(collateral)) {}

    /// `expectation.evidence_key` is x ‖ y of the pinned root; empty: Intel's.
    /// @error evidence-malformed | evidence-forged | evidence-platform: not up to date, or refused
    /// by the policy | evidence-identity | evidence-stale | simulation-refused | collateral-missing
    /// | collateral-unreadable
    [[nodiscard]] Expected<Claims> verify(ByteView evidence,
                                          const Expectation& expectation) const override;

  private:
    Policy policy_;
    std::filesystem::path collateral_;
};

} // namespace authex::tee::sgx
