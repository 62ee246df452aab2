#pragma once
// The stream of bytes between a manager and its microcontroller.

#include <cstdint>
#include <filesystem>

#include "base/diagnostic.hpp"
#include "tee/process/descriptor.hpp"

namespace authex::tee::sancus {

/// Whether a serial device can be asked for this speed.
[[nodiscard]] bool is_baud(std::uint32_t baud);

/// Opens a serial device or pseudo terminal, for this process alone and raw, with eight bits and no
/// parity, or connects to a Unix socket, whose speed is its own. Not blocking.
/// @error serial: it is not there, somebody else has it, or it is neither | baud
Expected<process::Descriptor> open_line(const std::filesystem::path& path, std::uint32_t baud);

} // namespace authex::tee::sancus
