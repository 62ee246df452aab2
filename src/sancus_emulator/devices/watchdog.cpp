#include "sancus_emulator/devices/watchdog.hpp"

#include <algorithm>
#include <array>

#include "sancus_emulator/registers.hpp"

namespace authex::sancus_emulator {
namespace {

constexpr std::uint16_t ie1 = 0x0000;
constexpr std::uint16_t ifg1 = 0x0002;
constexpr std::uint16_t id_low = 0x0004;
constexpr std::uint16_t id_high = 0x0006;
constexpr std::uint16_t wdtctl = 0x0120;

constexpr unsigned password = 0x5A;
constexpr unsigned reads_as = 0x6900;
constexpr std::uint8_t hold = 0x80;
constexpr std::uint8_t interval_mode = 0x10;
constexpr std::uint8_t clear_counter = 0x08;
constexpr std::uint8_t from_aclk = 0x04;
constexpr unsigned implemented = 0x97;
/// WDTNMIES, which is there with an NMI; WDTNMI then reads as 1.
constexpr std::uint8_t falling_edge = 0x40;
constexpr std::uint8_t nmi_reads_as = 0x20;

/// Of IE1 and IFG1.
constexpr std::uint16_t watchdog_bit = 0x01;
constexpr std::uint16_t nmi_bit = 0x10;

std::uint16_t bits(bool watchdog, bool nmi) {
    return static_cast<std::uint16_t>((watchdog ? watchdog_bit : 0U) | (nmi ? nmi_bit : 0U));
}

} // namespace

bool Watchdog::has(std::uint16_t address) const {
    return address <= id_high || address == wdtctl;
}

std::uint16_t Watchdog::read(std::uint16_t address, std::uint64_t cycle) {
    switch (address) {
    case ie1:
        return bits(enabled_, nmi_.enabled());
    case ifg1:
        return bits(flag_, nmi_.flag(cycle));
    case id_low:
        return static_cast<std::uint16_t>(identity_);
    case id_high:
        return static_cast<std::uint16_t>(identity_ >> 16U);
    default:
        return static_cast<std::uint16_t>(reads_as | control_ | (has_nmi_ ? nmi_reads_as : 0U));
    }
}

void Watchdog::write(std::uint16_t address,
                     std::uint16_t value,
                     std::uint16_t mask,
                     std::uint64_t cycle) {
    if (address == wdtctl) {
        control(value, cycle);
    } else if (address == ie1 && (mask & 0xFFU) != 0) {
        enabled_ = (value & watchdog_bit) != 0;
        nmi_.write_enable(has_nmi_ && (value & nmi_bit) != 0);
    } else if (address == ifg1 && (mask & 0xFFU) != 0) {
        flag_ = (value & watchdog_bit) != 0;
        nmi_.write_flag(has_nmi_ && (value & nmi_bit) != 0, cycle);
    }
}

std::uint64_t Watchdog::tick_cycles() const {
    return (control_ & from_aclk) != 0 ? aclk_cycles_ : 1;
}

std::uint64_t Watchdog::interval() const {
    constexpr std::array<std::uint64_t, 4> ticks = {32768, 8192, 512, 64};
    return ticks[control_ & 3U] * tick_cycles();
}

void Watchdog::control(std::uint16_t value, std::uint64_t cycle) {
    if (value >> 8U != password) {
        bites_ = true;
        return;
    }
    const std::uint64_t before = interval();
    if (due_ != never) {
        left_ = due_ > cycle ? due_ - cycle : 1;
    }
    const std::uint64_t counted = before - (left_ < before ? left_ : before);
    control_ = static_cast<std::uint8_t>(value) & (implemented | (has_nmi_ ? falling_edge : 0));
    nmi_.select((control_ & falling_edge) != 0, cycle);
    const bool restart = (value & clear_counter) != 0 || counted >= interval();
    left_ = restart ? interval() : interval() - counted;
    due_ = (control_ & hold) != 0 ? never : cycle + left_;
}

std::uint64_t Watchdog::next_event() const {
    return std::min(due_, nmi_.next_event());
}

void Watchdog::advance(std::uint64_t cycle) {
    nmi_.advance(cycle);
    while (due_ <= cycle) {
        flag_ = true;
        due_ += interval();
        bites_ = bites_ || (control_ & interval_mode) == 0;
    }
}

std::uint16_t Watchdog::requests() const {
    const bool requested = flag_ && enabled_ && (control_ & interval_mode) != 0;
    return static_cast<std::uint16_t>((requested ? 1U << vector::watchdog : 0U) |
                                      (nmi_.requested() ? 1U << vector::nmi : 0U));
}

void Watchdog::accepted(unsigned vector) {
    if (vector == vector::watchdog) {
        flag_ = false;
    } else if (vector == vector::nmi) {
        nmi_.accepted();
    }
}

void Watchdog::reset(std::uint64_t cycle) {
    control_ = 0;
    enabled_ = false;
    bites_ = false;
    left_ = interval();
    due_ = cycle + left_;
    nmi_.reset(cycle);
}

void Watchdog::save(Writer& writer) const {
    writer.u8(control_).u8(enabled_ ? 1 : 0).u8(flag_ ? 1 : 0).u8(bites_ ? 1 : 0);
    writer.u64(due_).u64(left_);
    nmi_.save(writer);
}

void Watchdog::load(Reader& reader) {
    control_ = reader.u8();
    enabled_ = reader.u8() != 0;
    flag_ = reader.u8() != 0;
    bites_ = reader.u8() != 0;
    due_ = reader.u64();
    left_ = reader.u64();
    nmi_.load(reader);
}

} // namespace authex::sancus_emulator
