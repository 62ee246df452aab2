#pragma once
// Files in a state directory that say that its state is not to be changed here.
//
//   moved       the application was moved to another machine (backup.hpp)
//   delegated   a delegate has the state (delegation.hpp); JSON: who, since when, and which
//               delegation
//   returned    in a delegate's folder: its owner has taken the state back

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/diagnostic.hpp"

namespace authex::deployer {

[[nodiscard]] std::filesystem::path moved_mark(const std::filesystem::path& state_directory);
[[nodiscard]] std::filesystem::path returned_mark(const std::filesystem::path& state_directory);

/// To whom the state was given; the same is in the delegate's folder.
struct Delegation {
    std::string name;           ///< of the delegate's certificate
    std::string id;             ///< random, of this one time
    std::uint64_t since_us = 0; ///< Unix time
};
/// @param file delegated_mark(), or the same in the delegate's folder. @error delegation-damaged |
/// file-unreadable | file-readable-by-others
Expected<Delegation> read_delegation(const std::filesystem::path& file);
Expected<bool> write_delegation(const std::filesystem::path& file, const Delegation& delegation);
[[nodiscard]] std::filesystem::path delegated_mark(const std::filesystem::path& state_directory);

/// @error state-moved | state-delegated | state-returned
Expected<bool> may_change(const std::filesystem::path& state_directory);

} // namespace authex::deployer
