#include "sancus_emulator/execute.hpp"

#include <utility>

#include "sancus_emulator/alu.hpp"
#include "sancus_emulator/bus.hpp"

// A handler goes straight on to the next one, where the compiler can be told to make no call of it:
// each then predicts what follows it. Else run() goes on.
#if defined(__clang__) && !defined(AUTHEX_SANITIZED)
#define GO_ON(core)                                                                                \
    do {                                                                                           \
        const Instruction& following = (core).code[(core).r[reg::pc] / 2U];                        \
        if ((core).cycle >= (core).deadline || following.domain != (core).domain) {                \
            return;                                                                                \
        }                                                                                          \
        (core).r[reg::pc] = following.next;                                                        \
        (core).cycle += following.cycles;                                                          \
        [[clang::musttail]] return following.run(core, following);                                 \
    } while (false)
#else
#define GO_ON(core) (void)0
#endif

namespace authex::sancus_emulator {
namespace {

/// Cycles before the end of an instruction in which its destination is read.
constexpr std::uint64_t destination_read = 3;

/// @param cycle in which the register is written
void write_status(Core& core, std::uint16_t value, std::uint64_t cycle) {
    if (core.variant == Variant::aion) {
        value = aion::write_status(core, value, cycle);
    }
    std::uint16_t& sr = core.r[reg::sr];
    sr = static_cast<std::uint16_t>((value & status::writable) | (sr & ~status::writable));
    core.attend();
}

/// @param flags_set by the operation: they win over bits of the value
void write_special(Core& core,
                   const Instruction& instruction,
                   std::uint16_t value,
                   bool flags_set) {
    switch (instruction.destination_register) {
    case reg::pc:
        core.r[reg::pc] = value & 0xFFFEU;
        return;
    case reg::sp:
        write_sp(core, instruction, value);
        return;
    case reg::sr: {
        const std::uint16_t kept = flags_set ? status::flags : 0U;
        core.dozing = core.variant == Variant::aion && (value & status::cpu_off) != 0 &&
                      !aion::privileged(core);
        write_status(core,
                     static_cast<std::uint16_t>((value & ~kept) | (core.r[reg::sr] & kept)),
                     core.cycle - 1);
        return;
    }
    default:
        core.generator = value;
        return;
    }
}

/// What an operation finds in the register that it changes. The constant generator keeps what is
/// written to it, but only here.
template <Destination To>
std::uint16_t old_value(const Core& core, unsigned number) {
    return To == Destination::special && number == reg::cg ? core.generator : core.r[number];
}

std::uint16_t based(const Core& core, unsigned base, std::uint16_t offset) {
    return static_cast<std::uint16_t>(core.r[base] + offset);
}

void increment(Core& core, const Instruction& instruction) {
    const auto next = based(core, instruction.source_register, instruction.step);
    if (instruction.source_register == reg::sp) {
        write_sp(core, instruction, next);
    } else {
        core.r[instruction.source_register] = next;
    }
}

template <bool Byte, Source From>
std::uint16_t fetch_source(Core& core, const Instruction& instruction) {
    if constexpr (From == Source::constant) {
        return instruction.source & alu::mask<Byte>;
    } else if constexpr (From == Source::reg) {
        return core.r[instruction.source_register] & alu::mask<Byte>;
    } else {
        return load<Byte>(core,
                          instruction,
                          based(core, instruction.source_register, instruction.source),
                          core.cycle - instruction.cycles + instruction.source_wait);
    }
}

template <Double Operation, bool Byte, Source From, Destination To>
void two_operands(Core& core, const Instruction& instruction) {
    const std::uint16_t source = fetch_source<Byte, From>(core, instruction);
    const unsigned to = instruction.destination_register;
    std::uint16_t& sr = core.r[reg::sr];
    if constexpr (To == Destination::memory) {
        const std::uint16_t address = based(core, to, instruction.destination);
        std::uint16_t old = 0;
        if constexpr (Operation != Double::mov) {
            old = load<Byte>(core, instruction, address, core.cycle - destination_read);
        }
        const std::uint16_t result = alu::apply<Operation, Byte>(sr, source, old);
        if constexpr (From == Source::increment) {
            increment(core, instruction);
        }
        if constexpr (alu::writes(Operation)) {
            store<Byte>(core, instruction, address, result);
        }
    } else {
        const std::uint16_t old = old_value<To>(core, to) & alu::mask<Byte>;
        const std::uint16_t result = alu::apply<Operation, Byte>(sr, source, old);
        if constexpr (From == Source::increment) {
            increment(core, instruction);
        }
        if constexpr (alu::writes(Operation)) {
            if constexpr (To == Destination::special) {
                write_special(core, instruction, result, alu::sets_flags(Operation));
            } else {
                core.r[to] = result;
            }
        }
    }
    GO_ON(core);
}

template <Single Operation, bool Byte, Source From, bool Special>
void shift(Core& core, const Instruction& instruction) {
    const std::uint16_t value = fetch_source<Byte, From>(core, instruction);
    const std::uint16_t result = alu::apply<Operation, Byte>(core.r[reg::sr], value);
    if constexpr (From == Source::reg) {
        if constexpr (Special) {
            write_special(core, instruction, result, Operation != Single::swpb);
        } else {
            core.r[instruction.source_register] = result;
        }
    } else if constexpr (From == Source::memory || From == Source::increment) {
        store<Byte>(core,
                    instruction,
                    based(core, instruction.source_register, instruction.source),
                    result);
        if constexpr (From == Source::increment) {
            increment(core, instruction);
        }
    }
    GO_ON(core);
}

/// PUSH and CALL: the stack pointer moves before the operand is read, also where the operand is
/// the stack pointer or lies relative to it.
template <Single Operation, bool Byte, Source From>
void onto_stack(Core& core, const Instruction& instruction) {
    write_sp(core, instruction, static_cast<std::uint16_t>(core.r[reg::sp] - 2));
    const std::uint16_t operand = fetch_source<Byte, From>(core, instruction);
    const std::uint16_t top = core.r[reg::sp];
    if constexpr (From == Source::increment) {
        increment(core, instruction);
    }
    if constexpr (Operation == Single::call) {
        store<false>(core, instruction, top, instruction.next);
        core.r[reg::pc] = operand & 0xFFFEU;
    } else {
        store<Byte>(core, instruction, top, operand);
    }
    GO_ON(core);
}

template <unsigned Condition>
void jump(Core& core, const Instruction& instruction) {
    const unsigned sr = core.r[reg::sr];
    const bool negative = (sr & status::negative) != 0;
    const bool overflow = (sr & status::overflow) != 0;
    bool taken = true;
    switch (Condition) {
    case 0:
        taken = (sr & status::zero) == 0;
        break;
    case 1:
        taken = (sr & status::zero) != 0;
        break;
    case 2:
        taken = (sr & status::carry) == 0;
        break;
    case 3:
        taken = (sr & status::carry) != 0;
        break;
    case 4:
        taken = negative;
        break;
    case 5:
        taken = negative == overflow;
        break;
    case 6:
        taken = negative != overflow;
        break;
    default:
        break;
    }
    if (taken) {
        core.r[reg::pc] = instruction.destination;
    }
    GO_ON(core);
}

constexpr std::size_t sources = 4;
constexpr std::size_t destinations = 3;

template <std::size_t Index>
constexpr Handler double_handler() {
    constexpr auto to = static_cast<Destination>(Index % destinations);
    constexpr auto from = static_cast<Source>(Index / destinations % sources);
    constexpr bool byte = Index / destinations / sources % 2 != 0;
    constexpr auto operation =
        static_cast<Double>(Index / destinations / sources / 2 + std::size_t{4});
    return &two_operands<operation, byte, from, to>;
}

template <std::size_t Index>
constexpr Handler single_handler() {
    constexpr bool special = Index % 2 != 0;
    constexpr auto from = static_cast<Source>(Index / 2 % sources);
    constexpr bool byte = Index / 2 / sources % 2 != 0;
    constexpr auto operation = static_cast<Single>(Index / 2 / sources / 2);
    if constexpr (operation == Single::call) {
        return &onto_stack<operation, false, from>;
    } else if constexpr (operation == Single::push) {
        return &onto_stack<operation, byte, from>;
    } else if constexpr (operation == Single::swpb || operation == Single::sxt) {
        return &shift<operation, false, from, special>;
    } else {
        return &shift<operation, byte, from, special>;
    }
}

template <std::size_t... Indices>
constexpr std::array<Handler, sizeof...(Indices)> doubles(std::index_sequence<Indices...>) {
    return {double_handler<Indices>()...};
}

template <std::size_t... Indices>
constexpr std::array<Handler, sizeof...(Indices)> singles(std::index_sequence<Indices...>) {
    return {single_handler<Indices>()...};
}

constexpr auto double_handlers =
    doubles(std::make_index_sequence<12 * 2 * sources * destinations>());
constexpr auto single_handlers = singles(std::make_index_sequence<6 * 2 * sources * 2>());
constexpr std::array<Handler, 8> jump_handlers = {
    &jump<0>, &jump<1>, &jump<2>, &jump<3>, &jump<4>, &jump<5>, &jump<6>, &jump<7>};

} // namespace

Handler handler(Double operation, bool byte, Source source, Destination destination) {
    std::size_t index = static_cast<std::size_t>(operation) - 4;
    index = index * 2 + (byte ? 1 : 0);
    index = index * sources + static_cast<std::size_t>(source);
    return double_handlers[index * destinations + static_cast<std::size_t>(destination)];
}

Handler handler(Single operation, bool byte, Source source, bool special) {
    std::size_t index = static_cast<std::size_t>(operation) * 2 + (byte ? 1 : 0);
    index = index * sources + static_cast<std::size_t>(source);
    return single_handlers[index * 2 + (special ? 1 : 0)];
}

Handler jump_handler(unsigned condition) {
    return jump_handlers[condition % jump_handlers.size()];
}

void reti(Core& core, const Instruction& instruction) {
    const std::uint16_t sp = core.r[reg::sp];
    constexpr std::uint64_t status_written = 4; // cycles before the end, E_DST_RD
    write_status(core, load<false>(core, instruction, sp, core.cycle), core.cycle - status_written);
    core.interrupts_seen = (core.r[reg::sr] & status::interrupts) != 0;
    const auto next = static_cast<std::uint16_t>(sp + 2);
    core.r[reg::pc] = load<false>(core, instruction, next, core.cycle) & 0xFFFEU;
    write_sp(core, instruction, static_cast<std::uint16_t>(sp + 4));
}

void no_operation(Core& core, const Instruction& instruction) {
    (void)core;
    (void)instruction;
}

void write_sp(Core& core, const Instruction& instruction, std::uint16_t value) {
    const std::uint16_t even = value & 0xFFFEU;
    core.r[reg::sp] = even;
    if (even >= core.stack_guard) [[likely]] {
        return;
    }
    if (even == 0) {
        core.stack_guard = 0;
    } else {
        core.violate(Violation::Kind::stack, instruction, even, unprotected);
    }
}

} // namespace authex::sancus_emulator
