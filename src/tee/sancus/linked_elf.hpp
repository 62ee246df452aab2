#pragma once
// What the linker left of a module for Sancus, at one place.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::tee::sancus {

/// A variable, of whatever scope.
struct LinkedObject {
    std::string symbol;
    std::uint32_t address = 0;
    std::uint32_t bytes = 0;
};

struct LinkedElf {
    std::map<std::string, std::vector<std::uint8_t>> sections; ///< those with content
    std::map<std::string, std::uint32_t> symbols;              ///< global ones, and their values
    std::vector<LinkedObject> objects;
};

/// @error file-unreadable | image-malformed: no 32-bit little-endian ELF file
[[nodiscard]] Expected<LinkedElf> read_linked_elf(const std::filesystem::path& path);

} // namespace authex::tee::sancus
