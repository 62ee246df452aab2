#include "tee/sancus/firmware/timekeeper.hpp"

#include "tee/sancus/firmware/hardware.hpp"

namespace authex::tee::sancus::firmware {
namespace {

/// How often the timer wakes the board.
constexpr std::uint16_t alarm_ms = 10;
/// How often the manager is told what was counted.
constexpr std::uint16_t tell_ms = 1000;
static_assert(alarm_ms * timer::counts_per_ms < 0x8000, "the timer cannot wait as long");

} // namespace

bool Timekeeper::set(const Periodic& wanted) {
    Periodic* place = nullptr;
    for (Periodic& each : periodic_) {
        if (each.slot == wanted.slot && each.index == wanted.index) {
            place = &each;
            break;
        }
        if (each.slot == Periodic::unused) {
            place = &each;
        }
    }
    if (wanted.every_ms == 0) {
        if (place != nullptr && place->slot == wanted.slot) {
            *place = Periodic{};
        }
    } else if (place == nullptr) {
        return false;
    } else if (place->slot != wanted.slot || place->entry != wanted.entry ||
               place->every_ms != wanted.every_ms) {
        *place = wanted;
        place->left_ms = wanted.every_ms;
    }
    start_or_stop();
    return true;
}

void Timekeeper::remove(std::uint8_t slot) {
    for (Periodic& each : periodic_) {
        if (each.slot == slot) {
            each = Periodic{};
        }
    }
    start_or_stop();
}

void Timekeeper::start_or_stop() {
    bool any = false;
    for (const Periodic& each : periodic_) {
        any = any || each.slot != Periodic::unused;
    }
    if (any && !runs_) {
        timer::start();
        last_ = 0;
        until_told_ = tell_ms;
        timer::alarm_at(alarm_ms * timer::counts_per_ms);
    } else if (!any) {
        timer::stop();
    }
    runs_ = any;
}

void Timekeeper::follow() {
    if (!runs_) {
        return;
    }
    do {
        std::uint16_t ms = 0;
        while (static_cast<std::uint16_t>(timer::now() - last_) >= timer::counts_per_ms) {
            last_ = static_cast<std::uint16_t>(last_ + timer::counts_per_ms);
            ++ms;
        }
        pass(ms);
        timer::alarm_at(static_cast<std::uint16_t>(last_ + alarm_ms * timer::counts_per_ms));
        // An alarm that lies behind would ring only after the timer has gone all around.
    } while (static_cast<std::uint16_t>(timer::now() - last_) >= alarm_ms * timer::counts_per_ms);
}

void Timekeeper::pass(std::uint16_t ms) {
    const bool tell = ms >= until_told_;
    until_told_ = tell ? tell_ms : static_cast<std::uint16_t>(until_told_ - ms);
    for (Periodic& each : periodic_) {
        if (each.slot == Periodic::unused) {
            continue;
        }
        std::uint32_t passed = ms;
        while (passed >= each.left_ms) {
            passed -= each.left_ms;
            each.left_ms = each.every_ms;
            each.missed += each.due ? 1U : 0U;
            each.due = true;
        }
        each.left_ms -= passed;
        each.to_tell = each.to_tell || tell;
    }
}

Periodic* Timekeeper::due() {
    for (std::uint8_t i = 0; i != link::periodic_max; ++i) {
        turn_ = turn_ + 1 == link::periodic_max ? std::uint8_t{0}
                                                : static_cast<std::uint8_t>(turn_ + 1);
        if (periodic_[turn_].due) {
            return &periodic_[turn_];
        }
    }
    return nullptr;
}

} // namespace authex::tee::sancus::firmware
