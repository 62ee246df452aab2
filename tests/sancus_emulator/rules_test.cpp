// Each rule of access to an enclave, with a program that obeys it and one that breaks it.
#include <gtest/gtest.h>

#include "sancus_emulator/guest.hpp"

namespace authex::sancus_emulator::test {
namespace {

constexpr std::uint16_t handled = 0x0202; ///< how often the handler of violations ran
constexpr std::uint16_t result = 0x0204;

/// Enclaves `a` (text at 0x5000, data 0x0300–0x033F) and `b` (0x5100, 0x0400–0x043F); `outside` is
/// run unprotected, `inside` in a. A violation counts and ends the program.
Program program(const std::string& outside, const std::string& inside = "nop") {
    const std::string text =
        std::string(prologue) + protect("a", 0x300, 0x340) + protect("b", 0x400, 0x440) +
        "mov #0x7777, &0x0206\n mov #0x1111, r6\n mov #0x5678, r5\n" + outside + "\n back:" + end +
        ".org 0x800\n handler: add #1, &0x0202\n" + end +
        ".org 0x1000\n a_start: br #a_body\n a_other: nop\n nop\n a_body:\n" + inside +
        "\n br #back\n a_end:\n" +
        ".org 0x1100\n b_start: br #back\n b_word: .short 0x4711\n b_end:\n" +
        ".org 0xbffa\n .short handler\n .short 0\n .short 0x4000\n";
    return Program(text);
}

struct Case {
    const char* name;
    const char* outside;
    const char* inside;
    std::optional<Violation::Kind> violation;
    std::uint16_t address; ///< where, if there is a violation; else where to look
    std::uint16_t value;   ///< what must be there in the end
};

void PrintTo(const Case& c, std::ostream* out) {
    *out << c.name;
}

class Rule : public ::testing::TestWithParam<Case> {};

TEST_P(Rule, IsKept) {
    const Case& c = GetParam();
    Guest guest(program(c.outside, c.inside));
    guest.run_to_end();
    if (c.violation) {
        ASSERT_EQ(guest.witness.violations.size(), 1U);
        EXPECT_EQ(guest.witness.violations[0].kind, *c.violation);
        EXPECT_EQ(guest.witness.violations[0].address, c.address);
        EXPECT_EQ(guest.word(handled), 1U);
    } else {
        EXPECT_TRUE(guest.witness.violations.empty());
        EXPECT_EQ(guest.word(handled), 0U);
    }
    EXPECT_EQ(guest.word(c.address), c.value);
}

using Kind = Violation::Kind;
const char* const call_a = "br #a_start";

INSTANTIATE_TEST_SUITE_P(
    Execution,
    Rule,
    ::testing::Values(
        Case{"EntryPoint", call_a, "mov #1, &0x204", {}, result, 1},
        Case{"JumpIntoTheMiddle", "br #a_other", "nop", Kind::execute, 0x5004, 0x4303},
        Case{"CallIntoTheMiddle", "call #a_body", "nop", Kind::execute, 0x5008, 0x4303},
        Case{"ReturnIntoTheMiddle", "push #a_other\n ret", "nop", Kind::execute, 0x5004, 0x4303},
        Case{"JumpInside", call_a, "jmp a_next\n nop\n a_next: mov #2, &0x204", {}, result, 2},
        Case{"Leaving", call_a, "br #back", {}, result, 0},
        Case{"OneEnclaveCallsTheOther", call_a, "br #b_start", {}, result, 0},
        Case{"OneEnclaveJumpsIntoTheOther", call_a, "br #b_word", Kind::execute, 0x5104, 0x4711}));

INSTANTIATE_TEST_SUITE_P(
    Reading,
    Rule,
    ::testing::Values(
        Case{"TextFromOutside",
             "mov &a_start, r6\n mov r6, &0x204",
             "nop",
             Kind::read,
             0x5000,
             0x4030},
        Case{"TextByteFromOutside", "mov.b &0x5001, r6", "nop", Kind::read, 0x5001, 0x4030},
        Case{"TextFromInside", call_a, "mov &a_start, &0x204", {}, result, 0x4030},
        Case{"TextOfAnother", call_a, "mov &b_word, &0x204", Kind::read, 0x5104, 0x4711},
        Case{"DataFromOutside", "mov &0x300, &0x204", "nop", Kind::read, 0x0300, 0},
        Case{"LastByteOfDataFromOutside", "mov.b &0x33f, r6", "nop", Kind::read, 0x033F, 0},
        Case{"BehindDataFromOutside", "mov &0x340, &0x204", "nop", {}, result, 0},
        Case{"BeforeDataFromOutside", "mov.b &0x2ff, r6", "nop", {}, result, 0},
        Case{"DataFromInside", call_a, "mov #9, &0x300\n mov &0x300, &0x204", {}, result, 9},
        Case{"DataOfAnother", call_a, "mov &0x400, &0x204", Kind::read, 0x0400, 0},
        Case{"ThroughTheStackPointer", "mov #0x300, r1\n pop r6", "nop", Kind::read, 0x0300, 0},
        Case{"ByAComparison", "cmp #0, &0x310", "nop", Kind::read, 0x0310, 0}));

INSTANTIATE_TEST_SUITE_P(
    Writing,
    Rule,
    ::testing::Values(
        Case{"TextFromOutside", "mov r5, &a_other", "nop", Kind::write, 0x5004, 0x4303},
        Case{"TextFromInside", call_a, "mov r5, &a_other", Kind::write, 0x5004, 0x4303},
        Case{"DataFromOutside", "mov r5, &0x320", "nop", Kind::write, 0x0320, 0},
        Case{"DataByteFromOutside", "mov.b r5, &0x33f", "nop", Kind::write, 0x033F, 0},
        Case{"DataFromInside", call_a, "mov r5, &0x33e", {}, 0x033E, 0x5678},
        Case{"DataOfAnother", call_a, "mov r5, &0x43e", Kind::write, 0x043E, 0},
        Case{"APushIntoData", "mov #0x340, r1\n push r5", "nop", Kind::write, 0x033E, 0},
        Case{"OpenMemoryFromInside", call_a, "mov r5, &0x204", {}, result, 0x5678}));

TEST(StackGuard, CannotBeSetWithoutAStack) {
    Guest guest(Program(std::string(prologue) +
                        "clr r1\n mov #0x1000, r15\n .short 0x1388\n"
                        " mov #0x0800, r1\n push r5\n" +
                        end + ".org 0xbffe\n .short 0x4000\n"));
    guest.run_to_end();
    EXPECT_TRUE(guest.witness.violations.empty());
}

TEST(Violations, NameWhoDidItAndToWhom) {
    Guest outside(program("br #a_other"));
    outside.run_to_end();
    ASSERT_EQ(outside.witness.violations.size(), 1U);
    EXPECT_EQ(outside.witness.violations[0].by, 0);
    EXPECT_EQ(outside.witness.violations[0].of, 1);
    Guest inside(program(call_a, "mov &0x400, r6"));
    inside.run_to_end();
    ASSERT_EQ(inside.witness.violations.size(), 1U);
    EXPECT_EQ(inside.witness.violations[0].by, 1);
    EXPECT_EQ(inside.witness.violations[0].of, 2);
}

TEST(Violations, LeaveRegistersAndOpenMemoryAsTheyWere) {
    Guest guest(program("mov &0x300, &0x206"));
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0206), 0x7777) << "a load that is forbidden stores nothing";
}

