#pragma once
// RSA keys take a second to make. A test that needs no fresh one takes what an earlier test has
// left.

#include <filesystem>
#include <string>
#include <unistd.h>

namespace authex::test {

/// Puts the kept key of that name where a program looks for its own, unless there is one.
inline void take_kept_key(const std::string& name, const std::filesystem::path& file) {
    const std::filesystem::path kept = std::filesystem::path(AUTHEX_TEST_CACHE) / "keys" / name;
    std::error_code none;
    std::filesystem::copy_file(kept, file, none);
}

/// The first key of a name is kept; there need not be one.
inline void keep_key(const std::string& name, const std::filesystem::path& file) {
    const std::filesystem::path keys = std::filesystem::path(AUTHEX_TEST_CACHE) / "keys";
    if (std::filesystem::exists(keys / name) || !std::filesystem::exists(file)) {
        return;
    }
    std::filesystem::create_directories(keys);
    const std::filesystem::path mine = keys / (name + "." + std::to_string(::getpid()));
    std::filesystem::copy_file(file, mine);
    std::filesystem::rename(mine, keys / name);
}

} // namespace authex::test
