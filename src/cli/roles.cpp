#include "cli/roles.hpp"

#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "deployer/recovery.hpp"
#include "deployer/role_certificates.hpp"

namespace authex::cli {
namespace {

std::string day_of(std::chrono::system_clock::time_point time) {
    return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

nlohmann::json to_json(const deployer::RoleCertificate& certificate) {
    return {{"name", certificate.name},
            {"role", std::string(rpc::to_string(certificate.role))},
            {"serial", certificate.serial},
            {"valid_until", day_of(certificate.valid_until)},
            {"revoked", certificate.revoked}};
}

} // namespace

Expected<Said> add_role(const Arguments& arguments, const std::filesystem::path& state_directory) {
    const std::filesystem::path folder =
        arguments.out.empty() ? std::filesystem::path(arguments.subject + ".role") : arguments.out;
    const auto made =
        deployer::add_role(state_directory,
                           {.name = arguments.subject,
                            .role = rpc::role_of(arguments.role).value_or(rpc::Role::observer),
                            .days = static_cast<int>(arguments.days),
                            .directory = folder});
    if (!made) {
        return tl::make_unexpected(made.error());
    }
    return Said{.text = fmt::format(
                    "{0} is {1} until {2}. Give the folder {3} to its holder by a safe way; "
                    "with a copy of the descriptor:\n\n"
                    "  authex --state {3} status\n",
                    made->name,
                    rpc::to_string(made->role),
                    day_of(made->valid_until),
                    folder.string()),
                .json = to_json(*made)};
}

Expected<Said> list_roles(const std::filesystem::path& state_directory) {
    const auto all = deployer::list_roles(state_directory);
    if (!all) {
        return tl::make_unexpected(all.error());
    }
    Said said{.text = all->empty() ? "only the deployer itself, as owner\n" : "",
              .json = {{"roles", nlohmann::json::array()}}};
    for (const deployer::RoleCertificate& each : *all) {
        said.text += fmt::format("{:<20} {:<9} {} {}\n",
                                 each.name,
                                 rpc::to_string(each.role),
                                 day_of(each.valid_until),
                                 each.revoked ? "revoked" : "");
        said.json["roles"].push_back(to_json(each));
    }
    return said;
}

Expected<Said> make_recovery_key(const std::filesystem::path& file,
                                 const std::filesystem::path& state_directory) {
    const auto made = deployer::make_recovery_key(state_directory, file);
    if (!made) {
        return tl::make_unexpected(made.error());
    }
    return Said{.text = fmt::format("the recovery key is in {0}. Move the file to a place that is "
                                    "offline, and delete it here.\n"
                                    "Whoever has it can take the application over: authex recover "
                                    "{0}\n",
                                    file.string()),
                .json = {{"file", file.string()}}};
}

} // namespace authex::cli