TEST(Violations, GiveZeroToARegister) {
    Guest guest(program("mov &a_start, r6"));
    guest.run_to_end();
    EXPECT_EQ(guest.machine.core().r[6], 0);
}

TEST(Violations, AreTakenThoughInterruptsAreDisabled) {
    Guest guest(program("dint\n mov &0x300, r6"));
    guest.run_to_end();
    EXPECT_EQ(guest.witness.interrupts, std::vector<unsigned>{vector::violation});
}

TEST(Violations, InsideAnEnclaveShowNothingOfItsRegisters) {
    Guest guest(program(call_a, "mov #0x5ec2, r4\n mov r4, r13\n mov &b_word, r6"));
    guest.run_to_end();
    const Core& core = guest.machine.core();
    for (const unsigned n : {1U, 4U, 5U, 6U, 7U, 13U, 14U}) {
        EXPECT_EQ(core.r[n], 0) << n;
    }
    EXPECT_EQ(core.r[15], 0x5000) << "where it can be entered again";
    EXPECT_NE(core.r[reg::sr] & status::enclave_interrupted, 0);
}

TEST(Violations, ResetTheCoreWhereTheBoardSaysSo) {
    Configuration configuration = reference_configuration();
    configuration.reset_on_violation = true;
    Guest guest(program("cmp #1, &0x208\n jeq back\n mov #1, &0x208\n mov &0x300, r6"),
                configuration);
    guest.run_to_end();
    EXPECT_EQ(guest.witness.resets, 1U);
    EXPECT_EQ(guest.word(handled), 0U);
    EXPECT_EQ(guest.machine.core().enclaves.at(1).id, 1) << "made anew after the reset";
}

TEST(StackGuard, StopsWhatWouldGoBelowIt) {
    Guest guest(program("mov #0x27fc, r15\n .short 0x1388\n push r5\n push r6\n push r5"));
    guest.run_to_end();
    ASSERT_EQ(guest.witness.violations.size(), 1U);
    EXPECT_EQ(guest.witness.violations[0].kind, Kind::stack);
    EXPECT_EQ(guest.word(0x27FE), 0x5678);
    EXPECT_EQ(guest.word(0x27FC), 0x1111) << "down to the guard is allowed";
    EXPECT_EQ(guest.word(0x27FA), 0);
}

TEST(StackGuard, IsOffAfterTheStackPointerWasZero) {
    Guest guest(program("mov #0x27fc, r15\n .short 0x1388\n clr r1\n mov #0x2400, r1\n push r5"));
    guest.run_to_end();
    EXPECT_TRUE(guest.witness.violations.empty());
}

TEST(Devices, InAnEnclavesDataAreItsOwn) {
    // Enclave c has Timer A's registers as its data; a write from outside changes nothing by the
    // documented rule, and takes effect by that of the hardware description.
    const std::string text = std::string(prologue) + protect("c", 0x160, 0x180) +
                             "mov #0x55, &0x0172\n" + end + ".org 0x800\n handler: br #c_start\n" +
                             ".org 0x1000\n c_start: mov &0x0172, &0x0204\n" + end + "c_end:\n" +
                             ".org 0xbffa\n .short handler\n .short 0\n .short 0x4000\n";
    const Program devices(text);
    for (const Rules rules : {Rules::documented, Rules::rtl}) {
        Configuration configuration = reference_configuration();
        configuration.rules = rules;
        Guest guest(devices, configuration);
        guest.run_to_end();
        EXPECT_EQ(guest.witness.violations.size(), 1U);
        EXPECT_EQ(guest.word(0x0204), rules == Rules::rtl ? 0x55 : 0);
    }
}

} // namespace
} // namespace authex::sancus_emulator::test
