#include "deployer/state_marks.hpp"

#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "deployer/private_file.hpp"

namespace authex::deployer {
namespace {

namespace fs = std::filesystem;

constexpr int format_version = 1;

std::string time_text(std::uint64_t unix_us) {
    return fmt::format("{:%Y-%m-%d %H:%M} UTC",
                       fmt::gmtime(static_cast<std::time_t>(unix_us / 1'000'000)));
}

} // namespace

fs::path moved_mark(const fs::path& state_directory) {
    return state_directory / "moved";
}

fs::path delegated_mark(const fs::path& state_directory) {
    return state_directory / "delegated";
}

fs::path returned_mark(const fs::path& state_directory) {
    return state_directory / "returned";
}

Expected<Delegation> read_delegation(const fs::path& file) {
    const auto content = read_private_file(file);
    if (!content) {
        return tl::make_unexpected(content.error());
    }
    const nlohmann::json json = nlohmann::json::parse(content->text(), nullptr, false);
    const bool known = json.is_object() && json.contains("authex-delegation") &&
                       json["authex-delegation"] == format_version && json.contains("name") &&
                       json["name"].is_string() && json.contains("id") && json["id"].is_string() &&
                       json.contains("since_us") && json["since_us"].is_number_unsigned();
    if (!known) {
        return failure("delegation-damaged",
                       fmt::format("{} is not what authex delegate writes", file.string()),
                       "to go on without the delegate: authex delegate --revoke");
    }
    return Delegation{.name = json["name"], .id = json["id"], .since_us = json["since_us"]};
}

Expected<bool> write_delegation(const fs::path& file, const Delegation& delegation) {
    const nlohmann::json json = {{"authex-delegation", format_version},
                                 {"name", delegation.name},
                                 {"id", delegation.id},
                                 {"since_us", delegation.since_us}};
    return replace_file(file, json.dump() + "\n", FileAccess::owner_only);
}

Expected<bool> may_change(const fs::path& state_directory) {
    std::error_code error;
    if (fs::exists(moved_mark(state_directory), error)) {
        return failure("state-moved",
                       "this application was moved to another machine: its state here is no "
                       "longer used",
                       "go on there; to bring it back: authex export --move there, and authex "
                       "restore FILE --replace here");
    }
    if (fs::exists(returned_mark(state_directory), error)) {
        return failure("state-returned",
                       "the owner has taken the state back: this delegate's folder is no longer "
                       "used",
                       "delete it; the owner makes another one: authex delegate DIR");
    }
    if (!fs::exists(delegated_mark(state_directory), error)) {
        return true;
    }
    const auto delegation = read_delegation(delegated_mark(state_directory));
    return failure("state-delegated",
                   delegation ? fmt::format("the state is with the delegate {} since {}",
                                            delegation->name,
                                            time_text(delegation->since_us))
                              : "the state is with a delegate",
                   "take it back with the delegate's folder: authex delegate --take-back DIR; "
                   "where that is lost or not to be trusted: authex delegate --revoke");
}

} // namespace authex::deployer
