#include "sancus_emulator/interrupts.hpp"

namespace authex::sancus_emulator {
namespace {

/// Stores of the interrupt logic.
class Saver {
  public:
    Saver(Core& core, Domain who) : core_(core), who_(who) {}

    void put(std::uint16_t address, std::uint16_t value) {
        failed_ = failed_ || !core_.enclaves.may_write(who_, address);
        if (failed_) {
            return;
        }
        ++words_;
        if (address < MemoryMap::peripherals_end) {
            core_.peripherals->write(address & 0xFFFEU, value, 0xFFFF, core_.cycle);
        } else if (core_.map.is_data(address) || core_.map.is_program(address)) {
            core_.memory.set_word(address, value);
            core_.forget(address);
        }
    }
    /// Where the stack pointer goes as well, though not for good.
    void put_guarded(std::uint16_t address, std::uint16_t value) {
        core_.stack_guard = address == 0 ? 0 : core_.stack_guard;
        failed_ = failed_ || address < core_.stack_guard;
        put(address, value);
    }
    void push(std::uint16_t value) {
        if (failed_) {
            return;
        }
        const auto sp = static_cast<std::uint16_t>(core_.r[reg::sp] - 2);
        core_.r[reg::sp] = sp;
        failed_ = failed_ || (sp != 0 && sp < core_.stack_guard);
        put(sp, value);
    }
    /// How many were stored; the first that is forbidden ends it.
    [[nodiscard]] unsigned words() const { return words_; }
    [[nodiscard]] bool failed() const { return failed_; }

  private:
    Core& core_;
    Domain who_;
    unsigned words_ = 0;
    bool failed_ = false;
};

constexpr unsigned lowest_saved = 4;

/// @return cycles
unsigned save_unprotected(Core& core) {
    Saver saver(core, unprotected);
    saver.push(core.r[reg::pc]);
    saver.push(core.r[reg::sr]);
    return saver.words() == 0 ? 5 : 7;
}

unsigned save_to_state_area(Core& core, Domain who, std::uint16_t area) {
    Saver saver(core, who);
    saver.put_guarded(area, core.r[reg::pc]);
    auto at = static_cast<std::uint16_t>(area - 2);
    saver.put_guarded(at, core.r[reg::sp] | 1U);
    at = static_cast<std::uint16_t>(at - 2);
    saver.put_guarded(at, core.r[reg::sr]);
    for (unsigned n = 15; n >= lowest_saved; --n) {
        at = static_cast<std::uint16_t>(at - 2);
        saver.put_guarded(at, core.r[n]);
    }
    return !saver.failed() ? 35 : saver.words() < 2 ? 8 : 6 + 2 * saver.words();
}

unsigned save_to_own_stack(Core& core, Domain who, std::uint16_t slot) {
    Saver saver(core, who);
    saver.push(core.r[reg::pc]);
    saver.push(core.r[reg::sr]);
    for (unsigned n = 15; n >= lowest_saved; --n) {
        saver.push(core.r[n]);
    }
    saver.put(slot, core.r[reg::sp] | 1U);
    return saver.failed() ? 5 + 2 * saver.words() : 34;
}

void clear_registers(Core& core, std::uint16_t entry) {
    core.r[reg::sp] = 0;
    for (unsigned n = lowest_saved; n < 15; ++n) {
        core.r[n] = 0;
    }
    core.r[15] = entry;
    core.stack_guard = 0;
}

/// @param enabled interrupts were, so that the enclave expects one
unsigned leave_enclave(Core& core, Domain who, unsigned vector, bool enabled) {
    const Layout layout = core.enclaves.at(who).layout;
    const auto last_word = static_cast<std::uint16_t>(layout.data_end - 2);
    const bool may_save = core.enclaves.may_read(who, last_word);
    const std::uint16_t area = may_save ? core.memory.word(last_word) : 0;
    unsigned cycles = 3;
    if (core.variant == Variant::legacy) {
        cycles = save_to_own_stack(core, who, area);
    } else if (vector < vector::violation || enabled) {
        cycles = save_to_state_area(core, who, area);
    }
    clear_registers(core, layout.text_start);
    return cycles;
}

} // namespace

void enter_interrupt(Core& core, unsigned vector) {
    const Domain who = core.domain == nobody ? core.came_from : core.domain;
    // Fetched before anything is saved, which might be saved where it lies.
    const std::uint16_t handler = core.memory.word(vector::address(vector)) & 0xFFFEU;
    const bool bounded = core.variant == Variant::aion;
    const bool enabled =
        bounded ? core.interrupts_seen : (core.r[reg::sr] & status::interrupts) != 0;
    core.become(static_cast<std::uint16_t>(EnclaveTable::first_interrupt_id + vector));
    if (bounded) {
        aion::begin_interrupt(core);
    }
    if (who == unprotected) {
        core.cycle += save_unprotected(core);
        core.r[reg::sr] = 0;
    } else {
        core.cycle += leave_enclave(core, who, vector, enabled);
        core.r[reg::sr] = core.variant != Variant::legacy ? status::enclave_interrupted : 0U;
    }
    core.interrupts_seen = false;
    core.dozing = false;
    core.monitored = core.cycle;
    core.r[reg::pc] = handler;
    core.come_from(who);
}

} // namespace authex::sancus_emulator
