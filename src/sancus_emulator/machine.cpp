#include "sancus_emulator/machine.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace authex::sancus_emulator {

Machine::Machine(const Configuration& configuration, std::vector<NamedDevice> devices)
    : configuration_(configuration),
      core_(std::make_unique<Core>(configuration.map, configuration.slots)),
      bus_(std::move(devices)) {
    core_->peripherals = &bus_;
    core_->rules = configuration.rules;
    core_->variant = configuration.variant;
    core_->atomic_limit = configuration.atomic_limit;
    core_->security = configuration.security;
    core_->node_key = configuration.node_key;
    reset();
}

void Machine::load(std::uint16_t start, ByteView bytes) {
    std::copy(bytes.begin(), bytes.end(), core_->memory.bytes.begin() + start);
    core_->forget_all();
    if (start + bytes.size() > vector::address(vector::reset) && core_->cycle == 0) {
        core_->r[reg::pc] = core_->memory.word(vector::address(vector::reset)) & 0xFFFEU;
    }
}

void Machine::reset() {
    Core& core = *core_;
    core.r.fill(0);
    core.generator = 0;
    core.r[reg::pc] = core.memory.word(vector::address(vector::reset)) & 0xFFFEU;
    core.enclaves.reset();
    core.reclassify();
    core.unmask();
    core.violation.reset();
    core.bad_fetch.reset();
    core.stack_guard = 0;
    core.interrupts_seen = false;
    core.monitor.reset();
    core.monitored = core.cycle;
    core.entering = false;
    core.dozing = false;
    core.current_id = EnclaveTable::first_interrupt_id + vector::reset;
    core.previous_id = 0;
    core.come_from(unprotected);
    bus_.reset(core.cycle);
    if (observer_ != nullptr) {
        observer_->was_reset(core);
    }
}

void Machine::enter(unsigned vector) {
    if (observer_ != nullptr) {
        observer_->interrupt(*core_, vector);
    }
    enter_interrupt(*core_, vector);
}

std::uint16_t Machine::requests(std::uint64_t cycle, bool enabled) const {
    const unsigned seen = bus_.requests(cycle);
    return static_cast<std::uint16_t>(enabled ? seen : seen & (1U << vector::nmi));
}

bool Machine::take_violation(std::uint16_t requested) {
    Core& core = *core_;
    if (!core.violation) {
        return false;
    }
    const Violation violation = *core.violation;
    core.violation.reset();
    core.unmask();
    if (configuration_.variant != Variant::legacy) {
        core.r[reg::sr] |= status::violation;
    }
    if (observer_ != nullptr) {
        observer_->violated(core, violation);
    }
    if (configuration_.reset_on_violation) {
        reset();
        return true;
    }
    if (core.rules == Rules::rtl && requested >> vector::nmi != 0) {
        return false; // the hardware description forgets it for an NMI in the same cycle
    }
    enter(vector::violation);
    return true;
}

bool Machine::take_interrupt(std::uint16_t requested) {
    if (requested == 0) {
        return false;
    }
    const auto vector = static_cast<unsigned>(std::bit_width(requested)) - 1;
    bus_.accepted(vector);
    enter(vector);
    return true;
}

std::optional<Stop> Machine::sleep(std::uint64_t until) {
    Core& core = *core_;
    while ((core.r[reg::sr] & status::cpu_off) != 0) {
        bus_.advance(core.cycle);
        if (bus_.wants_reset()) {
            reset();
            return std::nullopt;
        }
        const bool enabled = interrupts_enabled();
        if (configuration_.cpu_off_ends || (!enabled && !bus_.awaits_nmi())) {
            return Stop::off;
        }
        if (const std::uint16_t requested = requests(core.cycle, enabled); requested != 0) {
            ++core.cycle;
            take_interrupt(requested);
            return std::nullopt;
        }
        const std::uint64_t next = bus_.next_event();
        if (next == never) {
            return Stop::asleep;
        }
        if (next > until) {
            core.cycle = std::max(core.cycle, until);
            return Stop::limit;
        }
        core.cycle = std::max(core.cycle, next);
    }
    return std::nullopt;
}

bool Machine::interrupts_enabled() const {
    return core_->variant == Variant::aion ? aion::accepts(*core_)
                                           : (core_->r[reg::sr] & status::interrupts) != 0;
}

/// Who wrote CPUOFF and may not goes on two cycles later; the first of them is one of sleep.
bool Machine::doze() {
    Core& core = *core_;
    if (!std::exchange(core.dozing, false)) {
        return false;
    }
    bus_.advance(core.cycle++);
    aion::advance(core, core.cycle);
    if (take_interrupt(requests(core.cycle - 1, core.interrupts_seen))) {
        return true;
    }
    aion::advance(core, ++core.cycle);
    return false;
}

void Machine::between_instructions() {
    Core& core = *core_;
    if (core.variant == Variant::aion) {
        aion::advance(core, core.cycle);
    }
    // An instruction sees in its last cycle what devices have come to by then.
    const auto last = [&core] { return core.cycle == 0 ? 0 : core.cycle - 1; };
    bus_.advance(last());
    if (bus_.wants_reset()) {
        reset();
    }
    const std::uint16_t requested = requests(last(), core.interrupts_seen);
    if (take_violation(requested) || take_interrupt(requested) || doze()) {
        bus_.advance(last());
        take_interrupt(requests(last(), core.interrupts_seen));
    }
    core.interrupts_seen = interrupts_enabled();
}

std::optional<Stop> Machine::settle(std::uint64_t until) {
    if (core_->bad_fetch) {
        return Stop::bad_fetch;
    }
    if (std::exchange(executed_, false)) {
        between_instructions();
    }
    return sleep(until);
}

bool Machine::slow() const {
    return observer_ != nullptr && (observer_->wants_instructions() || observer_->wants_stop());
}

std::uint64_t Machine::deadline(std::uint64_t until) const {
    const Core& core = *core_;
    const std::uint64_t last = core.cycle; // of an instruction that takes one
    const bool watched = core.variant == Variant::aion && (core.entering || !core.monitor.idle());
    if (slow() || watched || !breakpoints_.empty() || requests(last, core.interrupts_seen) != 0) {
        return core.cycle + 1;
    }
    const std::uint64_t next = bus_.next_event();
    return std::min(until, next == never ? never : std::max(next, core.cycle) + 1);
}

Stop Machine::run(std::uint64_t until) {
    Core& core = *core_;
    core.watched.reset();
    bool first = true;
    for (;;) {
        if (const auto stop = settle(until)) {
            return *stop;
        }
        if (core.cycle >= until) {
            return Stop::limit;
        }
        if (observer_ != nullptr && observer_->wants_stop()) {
            return Stop::observer;
        }
        const bool here = std::find(breakpoints_.begin(), breakpoints_.end(), core.r[reg::pc]) !=
                          breakpoints_.end();
        if (here && !first) {
            return Stop::breakpoint;
        }
        first = false;
        if (slow()) {
            observer_->instruction(core);
        }
        core.deadline = deadline(until);
        sancus_emulator::run(core);
        executed_ = true;
        if (core.watched) {
            return Stop::watched;
        }
    }
}

Stop Machine::step() {
    return run(core_->cycle + 1);
}

void Machine::set_breakpoint(std::uint16_t address) {
    breakpoints_.push_back(address);
}

void Machine::clear_breakpoint(std::uint16_t address) {
    std::erase(breakpoints_, address);
}

} // namespace authex::sancus_emulator
