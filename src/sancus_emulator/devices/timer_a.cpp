#include "sancus_emulator/devices/timer_a.hpp"

#include <algorithm>

#include "sancus_emulator/registers.hpp"

namespace authex::sancus_emulator {
namespace {

constexpr std::uint16_t taiv = 0x012E;
constexpr std::uint16_t tactl = 0x0160;
constexpr std::uint16_t tacctl0 = 0x0162;
constexpr std::uint16_t tar = 0x0170;
constexpr std::uint16_t taccr0 = 0x0172;

// TACTL
constexpr std::uint16_t overflow_flag = 0x0001;
constexpr std::uint16_t overflow_enabled = 0x0002;
constexpr std::uint16_t clear = 0x0004;
constexpr std::uint16_t control_kept = 0x03F3;
// TACCTLx
constexpr std::uint16_t flag = 0x0001;
constexpr std::uint16_t capture_overflow = 0x0002;
constexpr std::uint16_t input_level = 0x0008;
constexpr std::uint16_t enabled = 0x0010;
constexpr std::uint16_t captures = 0x0100;
constexpr std::uint16_t channel_kept = 0xF9F7;

constexpr unsigned up = 1;
constexpr unsigned continuous = 2;
constexpr unsigned up_down = 3;

/// The level of a channel's input: pins are low, 3 is the supply.
bool level(std::uint16_t control) {
    return ((control >> 12U) & 3U) == 3;
}

} // namespace

bool TimerA::has(std::uint16_t address) const {
    return address == taiv || (address >= tactl && address < tacctl0 + 2 * channels) ||
           (address >= tar && address < taccr0 + 2 * channels);
}

std::uint64_t TimerA::tick_cycles() const {
    if (mode() == 0) {
        return 0;
    }
    const std::uint64_t divider = std::uint64_t{1} << ((control_ >> 6U) & 3U);
    switch ((control_ >> 8U) & 3U) {
    case 1:
        return divider * aclk_cycles_;
    case 2:
        return divider;
    default:
        return 0; // TACLK and INCLK are not connected
    }
}

bool TimerA::falls() const {
    return down_ || (mode() == up_down && counter_ >= compare_[0]);
}

bool TimerA::stands() const {
    return compare_[0] == 0 && counter_ == 0 && mode() != continuous &&
           (control_ & overflow_flag) != 0;
}

std::uint32_t TimerA::quiet_ticks() const {
    if (compare_[0] == 0 && mode() != continuous) {
        return 1;
    }
    std::uint32_t quiet = 0x10000;
    const auto at = [&](std::uint32_t target) {
        const std::uint32_t ticks = falls() ? counter_ - target : target - counter_;
        if (ticks > 0 && ticks < 0x10000) {
            quiet = std::min(quiet, ticks);
        }
    };
    if ((mode() == up || mode() == up_down) && !falls() && counter_ >= compare_[0]) {
        return 1;
    }
    for (const std::uint16_t compare : compare_) {
        at(compare);
    }
    at(falls() ? 0 : 0xFFFF);
    at(falls() ? 1 : compare_[0]);
    return falls() && counter_ <= 1 ? 1 : quiet == 0x10000 ? 1 : quiet;
}

void TimerA::skip(std::uint32_t ticks) {
    if (ticks == 0) {
        return;
    }
    down_ = falls();
    counter_ = static_cast<std::uint16_t>(down_ ? counter_ - ticks : counter_ + ticks);
}

void TimerA::tick() {
    const unsigned counting = mode();
    const bool falling = falls();
    const bool clears =
        (counting == up && counter_ >= compare_[0]) || (counting == up_down && compare_[0] == 0);
    std::uint16_t next = 0;
    if (!clears) {
        next = static_cast<std::uint16_t>(falling ? counter_ - 1 : counter_ + 1);
    }
    for (std::size_t i = 0; i < channels; ++i) {
        const bool reaches = next == compare_[i] && counter_ != compare_[i];
        if (reaches && (channel_control_[i] & captures) == 0) {
            channel_control_[i] |= flag;
        }
    }
    const bool overflows = (counting == up && counter_ == compare_[0]) ||
                           (counting == continuous && counter_ == 0xFFFF) ||
                           (counting == up_down && next == 0 && falling);
    if (overflows) {
        control_ |= overflow_flag;
    }
    if (counting != up_down) {
        down_ = false;
    } else if (counter_ == 1) {
        down_ = false;
    } else if (counter_ >= compare_[0]) {
        down_ = true;
    }
    counter_ = next;
}

void TimerA::advance(std::uint64_t cycle) {
    const std::uint64_t per_tick = tick_cycles();
    if (cycle <= now_) {
        return;
    }
    const std::uint64_t elapsed = cycle - now_;
    now_ = cycle;
    if (per_tick == 0) {
        return;
    }
    phase_ += elapsed;
    std::uint64_t ticks = phase_ / per_tick;
    phase_ %= per_tick;
    while (ticks > 0 && !stands()) {
        const std::uint64_t quiet = std::min<std::uint64_t>(quiet_ticks(), ticks);
        skip(static_cast<std::uint32_t>(quiet - 1));
        tick();
        ticks -= quiet;
    }
}

std::uint64_t TimerA::next_event() const {
    const std::uint64_t per_tick = tick_cycles();
    return per_tick == 0 || stands() ? never : now_ + quiet_ticks() * per_tick - phase_;
}

std::uint16_t TimerA::source_vector() const {
    for (const std::size_t channel : {1U, 2U}) {
        constexpr std::uint16_t both = flag | enabled;
        if ((channel_control_[channel] & both) == both) {
            return static_cast<std::uint16_t>(2 * channel);
        }
    }
    constexpr std::uint16_t both = overflow_flag | overflow_enabled;
    return (control_ & both) == both ? 0xA : 0;
}

std::uint16_t TimerA::requests() const {
    constexpr std::uint16_t both = flag | enabled;
    unsigned requested = 0;
    if ((channel_control_[0] & both) == both) {
        requested |= 1U << vector::timer_a0;
    }
    if (source_vector() != 0) {
        requested |= 1U << vector::timer_a1;
    }
    return static_cast<std::uint16_t>(requested);
}

void TimerA::accepted(unsigned vector) {
    if (vector == vector::timer_a0) {
        channel_control_[0] &= static_cast<std::uint16_t>(~flag);
    }
}

std::uint16_t TimerA::read(std::uint16_t address, std::uint64_t cycle) {
    advance(cycle);
    if (address == tactl) {
        return control_;
    }
    if (address == tar) {
        return counter_;
    }
    if (address >= taccr0) {
        return compare_[(address - taccr0) / 2U];
    }
    if (address >= tacctl0) {
        const std::uint16_t control = channel_control_[(address - tacctl0) / 2U];
        return level(control) ? control | input_level : control;
    }
    const std::uint16_t source = source_vector();
    if (source == 2 || source == 4) {
        channel_control_[source / 2U] &= static_cast<std::uint16_t>(~flag);
    } else if (source != 0) {
        control_ &= static_cast<std::uint16_t>(~overflow_flag);
    }
    return source;
}

void TimerA::write_channel(std::size_t channel, std::uint16_t value) {
    std::uint16_t& control = channel_control_[channel];
    const bool before = level(control);
    control = value & channel_kept;
    const bool after = level(control);
    const bool edge = before != after && (((control >> 14U) & (after ? 1U : 2U)) != 0);
    if ((control & captures) != 0 && edge) {
        control |= (control & flag) != 0 ? flag | capture_overflow : flag;
        compare_[channel] = counter_;
    }
}

void TimerA::write(std::uint16_t address,
                   std::uint16_t value,
                   std::uint16_t mask,
                   std::uint64_t cycle) {
    (void)mask;
    advance(cycle);
    if (address == tactl) {
        control_ = value & control_kept;
        if ((value & clear) != 0) {
            counter_ = 0;
            phase_ = 0;
            down_ = false;
        }
    } else if (address == tar) {
        counter_ = value;
    } else if (address >= taccr0) {
        compare_[(address - taccr0) / 2U] = value;
    } else if (address >= tacctl0) {
        write_channel((address - tacctl0) / 2U, value);
    }
}

void TimerA::reset(std::uint64_t cycle) {
    *this = TimerA(aclk_cycles_);
    now_ = cycle;
}

void TimerA::save(Writer& writer) const {
    writer.u16(control_).u16(counter_).u8(down_ ? 1 : 0).u64(now_).u64(phase_);
    for (std::size_t i = 0; i < channels; ++i) {
        writer.u16(channel_control_[i]).u16(compare_[i]);
    }
}

void TimerA::load(Reader& reader) {
    control_ = reader.u16();
    counter_ = reader.u16();
    down_ = reader.u8() != 0;
    now_ = reader.u64();
    phase_ = reader.u64();
    for (std::size_t i = 0; i < channels; ++i) {
        channel_control_[i] = reader.u16();
        compare_[i] = reader.u16();
    }
}

} // namespace authex::sancus_emulator
