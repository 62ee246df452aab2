#pragma once
// The application's own certificate authority: ECDSA P-256 with SHA-256.                       (RFC
// 5280)

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::deployer {

constexpr int authority_days = 3650;
constexpr int certificate_days = 825;

struct CertificateRequest {
    std::string common_name;
    std::vector<std::string> hosts; ///< names and addresses; none for a pure client
    bool server = false;
    bool client = false;
};

class Authority {
  public:
    /// Makes a key and its certificate, valid from an hour ago for certificate_days. Replaces what
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
