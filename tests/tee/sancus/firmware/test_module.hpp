#pragma once
// A module of a few instructions, for the firmware to run (echo.S).

#include <cstdint>
#include <vector>

#include "tee/sancus/image.hpp"

namespace authex::tee::sancus {

/// First bytes of a body that make it misbehave.
namespace wish {
constexpr std::uint8_t violate = 0xE0;
constexpr std::uint8_t interruptible = 0xE1;
constexpr std::uint8_t no_frames = 0xE2;
constexpr std::uint8_t too_much = 0xE3;
constexpr std::uint8_t nothing = 0xE4;
constexpr std::uint8_t fails = 0xE5;
constexpr std::uint8_t many = 0xE6;
constexpr std::uint8_t stays = 0xE7;
constexpr std::uint8_t slow = 0xE8;
constexpr std::uint8_t acks = 0xE9;
constexpr std::uint8_t lingers = 0xEA;
} // namespace wish

constexpr std::uint16_t test_module_data_bytes = 38;

/// Without a gate.
[[nodiscard]] SancusImage test_module();

} // namespace authex::tee::sancus
