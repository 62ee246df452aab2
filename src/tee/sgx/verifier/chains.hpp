#pragma once
// Chains of certificates up to one trusted root.                             (RFC 5280 §6)

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "tee/sgx/verifier/certificates.hpp"

namespace authex::tee::sgx {

/// A certificate authority, its certificate, and the root above it.
struct Chain {
    Certificate leaf;
    Certificate authority; ///< none in a chain of two
    Certificate root;
};

/// What a chain is for: the subjects that it must have, and how many.
enum class ChainKind : std::uint8_t {
    pck,         ///< PCK certificate, Processor or Platform CA, root
    pck_ca,      ///< Processor or Platform CA, root: who signs the PCKs' revocation list
    tcb_signing, ///< TCB Signing, root
};

/// When all certificates of a chain hold.
[[nodiscard]] Period period_of(const Chain& chain);

/// Checks chains against one root, and remembers those that held: one that comes again costs
/// nothing. One thread at a time.
class ChainVerifier {
  public:
    /// With Intel's root, names are Intel's; with another, only their last words count ("SGX PCK
    /// Certificate").
    explicit ChainVerifier(const Point& root_key) : root_key_(root_key) {}

    /// The chain in order, with subjects, constraints, usages, signatures and dates checked up to a
    /// root with that key.
    /// @error certificate-malformed | chain-malformed | chain-root | chain-name | chain-key |
    /// chain-usage | chain-expired | chain-signature
    [[nodiscard]] Expected<Chain> check(std::string_view pem, ChainKind kind, UnixTime now);

  private:
    [[nodiscard]] Expected<Chain> check_anew(std::string_view pem, ChainKind kind, UnixTime now);
    [[nodiscard]] Expected<std::vector<Certificate>> parse(std::string_view pem);
    [[nodiscard]] bool is_signed(const Certificate& subject, const Certificate& issuer);
    [[nodiscard]] Expected<bool> check_signed(const Chain& chain, UnixTime now);

    Point root_key_;
    std::map<std::string, Certificate> parsed_; ///< by their PEM
    std::map<std::pair<ChainKind, std::string>, Chain> chains_;
    std::set<std::pair<Certificate, Certificate>> signed_; ///< subject, and whose key signed it
};

} // namespace authex::tee::sgx
