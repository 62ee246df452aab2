#pragma once
// The owner's key pair and the certificates of deployer and nodes.                     (DESIGN
// "Keys and freshness", "Links")
//
//   <state directory>/owner.key       X25519 secret, 64 hex digits, mode 0600
//   <state directory>/owner.pub       public key of index 0, which is built into every module
//   <state directory>/recovery.pub    that of index 1, where there is one (recovery.hpp)
//   <state directory>/delegate.{key,pub}  of index 2, where there is one (delegation.hpp)
//   <state directory>/tls/ca.{crt,key}, deployer.{crt,key}    PEM, ECDSA P-256; keys mode 0600
//
// A folder with ca.crt and deployer.{crt,key}, but without ca.key, is a guest's: authex role add
// made it. It has what its certificate's role allows, and usually no owner key. With
// delegation.json it is a delegate's, which has delegate.key in place of the owner key.

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "deployer/secret.hpp"
#include "wire/handshake.hpp"

namespace authex::deployer {

using KeyBytes = std::array<std::uint8_t, 32>;

struct OwnerKey {
    KeyBytes secret{};
    std::uint16_t index = 0;              ///< of the public key that belongs to the secret
    KeyBytes public_key{};                ///< index 0
    std::optional<KeyBytes> recovery_key; ///< index 1; public
    std::optional<KeyBytes> delegate_key; ///< index 2; public
    [[nodiscard]] bool is_delegates() const { return index == wire::delegate_index; }
    OwnerKey() = default;
    OwnerKey(const OwnerKey&) = default;
    OwnerKey& operator=(const OwnerKey&) = default;
    ~OwnerKey(); ///< wipes
};

/// 64 lower-case hex digits, with a line's end or without; nothing where it is something else.
[[nodiscard]] std::optional<KeyBytes> parse_key(std::string_view text);
[[nodiscard]] std::string key_text(const KeyBytes& key);

/// Whether the folder was made by authex role add.
[[nodiscard]] bool is_guest(const std::filesystem::path& state_directory);

/// Whether the folder was made by authex delegate.
[[nodiscard]] bool is_delegate(const std::filesystem::path& state_directory);

/// Makes a key for delegates, where there is none: its public half goes into every image that is
/// built from then on. @error file-unwritable | no-randomness
Expected<bool> make_delegate_key(const std::filesystem::path& state_directory);
/// The secret half. @error file-unreadable | file-readable-by-others
Expected<Secret> read_delegate_key(const std::filesystem::path& state_directory);
/// From then on images are built without it.
void forget_delegate_key(const std::filesystem::path& state_directory);

/// Reads the owner key, or makes it where there is none; in a delegate's folder, the delegate's.
/// Never overwrites.
/// @error no-owner-key: a guest has none | owner-key-missing: only its public half is there |
/// owner-key-damaged | owner-key-mismatch: it belongs to none of the public keys |
/// file-unwritable | owner-key-readable-by-others
Expected<OwnerKey> open_owner_key(const std::filesystem::path& state_directory);

struct TlsFiles {
    std::filesystem::path authority;
    std::filesystem::path certificate;
    std::filesystem::path key;
};
/// The deployer's certificate, made with its authority where there is none, and made anew a month
/// before it ends. That of a guest is taken as it is.
Expected<TlsFiles> open_deployer_tls(const std::filesystem::path& state_directory);
/// A node's certificate for the hosts (names or addresses) under which it is reached: writes
/// `node.crt`, `node.key`, `ca.crt` into `directory`, for `authex-em --tls DIR`.
Expected<TlsFiles> make_node_bundle(const std::filesystem::path& state_directory,
                                    const std::string& node,
                                    const std::vector<std::string>& hosts,
                                    const std::filesystem::path& directory);

} // namespace authex::deployer
