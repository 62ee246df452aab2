#pragma once
// Vector files: lines of fields between spaces; `#` begins a comment line. Fields are hex, `-` is
// empty.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace authex::test {

using Octets = std::vector<std::uint8_t>;

inline Octets from_hex(const std::string& hex) {
    Octets bytes;
    if (hex == "-") {
        return bytes;
    }
    if (hex.size() % 2 != 0) {
        throw std::runtime_error("odd number of hex digits: " + hex);
    }
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        std::size_t used = 0;
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), &used, 16)));
        if (used != 2) {
            throw std::runtime_error("not hex: " + hex.substr(i, 2));
        }
    }
    return bytes;
}

/// One line of a vector file, and where it stands.
struct VectorLine {
    std::string where;
    std::vector<std::string> fields;
};

/// Throws where the file is missing or empty, so that no test passes over nothing.
inline std::vector<VectorLine> read_vectors(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::vector<VectorLine> lines;
    std::string text;
    for (unsigned number = 1; std::getline(file, text); ++number) {
        if (text.empty() || text[0] == '#') {
            continue;
        }
        VectorLine line{path.filename().string() + ":" + std::to_string(number), {}};
        std::istringstream fields(text);
        for (std::string field; fields >> field;) {
            line.fields.push_back(field);
        }
        lines.push_back(std::move(line));
    }
    if (lines.empty()) {
        throw std::runtime_error("no vectors in " + path.string());
    }
    return lines;
}

} // namespace authex::test
