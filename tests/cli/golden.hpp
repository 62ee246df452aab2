#pragma once
// Texts that are kept beside the tests. With AUTHEX_WRITE_GOLDENS in the environment they are
// written instead of compared.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace authex::test {

inline void expect_golden(const std::string& name, const std::string& text) {
    const std::filesystem::path file = std::filesystem::path(AUTHEX_TEST_DIR) / "goldens" / name;
    if (std::getenv("AUTHEX_WRITE_GOLDENS") != nullptr) {
        std::ofstream(file, std::ios::binary) << text;
    }
    std::ifstream stream(file, std::ios::binary);
    const std::string kept((std::istreambuf_iterator<char>(stream)),
                           std::istreambuf_iterator<char>());
    EXPECT_EQ(text, kept) << "goldens/" << name;
}

} // namespace authex::test
