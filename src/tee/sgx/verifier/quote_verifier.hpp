#pragma once
// Is a quote genuine, and is it good enough?
//          (Intel SGX DCAP Quote Verification Library: the order of checks; RFC 9334 §4, §8)

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "tee/sgx/verifier/collateral.hpp"
#include "tee/sgx/verifier/policy.hpp"
#include "tee/sgx/verifier/quote.hpp"
#include "tee/sgx/verifier/step.hpp"

namespace authex::tee::sgx {

enum class Outcome : std::uint8_t {
    accepted,
    refused,
    could_not_check, ///< collateral is missing
};

/// The whole story of one verification. What the quote says of itself is there as soon as it could
/// be read: only `genuine` says whether to believe it.
struct Verdict {
    Outcome outcome = Outcome::refused;
    bool genuine = false; ///< signatures, chains, dates and revocation are all right
    Steps steps;
    std::optional<ReportBody> body;
    std::optional<PckExtension> pck;
    std::optional<TcbStatus> tcb_status;
    std::optional<TcbStatus> qe_status;
    std::optional<TcbStatus> combined_status;
    std::vector<std::string> advisories; ///< of both, sorted, each once
};

/// Verifies quotes against one set of collateral, which it checks when it is first used, and again
/// when it has expired. One thread at a time.
class QuoteVerifier {
  public:
    QuoteVerifier(Collateral collateral, TrustAnchor anchor)
        : collateral_(std::move(collateral)), anchor_(anchor), chains_(anchor.root_key) {}

    /// @param now at which dates are looked at; never taken from evidence
    [[nodiscard]] Verdict verify(ByteView quote, const Policy& policy, UnixTime now);

  private:
    const CheckedCollateral* collateral_at(UnixTime now, Steps& steps);

    Collateral collateral_;
    TrustAnchor anchor_;
    ChainVerifier chains_;
    std::optional<CheckedCollateral> checked_;
    Steps checked_steps_;
};

} // namespace authex::tee::sgx
