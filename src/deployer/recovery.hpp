#pragma once
// The recovery key: a second owner key that is built into every module and kept offline, with all
// that is needed to be the owner again where the deployer's folder is lost. (docs/recovery.md)

#include <filesystem>

#include "base/diagnostic.hpp"

namespace authex::deployer {

/// Makes the key: its public half goes to `<state directory>/recovery.pub`, and so into every image
/// that is built from then on; the secret half, the owner's public key and the certificate
/// authority go to `file` (mode 0600), which is then kept away from this machine. Makes owner key
/// and authority where there are none.
/// @error recovery-key-exists | file-exists | file-unwritable | as open_owner_key()
Expected<bool> make_recovery_key(const std::filesystem::path& state_directory,
                                 const std::filesystem::path& file);

/// Makes a state directory out of the file: its owner key is the recovery key then. The same file
/// may be used again, another owner's folder is left as it is.
/// @error recovery-file-damaged | file-unreadable | file-readable-by-others | owner-key-exists |
/// file-unwritable
Expected<bool> use_recovery_key(const std::filesystem::path& state_directory,
                                const std::filesystem::path& file);

} // namespace authex::deployer
