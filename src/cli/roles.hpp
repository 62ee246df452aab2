#pragma once
// `authex role add | list`, `authex recovery-key`: what concerns keys and certificates alone.

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "base/diagnostic.hpp"
#include "cli/arguments.hpp"

namespace authex::cli {

/// What a command says, for people and with --json.
struct Said {
    std::string text;
    nlohmann::json json;
};

Expected<Said> add_role(const Arguments& arguments, const std::filesystem::path& state_directory);
Expected<Said> list_roles(const std::filesystem::path& state_directory);
Expected<Said> make_recovery_key(const std::filesystem::path& file,
                                 const std::filesystem::path& state_directory);

} // namespace authex::cli
