#pragma once
// The state directory in one file, for another machine.                        (docs/backup.md)

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "descriptor/model.hpp"

namespace authex::deployer {

struct BackupRequest {
    std::filesystem::path state_directory;
    std::filesystem::path file;
    std::string application;
    std::string_view passphrase; ///< not empty
    /// This machine gives the application up: its state takes no command that changes anything any
    /// more ("state-moved").
    bool move = false;
};
/// Owner key, certificates and what is known of the deployment, without any key under which
/// something was sealed. The file must not exist.
/// @error file-exists | file-unwritable | state-… | owner-key-missing
Expected<bool> write_backup(const BackupRequest& request);

struct RestoreRequest {
    std::filesystem::path state_directory;
    std::filesystem::path file;
    std::string_view passphrase;
    bool replace = false; ///< also where there is a state already
};
/// Puts the files of a backup into the state directory. Keys that the descriptor gives to
/// connections and that the backup does not know may have been used since it was made: they are
/// taken as used.
/// @return the application's name
/// @error file-unreadable | export-… | application-differs | state-exists | state-locked |
/// state-delegated
Expected<std::string> restore_backup(const RestoreRequest& request,
                                     const descriptor::Descriptor& descriptor);

} // namespace authex::deployer
