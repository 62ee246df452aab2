// The instructions that Sancus adds, 0x1380 + n. Cycles as measured on the hardware description:
// they depend on numbers of words alone, 173 a block.
#include "sancus_emulator/bus.hpp"
#include "sancus_emulator/execute.hpp"

namespace authex::sancus_emulator {
namespace {

constexpr std::uint64_t block_cycles = 173;
constexpr std::uint64_t refused_cycles = 3;
/// `aion` never loads encrypted text, and refuses once it has made the vendor's key
/// (crypto_control.v, WRITE_VKEY_DONE).
constexpr std::uint64_t encrypted_refused_cycles = 2933;

std::uint32_t text_words(const Layout& layout) {
    return WordRange{layout.text_start, layout.text_end}.words();
}

/// With the rights of who executes.
WordBus guarded(Core& core, const Instruction& instruction) {
    return {
        [&](std::uint16_t address) { return load<false>(core, instruction, address, core.cycle); },
        [&](std::uint16_t address, std::uint16_t value) {
            store<false>(core, instruction, address, value);
        }};
}

/// The same, but all text can be read and written, as it can while a module is made, measured or
/// cleared.
WordBus with_text(Core& core, const Instruction& instruction) {
    const auto text = [&core](std::uint16_t address) {
        const Domain owner = core.enclaves.text_of(address);
        const Domain data = core.enclaves.data_of(address);
        return owner != unprotected && (data == unprotected || data == core.domain) &&
               address >= MemoryMap::peripherals_end;
    };
    return {[&, text](std::uint16_t address) -> std::uint16_t {
                if (text(address)) {
                    return core.masked ? 0 : core.memory.word(address);
                }
                return load<false>(core, instruction, address, core.cycle);
            },
            [&, text](std::uint16_t address, std::uint16_t value) {
                if (!text(address)) {
                    store<false>(core, instruction, address, value);
                } else if (!core.masked) {
                    core.memory.set_word(address, value);
                    core.forget(address);
                }
            }};
}

/// All that uses the crypto unit clears Z, whether it succeeds or not.
void finish(Core& core, std::uint64_t cycles, std::uint16_t result) {
    core.cycle += cycles;
    core.r[15] = result;
    core.r[reg::sr] &= static_cast<std::uint16_t>(~status::zero);
}

/// The core of before 2020-07, and `aion`, abort what uses the crypto unit for an interrupt:
/// nothing is done but that R15 is 0 and Z is set, and the program is to repeat it
/// (crypto_control.v, irq_state_ok).
/// @param first cycle of the instruction in which it can be aborted
/// @param cycles that it takes otherwise; in the last one nothing keeps it back any more
bool aborts(Core& core, std::uint64_t first, std::uint64_t cycles) {
    if (core.variant == Variant::base) {
        return false;
    }
    const std::uint64_t end = core.cycle + cycles - 1;
    std::uint64_t from = core.cycle + first;
    bool enabled = (core.r[reg::sr] & status::interrupts) != 0;
    if (core.variant == Variant::aion) {
        const auto accepting = aion::first_accepting(core, from, end);
        enabled = accepting.has_value();
        from = accepting.value_or(from);
    }
    const auto request = core.peripherals->first_request(
        from, end, enabled ? std::uint16_t{0xFFFF} : 1U << vector::nmi);
    if (!request) {
        return false;
    }
    core.cycle = *request;
    finish(core, 2, 0);
    core.r[reg::sr] |= status::zero;
    return true;
}

/// Of `aion`, the first state of protect (ENABLE_SM) is one in which it aborts, the second not.
bool aborts_protect(Core& core, std::uint64_t cycles) {
    return (core.variant == Variant::aion && aborts(core, 1, 3)) || aborts(core, 3, cycles);
}

void unprotect(Core& core, const Instruction& instruction) {
    const Domain who = core.domain;
    // Whoever came here from outside has violated, and could clear nothing. The hardware
    // description ends the enclave all the same (omsp_spm.v, update_spm).
    const bool intrudes = core.masked && core.rules == Rules::documented;
    if (who == unprotected || intrudes) {
        finish(core, refused_cycles, 0);
        return;
    }
    const Layout layout = core.enclaves.at(who).layout;
    const WordBus bus = with_text(core, instruction);
    const WordRange text{layout.text_start, layout.text_end};
    const WordRange data{layout.data_start, layout.data_end};
    const std::uint64_t cycles = 8 + text.words() + data.words();
    if (aborts(core, 2, cycles)) {
        return;
    }
    for (const WordRange& range : {text, data}) {
        for (std::uint32_t i = 0; i < range.words(); ++i) {
            bus.store(static_cast<std::uint16_t>(range.start + 2 * i), 0);
        }
    }
    if (core.masked && core.rules == Rules::documented) {
        finish(core, cycles, 0); // another's data lie over it, and it could not clear them
        return;
    }
    if (core.variant == Variant::aion) {
        aion::advance(core, core.cycle + cycles - 1);
    }
    core.enclaves.disable(who);
    core.reclassify();
    core.come_from(unprotected);
    core.become(0);
    core.r[reg::pc] = core.r[15] & 0xFFFEU;
    finish(core, cycles, core.r[15]);
}

/// Writes the key of an enclave whose text may yet have to be decrypted.
/// @return false: what was encrypted is not genuine
bool make_key(Core& core, const Instruction& instruction, Domain slot) {
    Enclave& enclave = core.enclaves.at(slot);
    const WordBus bus = with_text(core, instruction);
    const Key vendor = vendor_key(core.security, core.node_key, core.r[11]);
    const Layout& layout = enclave.layout;
    if (const std::uint16_t nonce = core.r[10]; nonce != 0) {
        const Wrapping wrapping{
            {}, {layout.text_start, layout.text_end}, layout.text_start, core.r[9]};
        core.cycle += block_cycles * (17 + text_words(layout));
        if (!unwrap_text(core.security, vendor, nonce, wrapping, bus, core.rules == Rules::rtl)) {
            return false;
        }
    }
    enclave.key = text_mac(core.security, vendor, layout, bus);
    return true;
}

/// A protect that fails ends, by the hardware description, whoever has the address at which the new
/// text was to begin, and clears nothing (crypto_control.v, FAIL; omsp_spm.v, cancel_spm).
void end_whoever_is_at(Core& core, std::uint16_t address) {
    for (Domain present = core.enclaves.text_of(address); present != unprotected;
         present = core.enclaves.text_of(address)) {
        core.enclaves.disable(present);
        if (core.domain == present) {
            core.come_from(unprotected);
            core.become(0);
        }
    }
    core.reclassify();
}

void protect(Core& core, const Instruction& instruction) {
    const Layout layout{core.r[12], core.r[13], core.r[14], core.r[15]};
    const bool sound = layout.text_start < layout.text_end && layout.data_start <= layout.data_end;
    // Data that overlap those of enclave 1 would stop it: the hardware description has that check
    // as a comment alone.
    const bool strict = core.variant == Variant::aion && core.rules == Rules::documented;
    const Domain overlapped =
        strict ? core.enclaves.touched_by(layout) : core.enclaves.overlapped_by(layout);
    if (overlapped != unprotected) {
        core.violate(Violation::Kind::create, instruction, layout.text_start, overlapped);
    }
    auto slot = core.enclaves.free_slot();
    const bool quirks = core.rules == Rules::rtl;
    if (overlapped != unprotected && quirks && core.variant != Variant::base) {
        if (core.enclaves.text_of(layout.text_start) != unprotected) {
            end_whoever_is_at(core, layout.text_start);
            core.mask();
        }
        finish(core, refused_cycles, 0);
        core.r[reg::sr] |= status::zero; // aborted
        return;
    }
    // Numbers from there on are those of interrupts.
    const bool numberless = strict && core.enclaves.next_id() >= EnclaveTable::first_interrupt_id;
    const bool refused = !sound || !slot || numberless || (overlapped != unprotected && !quirks);
    // The hardware description keys whom the address belongs to, though nothing is made.
    const Domain present = core.enclaves.text_of(layout.text_start);
    if (refused && (!quirks || present == unprotected)) {
        finish(core, refused_cycles + 1, 0);
        return;
    }
    if (core.variant == Variant::aion && core.r[10] != 0) {
        if (!aborts_protect(core, encrypted_refused_cycles)) {
            if (quirks) {
                end_whoever_is_at(core, layout.text_start);
            }
            finish(core, encrypted_refused_cycles, 0);
        }
        return;
    }
    const Layout keyed = refused ? core.enclaves.at(present).layout : layout;
    const std::uint64_t cycles = 6382 + block_cycles * text_words(keyed);
    if (aborts_protect(core, cycles)) {
        return;
    }
    if (core.variant == Variant::aion) {
        aion::advance(core, core.cycle + 1); // the first enclave ends what anybody may do
    }
    if (refused) {
        slot = present;
    } else {
        core.enclaves.enable(*slot, layout);
        core.reclassify();
    }
    if (!make_key(core, instruction, *slot)) {
        if (!refused) {
            core.enclaves.cancel(*slot);
        }
        if (quirks) {
            end_whoever_is_at(core, layout.text_start);
        }
        core.reclassify();
        finish(core, cycles, 0);
        return;
    }
    if (layout.has_text(core.address_of(instruction))) {
        core.come_from(*slot); // who makes a module of the code that runs is inside it
    }
    finish(core, cycles, core.enclaves.at(core.enclaves.text_of(layout.text_start)).id);
}

void attest(Core& core, const Instruction& instruction, Domain whom) {
    if (whom == unprotected) {
        finish(core, refused_cycles, 0);
        return;
    }
    const Enclave& enclave = core.enclaves.at(whom);
    const std::uint64_t cycles = 3454 + block_cycles * text_words(enclave.layout);
    if (aborts(core, 2, cycles)) {
        return;
    }
    const WordBus bus = with_text(core, instruction);
    const Key measured = text_mac(core.security, Key{}, enclave.layout, bus);
    const bool equal = tag_matches(core.security, measured, core.r[15], bus);
    finish(core, cycles, equal ? enclave.id : std::uint16_t{0});
}

Key key_in_memory(Security security, std::uint16_t address, const WordBus& bus) {
    Key key{};
    for (std::size_t i = 0; i < key_bytes(security); i += 2) {
        const std::uint16_t word = bus.load(static_cast<std::uint16_t>(address + i));
        key[i] = static_cast<std::uint8_t>(word);
        key[i + 1] = static_cast<std::uint8_t>(word >> 8U);
    }
    return key;
}

std::uint64_t wrapping_cycles(const Wrapping& what, bool key_in_memory, bool wrapping_up) {
    const std::uint64_t cycles = block_cycles * (16 + what.associated.words() + what.body.words()) +
                                 (key_in_memory ? 16 : 0);
    if (!wrapping_up) {
        return cycles - 178;
    }
    const bool only_tag = what.body.start == what.body.end;
    return cycles - 7 + (only_tag ? block_cycles - 2 : 0);
}

void wrap_or_unwrap(Core& core, const Instruction& instruction, bool wrapping_up) {
    const std::uint16_t key_at = core.r[9];
    if (key_at == 0 && core.domain == unprotected) {
        finish(core, refused_cycles, 0);
        return;
    }
    const Wrapping what{{core.r[10], core.r[11]}, {core.r[12], core.r[13]}, core.r[14], core.r[15]};
    const std::uint64_t cycles = wrapping_cycles(what, key_at != 0, wrapping_up);
    if (aborts(core, key_at != 0 ? 1 : 2, cycles)) {
        return;
    }
    const WordBus bus = guarded(core, instruction);
    const Key key =
        key_at == 0 ? core.enclaves.at(core.domain).key : key_in_memory(core.security, key_at, bus);
    std::uint16_t result = 1;
    if (wrapping_up) {
        wrap(core.security, key, what, bus);
    } else {
        result = unwrap(core.security, key, what, bus, core.rules == Rules::rtl) ? 1 : 0;
    }
    finish(core, cycles, result);
}

/// clix: no interrupts for so many cycles, or until they are enabled. Only in `aion`.
void begin_section(Core& core, const Instruction& instruction) {
    if (!aion::clix(core, core.r[15])) {
        core.violate(Violation::Kind::atomicity, instruction, core.r[15], core.domain);
    }
    core.cycle += 2;
    core.attend();
}

} // namespace

void sancus(Core& core, const Instruction& instruction) {
    switch (instruction.source) {
    case 0:
        unprotect(core, instruction);
        break;
    case 1:
        protect(core, instruction);
        break;
    case 2:
        attest(core, instruction, core.enclaves.text_of(core.r[14]));
        break;
    case 3:
        attest(core, instruction, core.enclaves.with_id(core.previous_id));
        break;
    case 4:
        wrap_or_unwrap(core, instruction, true);
        break;
    case 5:
        wrap_or_unwrap(core, instruction, false);
        break;
    case 6:
        finish(core, refused_cycles, core.id_of(core.enclaves.text_of(core.r[15])));
        break;
    case 7:
        finish(core, refused_cycles, core.previous_id);
        break;
    case 8:
        core.cycle += 2;
        // Whoever has no stack has no guard (omsp_register_file.v, r1_clr).
        core.stack_guard = core.r[reg::sp] == 0 ? 0 : core.r[15];
        break;
    default:
        begin_section(core, instruction);
        break;
    }
}

} // namespace authex::sancus_emulator
