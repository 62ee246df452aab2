#include "sancus_emulator/atomicity_monitor.hpp"

#include <algorithm>

#include "sancus_emulator/core.hpp"

namespace authex::sancus_emulator {

bool AtomicityMonitor::accepts(const Inputs& in, bool gie) const {
    const bool clix_over = clix_ends(gie, in.interrupt);
    const bool entry_over = entry_ends(in.clix.has_value(), in.interrupt);
    return (gie || clix_over || entry_over) && !in.scheduler && !in.clix &&
           (!inside_clix_ || clix_over) && (!inside_entry_ || entry_over) && !in.enters;
}

bool AtomicityMonitor::violated(const Inputs& in, std::uint16_t limit) const {
    return (in.clix && (was_inside_clix_ || *in.clix > limit)) || (in.enters && inside_clix_) ||
           (in.enters && was_inside_entry_ && !in.privileged);
}

void AtomicityMonitor::clock(const Inputs& in, bool gie) {
    const bool clix_over = clix_ends(gie, in.interrupt);
    const bool entry_over = entry_ends(in.clix.has_value(), in.interrupt);
    const bool entered_in_entry = was_inside_entry_;
    was_inside_clix_ = inside_clix_;
    was_inside_entry_ = inside_entry_;
    if (inside_clix_) {
        inside_clix_ = !clix_over;
        clix_left_ = clix_over ? 0 : static_cast<std::uint16_t>(clix_left_ - 1);
    } else if (in.clix) {
        inside_clix_ = true;
        clix_left_ = *in.clix;
    }
    if (in.enters) {
        inside_entry_ = !in.privileged && !entered_in_entry;
        entry_left_ = inside_entry_ ? entry_cycles : 0;
    } else if (inside_entry_) {
        inside_entry_ = !entry_over;
        entry_left_ = entry_over ? 0 : static_cast<std::uint16_t>(entry_left_ - 1);
    }
}

namespace aion {
namespace {

bool any_enclave(const Core& core) {
    const auto& all = core.enclaves.all();
    return std::any_of(all.begin(), all.end(), [](const Enclave& each) { return each.enabled; });
}

bool gie(const Core& core) {
    return (core.r[reg::sr] & status::interrupts) != 0;
}

AtomicityMonitor::Inputs inputs(const Core& core) {
    AtomicityMonitor::Inputs in;
    in.privileged = privileged(core);
    in.scheduler = in.privileged && core.domain != unprotected && core.domain != nobody;
    in.enters = core.entering;
    return in;
}

/// @param written GIE, if an instruction writes it in this cycle
void step(Core& core, const AtomicityMonitor::Inputs& in, std::optional<bool> written = {}) {
    const bool before = gie(core);
    const bool accepted = core.monitor.accepts(in, before);
    core.monitor.clock(in, before);
    const bool may_write = in.privileged || (!accepted && written);
    const bool after = may_write ? written.value_or(before) : accepted;
    core.r[reg::sr] &= static_cast<std::uint16_t>(~status::interrupts);
    core.r[reg::sr] |= after ? status::interrupts : 0U;
    core.interrupts_seen = accepted;
    core.entering = false;
    ++core.monitored;
}

} // namespace

bool privileged(const Core& core) {
    return core.current_id == EnclaveTable::scheduler_id || !any_enclave(core);
}

void advance(Core& core, std::uint64_t cycle) {
    while (core.monitored < cycle) {
        const AtomicityMonitor::Inputs in = inputs(core);
        const bool steady = core.monitor.accepts(in, gie(core)) == gie(core) || in.privileged;
        if (core.monitor.idle() && !core.entering && steady) {
            core.interrupts_seen = core.monitor.accepts(in, gie(core));
            core.monitored = cycle;
            return;
        }
        step(core, in);
    }
}

bool accepts(const Core& core) {
    return core.monitor.accepts(inputs(core), gie(core));
}

std::optional<std::uint64_t>
first_accepting(const Core& core, std::uint64_t from, std::uint64_t end) {
    AtomicityMonitor monitor = core.monitor;
    AtomicityMonitor::Inputs in = inputs(core);
    bool enabled = gie(core);
    for (std::uint64_t cycle = core.monitored; cycle < end; ++cycle) {
        const bool accepted = monitor.accepts(in, enabled);
        if (accepted && cycle >= from) {
            return cycle;
        }
        if (monitor.idle() && !in.enters && (accepted == enabled || in.privileged)) {
            return accepted ? std::optional(from) : std::nullopt;
        }
        monitor.clock(in, enabled);
        enabled = in.privileged ? enabled : accepted;
        in.enters = false;
    }
    return std::nullopt;
}

bool enter(Core& core) {
    core.entering = true;
    return !core.monitor.violated(inputs(core), core.atomic_limit);
}

bool clix(Core& core, std::uint16_t length) {
    advance(core, core.cycle);
    AtomicityMonitor::Inputs in = inputs(core);
    in.clix = length;
    bool sound = true;
    for (unsigned cycle = 0; cycle < 2; ++cycle) {
        sound = sound && !core.monitor.violated(in, core.atomic_limit);
        step(core, in);
        in.enters = false;
    }
    return sound;
}

std::uint16_t write_status(Core& core, std::uint16_t value, std::uint64_t cycle) {
    advance(core, cycle);
    const AtomicityMonitor::Inputs in = inputs(core);
    step(core, in, (value & status::interrupts) != 0);
    // That anybody may stop the clocks of timers is against what the hardware description says of
    // itself, and would leave enclave 1 without its timer.
    const unsigned clocks = core.rules == Rules::rtl ? 0U : status::clocks_off;
    const unsigned kept = status::interrupts | (in.privileged ? 0U : status::cpu_off | clocks);
    return static_cast<std::uint16_t>((value & ~kept) | (core.r[reg::sr] & kept));
}

void begin_interrupt(Core& core) {
    AtomicityMonitor::Inputs in;
    in.privileged = privileged(core);
    in.interrupt = true;
    step(core, in);
}

} // namespace aion
} // namespace authex::sancus_emulator
