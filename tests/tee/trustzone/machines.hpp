#pragma once
// The processors whose trusted applications run here.

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace authex::test {

/// Debian's qemu-user, and what CMake builds where the cross libraries are.
inline bool has_aarch64() {
    return std::filesystem::exists("/usr/bin/qemu-aarch64") &&
           std::filesystem::exists(std::filesystem::path(AUTHEX_BINARY_DIR) /
                                   "bin/aarch64/authex-tz-host");
}

inline std::vector<const char*> machines() {
    std::vector<const char*> all = {"x86-64"};
    if (has_aarch64()) {
        all.push_back("aarch64");
    }
    return all;
}

inline std::string name_of_machine(const testing::TestParamInfo<const char*>& info) {
    return std::string(info.param) == "x86-64" ? "x86_64" : "aarch64";
}

} // namespace authex::test
