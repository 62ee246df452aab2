#pragma once
// The certificate files of a node, and whether an address may do without.

#include <filesystem>
#include <memory>
#include <string>

#include <grpcpp/security/server_credentials.h>

#include "base/diagnostic.hpp"

namespace authex::em {

/// PEM files; all empty: plaintext.
struct TlsFiles {
    std::filesystem::path certificate;
    std::filesystem::path key;
    std::filesystem::path authority; ///< who signs clients' certificates; may hold several
    [[nodiscard]] bool empty() const { return certificate.empty(); }
};
/// `node.crt`, `node.key` and `ca.crt` of a folder, as `authex node bundle` writes them.
[[nodiscard]] TlsFiles tls_files_in(const std::filesystem::path& folder);

/// Mutual TLS: a client without a certificate of the authority gets no further than its handshake.
/// @error tls: a file is missing, is no PEM, or key and certificate do not belong together
Expected<std::shared_ptr<grpc::ServerCredentials>> open_credentials(const TlsFiles& files);

/// Whether every address that `host:port` stands for is of this machine alone.
/// @error address: it is no host:port, or the host is not known
Expected<bool> is_loopback(const std::string& address);
/// The port of `host:port`, `[IPv6]:port`. @error address
Expected<std::uint16_t> port_of(const std::string& address);

} // namespace authex::em
