// The core of before 2020-07 (`legacy`) aborts crypto instructions for interrupts. Cycles are those
// of the hardware description.
#include <gmock/gmock.h>

#include "sancus_emulator/guest.hpp"

namespace authex::sancus_emulator::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Timer A requests interrupt 9 `period` cycles after it was started, once. Then R15 is at 0x0410,
/// the status at 0x0412.
Program interrupted(const std::string& arguments,
                    const std::string& instruction,
                    unsigned period,
                    const std::string& enable = "eint\n") {
    return Program(
        prologue + arguments + "mov #" + std::to_string(period) +
        ", &0x0172\n mov #0x10, &0x0162\n mov #0x0210, &0x0160\n" + enable + "subject: " +
        instruction + "\n after: mov r15, &0x0410\n mov r2, &0x0412\n dint\n nop\n" + end +
        ".org 0x800\n handler: mov #0, &0x0160\n mov #0, &0x0162\n mov #1, &0x0414\n reti\n"
        " .org 0x1000\n a_start: nop\n nop\n br #0x4000\n a_end:\n"
        ".org 0xbff2\n .short handler\n .org 0xbffe\n .short 0x4000\n");
}

const std::string to_protect = "clr r9\n clr r10\n mov #0x1234, r11\n mov #a_start, r12\n"
                               " mov #a_end, r13\n mov #0x300, r14\n mov #0x340, r15\n";
const std::string to_wrap =
    "mov #0x400, r9\n mov #0x4000, r10\n mov #0x4004, r11\n mov #0x4000, r12\n"
    " mov #0x4004, r13\n mov #0x440, r14\n mov #0x460, r15\n";

Configuration legacy() {
    Configuration configuration = reference_configuration();
    configuration.variant = Variant::legacy;
    return configuration;
}

/// The program counter and the cycle when the handler is entered.
struct Taken {
    std::uint16_t from = 0;
    std::uint64_t cycles = 0; ///< since the subject began
};

Taken taken(Guest& guest, const Program& program) {
    guest.machine.set_breakpoint(program.label("subject"));
    EXPECT_EQ(guest.machine.run(1000), Stop::breakpoint);
    const std::uint64_t begin = guest.machine.core().cycle;
    guest.machine.clear_breakpoints();
    guest.machine.set_breakpoint(program.label("handler"));
    EXPECT_EQ(guest.machine.run(100'000), Stop::breakpoint);
    guest.machine.clear_breakpoints();
    const Taken result{guest.witness.interrupted_at.at(0), guest.machine.core().cycle - begin};
    guest.run_to_end();
    return result;
}

constexpr std::uint64_t entry = 7;
constexpr std::uint64_t protect_cycles = 6382 + 173 * 4;
constexpr std::uint64_t wrap_cycles = 173 * (16 + 2 + 2) - 7 + 16;

struct Abort {
    std::string name;
    std::string arguments;
    std::string instruction;
    std::uint64_t cycles; ///< that it takes otherwise
    std::uint64_t first;  ///< cycle in which it can be aborted
};

class Aborts : public testing::TestWithParam<Abort> {};

TEST_P(Aborts, FromItsFirstCyclesToItsLastButOneAndNotAfter) {
    const Abort& each = GetParam();
    // The timer is started one instruction before eint: a request in cycle n of the subject comes
    // with a period of n + 1.
    for (const std::uint64_t cycle : {each.first, each.cycles / 2, each.cycles - 2}) {
        const Program program =
            interrupted(each.arguments, each.instruction, static_cast<unsigned>(cycle + 1));
        Guest guest(program, legacy());
        const Taken handler = taken(guest, program);
        EXPECT_EQ(handler.from, program.label("after")) << cycle;
        EXPECT_EQ(handler.cycles, cycle + 2 + entry) << cycle;
        EXPECT_EQ(guest.word(0x0410), 0U) << cycle;
        EXPECT_EQ(guest.word(0x0412) & status::zero, status::zero) << "aborted, not refused";
        EXPECT_EQ(guest.word(0x0414), 1U);
        EXPECT_FALSE(guest.machine.core().enclaves.at(1).enabled);
        EXPECT_EQ(guest.word(0x0440) | guest.word(0x0460), 0) << "nothing is left behind";
    }
    const Program late =
        interrupted(each.arguments, each.instruction, static_cast<unsigned>(each.cycles - 1 + 1));
    Guest guest(late, legacy());
    const Taken handler = taken(guest, late);
    EXPECT_EQ(handler.cycles, each.cycles + entry);
    EXPECT_EQ(guest.word(0x0410), 1U) << "it has succeeded";
    EXPECT_EQ(guest.word(0x0412) & status::zero, 0);
}

TEST_P(Aborts, WhatWaitsFromBeforeAborts) {
    const Abort& each = GetParam();
    const Program program =
        interrupted(each.arguments + "mov #0x11, &0x0162\n", each.instruction, 1);
    Guest guest(program, legacy());
    const Taken handler = taken(guest, program);
    EXPECT_EQ(handler.cycles, each.first + 2 + entry);
    EXPECT_EQ(guest.word(0x0410), 0U);
}

TEST_P(Aborts, NotWhereInterruptsAreDisabled) {
    const Abort& each = GetParam();
    Guest guest(interrupted(each.arguments, each.instruction, 100, ""), legacy());
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0410), 1U);
    EXPECT_THAT(guest.witness.interrupts, IsEmpty());
}

TEST_P(Aborts, NotOnTheCoreOfToday) {
    const Abort& each = GetParam();
    const Program program = interrupted(each.arguments, each.instruction, 100);
    Guest guest(program);
    EXPECT_EQ(taken(guest, program).cycles, each.cycles + entry);
    EXPECT_EQ(guest.word(0x0410), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Instructions,
    Aborts,
    testing::Values(Abort{"protect", to_protect, ".short 0x1381", protect_cycles, 3},
                    Abort{"wrap", to_wrap, ".short 0x1384", wrap_cycles, 1}),
    [](const auto& each) { return each.param.name; });

TEST(Aborted, ProtectGivesItsNumberBackAndCanBeRepeated) {
    const Program program = interrupted(
        to_protect, ".short 0x1381\n jnz done\n mov #0x340, r15\n jmp subject\n done: nop", 5000);
    Guest guest(program, legacy());
    guest.run_to_end();
    EXPECT_THAT(guest.witness.interrupts, ElementsAre(vector::timer_a0));
    EXPECT_EQ(guest.word(0x0410), 1U) << "the id of the first module";
}

TEST(Aborted, UnprotectLeavesTheModuleProtected) {
    const Program program(
        prologue + protect("a", 0x300, 0x340) +
        "mov #30, &0x0172\n mov #0x10, &0x0162\n br #a_start\n back:\n mov r15, &0x0410\n dint\n "
        "nop\n" +
        end +
        ".org 0x800\n handler: mov #0x2800, r1\n mov #0, &0x0160\n br #back\n"
        " .org 0x1000\n a_start: mov #0x2700, r1\n mov #0x320, &0x33e\n mov #back, r15\n"
        " mov #0x0210, &0x0160\n eint\n .short 0x1380\n nop\n a_end:\n"
        ".org 0xbff2\n .short handler\n .org 0xbffe\n .short 0x4000\n");
    Guest guest(program, legacy());
    guest.run_to_end();
    EXPECT_THAT(guest.witness.interrupts, ElementsAre(vector::timer_a0));
    EXPECT_TRUE(guest.machine.core().enclaves.at(1).enabled);
    EXPECT_NE(guest.word(program.label("a_start")), 0U) << "nothing is cleared";
}

} // namespace
} // namespace authex::sancus_emulator::test
