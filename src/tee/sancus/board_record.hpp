#pragma once
// Where a module is on its board, as the manager writes it down for the next one.

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "tee/loader.hpp"
#include "tee/sancus/image.hpp"
#include "tee/sancus/link/messages.hpp"

namespace authex::tee::sancus {

/// In the module's folder.
constexpr const char* board_record_file = "board";

struct BoardRecord {
    std::uint32_t boot = 0;
    std::uint8_t slot = link::slots_max;
    std::uint8_t gate_slot = link::slots_max; ///< slots_max: it has none
    std::uint16_t id = 0;
    Placement placement;
    Sha256 image{};
};

/// @return false: it cannot be written
bool write_record(const std::filesystem::path& directory, const BoardRecord& record);
/// Empty: there is none, or it is damaged.
std::optional<BoardRecord> read_record(const std::filesystem::path& directory);

} // namespace authex::tee::sancus
