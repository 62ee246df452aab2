#pragma once
// Certificates for those who work beside the deployer: made for a name and a role, revoked by name.
//
//   <state directory>/tls/clients/NAME.crt       what was made, without its key
//   <state directory>/tls/revoked/SERIAL.crt     what was revoked; every node is told of these

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "rpc/roles.hpp"

namespace authex::deployer {

struct RoleCertificate {
    std::string name;
    rpc::Role role = rpc::Role::observer;
    std::string serial; ///< hexadecimal, as nodes compare it
    std::chrono::system_clock::time_point valid_until;
    bool revoked = false;
};

struct RoleRequest {
    std::string name; ///< `[a-z][a-z0-9_-]*`, at most 63
    rpc::Role role = rpc::Role::observer;
    int days = 90;
    std::filesystem::path directory; ///< becomes a state directory for `authex --state`
};

/// Makes a certificate and its key, in a folder that its holder uses as a state directory. There is
/// no owner key in it.
/// @error bad-name | role-exists: revoke it first | not-authority | file-unwritable | tls
Expected<RoleCertificate> add_role(const std::filesystem::path& state_directory,
                                   const RoleRequest& request);
/// All that were made, revoked ones too, by name. @error tls
Expected<std::vector<RoleCertificate>> list_roles(const std::filesystem::path& state_directory);
/// Marks it as revoked here; nodes are told with the next call that reaches them.
/// @error unknown-role | file-unwritable
Expected<RoleCertificate> revoke_role(const std::filesystem::path& state_directory,
                                      const std::string& name);
/// Serial numbers of what was revoked.
Expected<std::vector<std::string>> revoked_serials(const std::filesystem::path& state_directory);

} // namespace authex::deployer
