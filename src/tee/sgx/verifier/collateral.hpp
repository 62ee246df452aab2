#pragma once
// What a verifier needs beside a quote: revocation lists, and what Intel says about platforms and
// its Quoting Enclave. Checked once, it serves for many quotes until it expires.

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "tee/sgx/verifier/chains.hpp"
#include "tee/sgx/verifier/step.hpp"
#include "tee/sgx/verifier/tcb_info.hpp"

namespace authex::tee::sgx {

/// Files as they were served. A file that is not there has no entry.
struct Collateral {
    std::map<std::string, std::string> files;
};

namespace collateral_file {
constexpr auto tcb_info = "tcb_info.json";
constexpr auto qe_identity = "qe_identity.json";
constexpr auto tcb_chain = "tcb_chain.pem";
constexpr auto qe_chain = "qe_chain.pem";
constexpr auto pck_crl = "pck_crl.der";
constexpr auto root_ca_crl = "root_ca_crl.der";
constexpr auto pck_ca_chain = "pck_ca_chain.pem";
/// In the order in which evidence carries them.
constexpr std::array all = {
    tcb_info, qe_identity, tcb_chain, qe_chain, pck_crl, root_ca_crl, pck_ca_chain};
} // namespace collateral_file

/// Reads the files above out of a folder, whichever are there.
/// @error collateral-unreadable: the folder, or a file in it, cannot be read
[[nodiscard]] Expected<Collateral> read_collateral(const std::filesystem::path& folder);

/// Into the files above; the folder is made where there is none. @error file-unwritable
[[nodiscard]] Expected<bool> write_collateral(const Collateral& collateral,
                                              const std::filesystem::path& folder);

/// The key of a root's certificate, PEM or DER, or of the root of a chain in PEM.
/// @error unreadable | certificate-malformed: none, or its key is not on P-256
[[nodiscard]] Expected<Point> read_root(const std::filesystem::path& file);

struct TrustAnchor {
    Point root_key = intel_root_key;
    bool check_revocation = true; ///< false: revocation lists are neither needed nor looked at
};

/// Collateral whose signatures, chains and dates hold.
class CheckedCollateral {
  public:
    /// Tells `steps` each thing that it looked at. Nothing where one of them fails.
    /// @param chains under the anchor's root
    [[nodiscard]] static std::optional<CheckedCollateral> check(const Collateral& collateral,
                                                                const TrustAnchor& anchor,
                                                                ChainVerifier& chains,
                                                                UnixTime now,
                                                                Steps& steps);

    [[nodiscard]] const TcbInfo& tcb_info() const { return tcb_info_; }
    [[nodiscard]] const QeIdentity& qe_identity() const { return qe_identity_; }
    /// When all of it holds.
    [[nodiscard]] const Period& period() const { return period_; }
    [[nodiscard]] const TrustAnchor& anchor() const { return anchor_; }
    /// Neither the PCK nor the authority that issued it is on a list.
    /// @error crl-issuer (the list is not by the PCK's own authority) | certificate-revoked
    [[nodiscard]] Expected<bool> check_not_revoked(const Chain& pck) const;

  private:
    CheckedCollateral() = default;
    Expected<bool>
    take_root_crl(const Collateral& collateral, const Chain& tcb_chain, UnixTime now);
    Expected<bool> take_pck_crl(const Collateral& collateral, ChainVerifier& chains, UnixTime now);
    Expected<bool> not_revoked_by_root(X509& certificate) const;

    TrustAnchor anchor_;
    TcbInfo tcb_info_;
    QeIdentity qe_identity_;
    RevocationList root_crl_;
    RevocationList pck_crl_;
    Chain pck_ca_chain_;
    Period period_;
};

} // namespace authex::tee::sgx
