#include "sancus_emulator/devices/digits.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace authex::sancus_emulator {
namespace {

constexpr std::uint8_t point = 0x80;

/// Digits 0 to F.
constexpr std::array<std::uint8_t, 16> patterns = {
    0x3F, 0x06, 0x5B, 0x4F, 0x66, 0x6D, 0x7D, 0x07, 0x7F, 0x6F, 0x77, 0x7C, 0x39, 0x5E, 0x79, 0x71};

std::string text(std::uint8_t segments) {
    const std::uint8_t digit = segments & 0x7FU;
    const auto* found = std::find(patterns.begin(), patterns.end(), digit);
    std::string result;
    if (digit == 0) {
        result = " ";
    } else if (digit == 0x40) {
        result = "-";
    } else if (found != patterns.end()) {
        result = "0123456789AbCdEF"[found - patterns.begin()];
    } else {
        result = fmt::format("<{:02x}>", digit);
    }
    return (segments & point) != 0 ? result + "." : result;
}

} // namespace

bool Digits::has(std::uint16_t address) const {
    return address >= base_ && address < base_ + segments_.size();
}

std::uint16_t Digits::read(std::uint16_t address, std::uint64_t cycle) {
    (void)cycle;
    const std::size_t at = address - base_;
    return static_cast<std::uint16_t>(segments_[at] | segments_[at + 1] << 8U);
}

void Digits::write(std::uint16_t address,
                   std::uint16_t value,
                   std::uint16_t mask,
                   std::uint64_t cycle) {
    const auto before = segments_;
    const std::size_t at = address - base_;
    if ((mask & 0x00FFU) != 0) {
        segments_[at] = static_cast<std::uint8_t>(value);
    }
    if ((mask & 0xFF00U) != 0) {
        segments_[at + 1] = static_cast<std::uint8_t>(value >> 8U);
    }
    tell_if_changed(before, cycle);
}

void Digits::reset(std::uint64_t cycle) {
    const auto before = segments_;
    segments_.fill(0);
    tell_if_changed(before, cycle);
}

void Digits::tell_if_changed(const Segments& before, std::uint64_t cycle) const {
    if (world_ != nullptr && segments_ != before) {
        world_->happened({cycle, true, name_, shown()});
    }
}

std::string Digits::shown() const {
    std::string result;
    for (const std::uint8_t segments : segments_) {
        result += text(segments);
    }
    return result;
}

void Digits::save(Writer& writer) const {
    writer.bytes(segments_);
}

void Digits::load(Reader& reader) {
    const ByteView segments = reader.take(segments_.size());
    std::copy(segments.begin(), segments.end(), segments_.begin());
}

} // namespace authex::sancus_emulator
