#pragma once
// The application's own certificate authority: ECDSA P-256 with SHA-256.                       (RFC
// 5280)

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "rpc/roles.hpp"

namespace authex::deployer {

constexpr int authority_days = 3650;
constexpr int certificate_days = 825;

struct CertificateRequest {
    std::string common_name;
    std::vector<std::string> hosts; ///< names and addresses; none for a pure client
    bool server = false;
    bool client = false;
    std::optional<rpc::Role> role; ///< as a client of event managers; none: it is no client of them
    int days = certificate_days;
};

/// What is read from a certificate; nothing of it is checked.
struct CertificateFacts {
    std::string common_name;
    std::string serial; ///< hexadecimal, capitals
    std::optional<rpc::Role> role;
    std::chrono::system_clock::time_point valid_until;
};
/// @error tls: the file is no certificate in PEM
Expected<CertificateFacts> read_certificate(const std::filesystem::path& file);

class Authority {
  public:
    /// Makes a key and its certificate, valid from an hour ago for so many days. Replaces what
    /// is there.
    /// @error tls | file-unwritable
    [[nodiscard]] Expected<bool> issue(const CertificateRequest& request,
                                       const std::filesystem::path& certificate_file,
                                       const std::filesystem::path& key_file) const;

  private:
    friend Expected<Authority> open_authority(const std::filesystem::path& folder);
    struct Parts;
    std::shared_ptr<const Parts> parts_;
};

/// The authority of `ca.crt` and `ca.key` in the folder, made where there is none: then one caller
/// at a time (FolderLock).
/// @error tls: damaged, or only one of the two | file-readable-by-others | file-unwritable
Expected<Authority> open_authority(const std::filesystem::path& folder);

} // namespace authex::deployer
