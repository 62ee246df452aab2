#pragma once
// The deployer's side of attesting enclaves.

#include <filesystem>
#include <memory>
#include <optional>

#include "tee/sgx/collateral_service.hpp"
#include "tee/sgx/verifier/policy.hpp"
#include "tee/verifier.hpp"

namespace authex::tee::sgx {

/// What the relying party trusts, and from where it has what quotes are checked with.
struct Trust {
    Policy policy;              ///< MRENCLAVE and report data are those of each expectation
    std::filesystem::path root; ///< certificate that is trusted in place of Intel's; may be empty
    std::filesystem::path collateral;      ///< folder; may be empty
    std::optional<ServiceAddress> service; ///< asked where there is no folder
};

/// Quotes under the trusted root, or, where simulation is allowed, under the root that was pinned
/// when the node was first met. Of real platforms, the relying party's own collateral counts before
/// that which the evidence brings: a node might bring what is out of date.
class SgxVerifier final : public Verifier {
  public:
    explicit SgxVerifier(Trust trust = {});

    /// `expectation.evidence_key` is x ‖ y of the pinned root; empty: the trusted one.
    /// @error evidence-malformed | evidence-forged | evidence-platform: not up to date, or refused
    /// by the policy | evidence-identity | evidence-stale | simulation-refused | collateral-missing
    /// | collateral-unreadable | unreadable, certificate-malformed: the root
    [[nodiscard]] Expected<Claims> verify(ByteView evidence,
                                          const Expectation& expectation) const override;

  private:
    Expected<TrustAnchor> anchor_for(const Expectation& expectation) const;
    Expected<Collateral> own_collateral(ByteView quote) const;

    Trust trust_;
    std::unique_ptr<CollateralService> service_; ///< may be null
};

} // namespace authex::tee::sgx
