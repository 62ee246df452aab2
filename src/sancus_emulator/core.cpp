#include "sancus_emulator/core.hpp"

#include <algorithm>
#include <utility>

namespace authex::sancus_emulator {
namespace {

const std::uint8_t* all_slow() {
    static const access::Classes classes = [] {
        access::Classes slow{};
        slow.fill(access::slow);
        return slow;
    }();
    return classes.data();
}

/// The monitor looks at each change of who executes.
void enter_domain(Core& core, const Instruction& at) {
    aion::advance(core, core.cycle);
    const std::uint16_t before = core.current_id;
    core.domain = at.domain;
    core.become(core.id_of(at.domain));
    core.attend();
    if (at.domain != unprotected && core.current_id != before && !aion::enter(core)) {
        core.violate(Violation::Kind::atomicity, at, core.address_of(at), at.domain);
    }
}

/// Execution passes from one domain to another, or reaches what is not decoded yet.
/// @return false: nothing can be fetched there
bool enter(Core& core, Instruction& at) {
    const std::uint16_t pc = core.address_of(at);
    if (at.domain == Instruction::undecoded) {
        if (!core.map.is_program(pc)) {
            core.bad_fetch = pc;
            core.attend();
            return false;
        }
        at = decode(core, pc);
    }
    const Domain from = core.domain == nobody ? core.came_from : core.domain;
    if (core.domain == at.domain) {
        return true;
    }
    const bool intrudes = at.domain != unprotected && from != at.domain &&
                          pc != core.enclaves.at(at.domain).layout.text_start;
    if (intrudes) {
        core.domain = from;
        core.violate(Violation::Kind::execute, at, pc, at.domain);
    }
    if (core.variant == Variant::aion) {
        enter_domain(core, at);
        return true;
    }
    core.domain = at.domain;
    core.become(core.id_of(at.domain));
    if (at.domain == unprotected) {
        return true;
    }
    if ((core.r[reg::sr] & status::interrupts) != 0 && at.cycles == 1) {
        // Who enters an enclave can be interrupted from the second cycle on, so that a first
        // instruction that disables interrupts always wins (omsp_execution_unit.v, enter_sm).
        core.interrupts_seen = false;
        core.attend();
    }
    return true;
}

} // namespace

void Core::mask() {
    masked = true;
    read_class = all_slow();
    write_class = all_slow();
}

void Core::unmask() {
    masked = false;
    read_class = memory.read.data();
    write_class = memory.write.data();
}

void Core::violate(Violation::Kind kind,
                   const Instruction& instruction,
                   std::uint16_t address,
                   Domain of) {
    if (!violation) {
        violation = {kind, address_of(instruction), address, id_of(domain), id_of(of), cycle};
    }
    mask();
    attend();
}

void Core::forget(std::uint16_t address) {
    constexpr unsigned longest = 3; // words of an instruction
    for (unsigned words = 0; words < longest; ++words) {
        code[(address / 2U - words) % code.size()].domain = Instruction::undecoded;
    }
}

void Core::forget_all() {
    for (Instruction& instruction : code) {
        instruction.domain = Instruction::undecoded;
    }
}

void Core::reclassify() {
    enclaves.classify(map, memory);
    for (const Watch& watch : watches) {
        // Whole words, since one is accessed by either address.
        const std::size_t end = std::min(
            (std::size_t{watch.address} + watch.size + 1) & ~std::size_t{1}, address_space);
        for (std::size_t at = watch.address & 0xFFFEU; at < end; ++at) {
            memory.read[at] = access::slow;
            memory.write[at] = access::slow;
        }
    }
    forget_all();
}

void Core::set_watches(std::vector<Watch> wanted) {
    watches = std::move(wanted);
    watched.reset();
    reclassify();
}

void Core::look_at(std::uint16_t address, bool byte, bool write) {
    const std::uint32_t first = byte ? address : address & 0xFFFEU;
    const std::uint32_t end = first + (byte ? 1 : 2);
    for (const Watch& watch : watches) {
        const std::uint32_t watch_end = watch.address + watch.size;
        if ((write ? watch.writes : watch.reads) && !watched && first < watch_end &&
            end > watch.address) {
            watched = std::max<std::uint16_t>(static_cast<std::uint16_t>(first), watch.address);
            attend();
        }
    }
}

void run(Core& core) {
    while (core.cycle < core.deadline) {
        Instruction& instruction = core.code[core.r[reg::pc] / 2U];
        if (instruction.domain != core.domain) [[unlikely]] {
            if (!enter(core, instruction)) {
                return;
            }
        }
        core.r[reg::pc] = instruction.next;
        core.cycle += instruction.cycles;
        instruction.run(core, instruction);
    }
}

} // namespace authex::sancus_emulator
