#pragma once
// Data files of these tests.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace authex::descriptor::test {

inline std::string read(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// The .yaml and .json files of a folder of this directory, sorted by name.
inline std::vector<std::filesystem::path> files_in(const std::string& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(AUTHEX_TEST_DIR) / folder)) {
        const std::string type = entry.path().extension().string();
        if (type == ".yaml" || type == ".json") {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

/// A name for GoogleTest: letters, digits and underscores.
inline std::string test_name(const std::filesystem::path& file) {
    std::string name = file.stem().string();
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

} // namespace authex::descriptor::test
