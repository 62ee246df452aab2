#include "sancus_emulator/program/files.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace authex::sancus_emulator {

Expected<std::string> read_file(const std::string& name) {
    constexpr std::uintmax_t bytes_max = 256U << 20U;
    std::error_code error;
    const bool regular = std::filesystem::is_regular_file(name, error);
    std::ifstream stream(name, std::ios::binary);
    if (!regular || !stream || std::filesystem::file_size(name, error) > bytes_max) {
        return failure("file-unreadable",
                       fmt::format("{} cannot be read", name),
                       "name a file that is there, of at most 256 MiB");
    }
    return std::string(std::istreambuf_iterator<char>(stream), {});
}

ByteView view(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

} // namespace authex::sancus_emulator
