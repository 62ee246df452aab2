#pragma once
// The owner's key pair and the certificates of deployer and nodes.                     (DESIGN
// "Keys and freshness", "Links")
//
//   <state directory>/owner.key       X25519 secret, 64 hex digits, mode 0600; owner.pub beside it
//   <state directory>/tls/ca.{crt,key}, deployer.{crt,key}    PEM, ECDSA P-256; keys mode 0600

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::deployer {

struct OwnerKey {
    std::array<std::uint8_t, 32> secret{};
    std::array<std::uint8_t, 32> public_key{};
    OwnerKey() = default;
    OwnerKey(const OwnerKey&) = default;
    OwnerKey& operator=(const OwnerKey&) = default;
    ~OwnerKey(); ///< wipes
};

/// Reads the owner key, or makes it where there is none. Never overwrites.
/// @error owner-key-damaged | file-unwritable | owner-key-readable-by-others
Expected<OwnerKey> open_owner_key(const std::filesystem::path& state_directory);

struct TlsFiles {
    std::filesystem::path authority;
    std::filesystem::path certificate;
    std::filesystem::path key;
};
/// The deployer's certificate, made with its authority where there is none.
Expected<TlsFiles> open_deployer_tls(const std::filesystem::path& state_directory);
/// A node's certificate for the hosts (names or addresses) under which it is reached: writes
/// `node.crt`, `node.key`, `ca.crt` into `directory`, for `authex-em --tls DIR`.
Expected<TlsFiles> make_node_bundle(const std::filesystem::path& state_directory,
                                    const std::string& node,
                                    const std::vector<std::string>& hosts,
                                    const std::filesystem::path& directory);

} // namespace authex::deployer
