// Bounded atomicity (`aion`): each rule of the hardware description. Cycles are those that it takes
// there (sancus-core b6b53bb with ATOMICITY_MONITOR, simulated).
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "sancus_emulator/guest.hpp"

namespace authex::sancus_emulator::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = Violation::Kind;

Configuration aion() {
    Configuration configuration = reference_configuration();
    configuration.variant = Variant::aion;
    return configuration;
}

/// Enclave 1 at `s` ends the program when it is called, and returns from interrupts; enclave 2 at
/// `a` has the given text. Unprotected code begins at `subject`, with interrupts enabled.
Program world(const std::string& subject, const std::string& a = "nop\n br r7\n") {
    return Program(prologue + protect("s", 0x300, 0x320) + protect("a", 0x400, 0x440) +
                   "eint\n subject: " + subject + "\n leave: br #s_start\n" +
                   ".org 0x800\n s_start: mov r15, &0x314\n .short 0x1387\n mov r15, &0x312\n cmp "
                   "#0xfff0, r15\n jlo s_end_all\n"
                   " cmp #0xfffd, r15\n jeq s_end_all\n clr &0x0160\n clr &0x0162\n inc &0x0310\n "
                   "mov &0x314, r15\n reti\n"
                   " s_end_all: bis #0x10, r2\n nop\n s_end:\n"
                   ".org 0x1000\n a_start: " +
                   a +
                   "\n a_end:\n.org 0xbff2\n .short s_start\n .org 0xbffa\n .short s_start\n"
                   ".org 0xbffe\n .short 0x4000\n");
}

const std::string start = "mov r4, &0x0160\n"; // four cycles

/// Lets Timer A, once it is started, request interrupt 9 `period` + 1 cycles later.
std::string prepared(unsigned period) {
    return fmt::format("mov #{}, &0x0172\n mov #0x10, &0x0162\n mov #0x0210, r4\n", period);
}
std::string timer(unsigned period) {
    return prepared(period) + start;
}

std::string clix(unsigned cycles) {
    return fmt::format("mov #{}, r15\n .short 0x1389\n", cycles);
}

std::string nops(unsigned count) {
    std::string text;
    for (unsigned i = 0; i < count; ++i) {
        text += "nop\n";
    }
    return text;
}

/// The cycles from a label to the acceptance of the first interrupt.
std::uint64_t accepted_after(Guest& guest, std::uint16_t from) {
    guest.machine.set_breakpoint(from);
    EXPECT_EQ(guest.machine.run(100'000), Stop::breakpoint);
    const std::uint64_t begin = guest.machine.core().cycle;
    guest.machine.clear_breakpoints();
    while (guest.witness.interrupts.empty() && guest.machine.core().cycle < begin + 30'000) {
        guest.machine.step();
    }
    return guest.witness.interrupts.empty() ? 0 : guest.witness.interrupted_cycles.at(0) - begin;
}

// omsp_atomicity_monitor.v: gie, clix_finished.
TEST(Aion, ClixHoldsInterruptsBackForItsCycles) {
    for (const unsigned length : {3U, 50U, 9'000U, 10'000U}) {
        const Program program =
            world(prepared(1) + "begin: " + clix(length) + start + "again: nop\n jmp again");
        Guest guest(program, aion());
        // Its first cycle is the third; accepted when the instruction of its last one ends.
        const std::uint64_t last = 2 + 1 + length;
        const std::uint64_t taken = accepted_after(guest, program.label("begin"));
        EXPECT_GE(taken, last + 1) << length;
        EXPECT_LE(taken, last + 7) << length;
        EXPECT_THAT(guest.witness.violations, IsEmpty());
    }
}

// omsp_atomicity_monitor.v: clix_finished by r2_gie.
TEST(Aion, EnablingInterruptsEndsASection) {
    const Program program = world(prepared(1) + "begin: " + clix(5'000) + start +
                                  "nop\n eint\n nop\n again: jmp again");
    Guest guest(program, aion());
    EXPECT_EQ(accepted_after(guest, program.label("begin")), 4U + 4 + 1 + 1 + 1);
}

// omsp_register_file.v: gie_next.
TEST(Aion, NobodyButEnclaveOneDisablesInterrupts) {
    for (const char* attempt : {"dint\n",
                                "bic #8, r2\n",
                                "mov #0, r2\n",
                                "clr r2\n",
                                "push #0\n pop r2\n",
                                "push #later\n push #0\n reti\n later:\n"}) {
        Guest guest(world(std::string(attempt) + "nop\n mov r2, &0x0810"), aion());
        guest.run_to_end();
        EXPECT_EQ(guest.word(0x0810) & status::interrupts, status::interrupts) << attempt;
        EXPECT_THAT(guest.witness.violations, IsEmpty()) << "it is ignored: " << attempt;
    }
}

TEST(Aion, AnEnclaveOtherThanTheFirstDoesNotEither) {
    Guest guest(world("mov #back, r7\n br #a_start\n back: nop",
                      nops(12) + "dint\n nop\n mov r2, &0x0810\n br r7"),
                aion());
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0810) & status::interrupts, status::interrupts);
}

// omsp_atomicity_monitor.v: gie, while the first enclave executes.
TEST(Aion, EnclaveOneIsNotInterrupted) {
    const Program program(prologue + protect("s", 0x300, 0x320) + timer(10) +
                          "br #s_start\n.org 0x800\n s_start: eint\n" + nops(40) +
                          "mov r2, &0x0810\n bis #0x10, r2\n s_end:\n.org 0xbffe\n .short 0x4000");
    Guest guest(program, aion());
    guest.run_to_end();
    EXPECT_THAT(guest.witness.interrupts, IsEmpty());
    EXPECT_EQ(guest.word(0x0810) & status::interrupts, status::interrupts) << "for who follows";
}

// omsp_execution_unit.v: priv_mode.
TEST(Aion, WithoutEnclavesInterruptsAreAnybodys) {
    const Program program(prologue + timer(10) + "eint\n dint\n" + nops(30) + "mov r2, &0x0810" +
                          end + ".org 0xbffe\n .short 0x4000");
    Guest guest(program, aion());
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0810) & status::interrupts, 0);
}

// omsp_atomicity_monitor.v: atom_violation.
TEST(Aion, ASectionThatIsTooLongIsAViolation) {
    Guest guest(world(clix(10'001) + "nop"), aion());
    guest.run_to_end();
    ASSERT_EQ(guest.witness.violations.size(), 1U);
    EXPECT_EQ(guest.witness.violations[0].kind, Kind::atomicity);
    EXPECT_EQ(guest.witness.violations[0].address, 10'001);
    EXPECT_THAT(guest.witness.interrupts, ElementsAre(vector::violation));
}

TEST(Aion, TheBoundIsTheBoards) {
    Configuration bounded = aion();
    bounded.atomic_limit = 1'000;
    Guest longest(world(clix(1'000) + "eint\n nop"), bounded);
    longest.run_to_end();
    EXPECT_THAT(longest.witness.violations, IsEmpty());
    Guest longer(world(clix(1'001) + "nop"), bounded);
    longer.run_to_end();
    EXPECT_EQ(longer.witness.violations.size(), 1U);
}

TEST(Aion, ASectionWithinASectionIsAViolation) {
    Guest guest(world(clix(100) + "nop\n" + clix(100) + "nop"), aion());
    guest.run_to_end();
    ASSERT_EQ(guest.witness.violations.size(), 1U);
    EXPECT_EQ(guest.witness.violations[0].kind, Kind::atomicity);
}

TEST(Aion, SectionsOneAfterTheOtherLetAnInterruptIn) {
    const Program program =
        world(prepared(1) + "begin: " + clix(100) + start + nops(93) + clix(100) + "nop");
    Guest guest(program, aion());
    const std::uint64_t taken = accepted_after(guest, program.label("begin"));
    EXPECT_GT(taken, 100U);
    EXPECT_LT(taken, 112U);
}

TEST(Aion, AnEnclaveIsNotEnteredFromASection) {
    for (const char* whom : {"a", "s"}) {
        Guest guest(world(clix(100) + "mov #leave, r7\n br #" + whom + "_start"), aion());
        guest.run_to_end();
        ASSERT_EQ(guest.witness.violations.size(), 1U) << whom;
        EXPECT_EQ(guest.witness.violations[0].kind, Kind::atomicity);
    }
}

// omsp_atomicity_monitor.v: SM_ENTRY_ATOM_PERIOD; atom_violation, inside_entry_prev.
TEST(Aion, AnEnclaveBeginsWithTenCyclesOfItsOwn) {
    const Program program =
        world(prepared(1) + "mov #leave, r7\n br #a_start", start + nops(30) + "br r7");
    Guest guest(program, aion());
    // The first, ten, and the one in which the period is over.
    EXPECT_EQ(accepted_after(guest, program.label("a_start")), 12U);
}

TEST(Aion, ClixContinuesTheFirstCyclesOfAnEnclave) {
    const Program program =
        world(prepared(1) + "mov #leave, r7\n br #a_start", start + clix(50) + nops(80) + "br r7");
    Guest guest(program, aion());
    EXPECT_EQ(accepted_after(guest, program.label("a_start")), 4U + 2 + 1 + 50 + 1);
}

TEST(Aion, OneEnclaveAfterAnotherWithinTheFirstCyclesIsAViolation) {
    const Program program(prologue + protect("s", 0x300, 0x320) + protect("a", 0x400, 0x440) +
                          protect("b", 0x440, 0x460) +
                          "eint\n nop\n br #a_start\n.org 0x800\n s_start: bis #0x10, r2\n s_end:\n"
                          ".org 0x1000\n a_start: br #b_start\n a_end:\n"
                          ".org 0x1100\n b_start: nop\n b_end:\n"
                          ".org 0xbffa\n .short s_start\n.org 0xbffe\n .short 0x4000\n");
    Guest guest(program, aion());
    guest.run_to_end();
    ASSERT_EQ(guest.witness.violations.size(), 1U);
    EXPECT_EQ(guest.witness.violations[0].kind, Kind::atomicity);
    EXPECT_EQ(guest.witness.violations[0].address, program.label("b_start"));
}

TEST(Aion, EnclaveOneIsEnteredAtAnyTimeOutsideOfASection) {
    Guest guest(world("br #a_start", "br #s_start"), aion());
    guest.run_to_end();
    EXPECT_THAT(guest.witness.violations, IsEmpty());
    EXPECT_EQ(guest.word(0x312), 2U) << "it knows who was there before";
}

// omsp_register_file.v: r2_mask.
TEST(Aion, NobodyButEnclaveOneStopsTheCore) {
    const Program program =
        world("begin: bis #0x10, r2\n after: mov r2, &0x0810\n bis #0x18, r2\n nop");
    Guest guest(program, aion());
    guest.machine.set_breakpoint(program.label("begin"));
    ASSERT_EQ(guest.machine.run(100'000), Stop::breakpoint);
    const std::uint64_t begin = guest.machine.core().cycle;
    guest.machine.set_breakpoint(program.label("after"));
    ASSERT_EQ(guest.machine.run(100'000), Stop::breakpoint);
    EXPECT_EQ(guest.machine.core().cycle - begin, 4U) << "it falters for two cycles";
    guest.machine.clear_breakpoints();
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0810) & status::cpu_off, 0);
}

// The hardware description lets anybody stop the timers' clocks; what it says of itself does not.
TEST(Aion, NobodyButEnclaveOneStopsTheClocksOfTimers) {
    for (const Rules rules : {Rules::documented, Rules::rtl}) {
        Configuration configuration = aion();
        configuration.rules = rules;
        Guest guest(world("bis #0xa0, r2\n mov r2, &0x0810"), configuration);
        guest.run_to_end();
        EXPECT_EQ(guest.word(0x0810) & 0xA0U, rules == Rules::rtl ? 0xA0U : 0U);
    }
}

// omsp_atomicity_monitor.v: handling_irq. omsp_register_file.v: gie_next.
TEST(Aion, AViolationEndsASectionAndEnablesInterruptsForWhoCausedIt) {
    const Program program(prologue + protect("s", 0x300, 0x320) + clix(1'000) +
                          "mov &0x0300, r5\n nop\n" +
                          ".org 0x800\n s_start: mov 0(r1), &0x0810\n bis #0x10, r2\n s_end:\n"
                          ".org 0xbffa\n .short s_start\n.org 0xbffe\n .short 0x4000\n");
    Guest guest(program, aion());
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0810), status::violation | status::interrupts);
}

// omsp_frontend.v: sm_ssa.
TEST(Aion, AViolationInASectionSavesNothingOfAnEnclave) {
    const std::string text = "mov #0x430, r1\n mov #0x42e, &0x43e\n";
    Guest section(world("br #a_start", text + clix(100) + "mov &0x0300, r5\n br r7"), aion());
    section.run_to_end();
    EXPECT_EQ(section.word(0x042C), 0U);
    Guest open(world("br #a_start", text + nops(12) + "mov &0x0300, r5\n br r7"), aion());
    open.run_to_end();
    EXPECT_EQ(open.word(0x042C), 0x0431U) << "the stack pointer, marked";
}

// crypto_control.v: irq_state_ok.
TEST(Aion, CryptoIsAbortedForAnInterrupt) {
    const std::string arguments = "mov #0x0600, r9\n mov #0x4000, r10\n mov #0x4100, r11\n"
                                  " clr r12\n clr r13\n mov #0x440, r14\n mov #0x460, r15\n";
    const Program program =
        world(arguments + timer(500) + "begin: .short 0x1384\n mov r2, &0x0812\n mov r15, &0x0810");
    Guest guest(program, aion());
    const std::uint64_t taken = accepted_after(guest, program.label("begin"));
    EXPECT_LT(taken, 505U);
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0810), 0U);
    EXPECT_EQ(guest.word(0x0812) & status::zero, status::zero);
}

TEST(Aion, CryptoInASectionIsAbortedWhenTheSectionEnds) {
    const std::string arguments = "mov #0x0600, r9\n mov #0x4000, r10\n mov #0x4100, r11\n"
                                  " clr r12\n clr r13\n mov #0x440, r14\n";
    const Program program = world(arguments + prepared(1) + "begin: " + clix(2'000) + start +
                                  "mov #0x460, r15\n .short 0x1384\n mov r15, &0x0810");
    Guest guest(program, aion());
    const std::uint64_t taken = accepted_after(guest, program.label("begin"));
    EXPECT_GT(taken, 2'000U);
    EXPECT_LT(taken, 2'010U);
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0810), 0U);
}

TEST(Aion, AHalfMadeEnclaveIsCancelled) {
    const Program program =
        world(timer(2'000) + protect("b", 0x600, 0x620) +
              "mov r15, &0x0810\n br #leave\n.org 0x600\n b_start: nop\n b_end:");
    Guest guest(program, aion());
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0810), 0U);
    EXPECT_FALSE(guest.machine.core().enclaves.at(3).enabled);
    EXPECT_EQ(guest.machine.core().enclaves.next_id(), 3U);
}

// crypto_control.v: WRITE_VKEY_DONE.
TEST(Aion, EncryptedTextIsNeverLoaded) {
    const Program program = world("clr r9\n mov #1, r10\n mov #1, r11\n mov #b_start, r12\n"
                                  " mov #b_end, r13\n mov #0x600, r14\n mov #0x620, r15\n"
                                  " begin: .short 0x1381\n after: mov r15, &0x0810\n br #leave\n"
                                  ".org 0x600\n b_start: nop\n b_end:");
    Guest guest(program, aion());
    guest.machine.set_breakpoint(program.label("begin"));
    ASSERT_EQ(guest.machine.run(100'000), Stop::breakpoint);
    const std::uint64_t begin = guest.machine.core().cycle;
    guest.machine.set_breakpoint(program.label("after"));
    ASSERT_EQ(guest.machine.run(100'000), Stop::breakpoint);
    EXPECT_EQ(guest.machine.core().cycle - begin, 2'933U);
    guest.machine.clear_breakpoints();
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0810), 0U);
    EXPECT_FALSE(guest.machine.core().enclaves.at(3).enabled);
}

/// Makes an enclave whose parts are given, from `b` on if nothing else is said.
std::string another(const std::string& text_start,
                    const std::string& text_end,
                    unsigned data_start,
                    unsigned data_end) {
    return fmt::format("clr r9\n clr r10\n mov #1, r11\n mov #{}, r12\n mov #{}, r13\n"
                       " mov #{}, r14\n mov #{}, r15\n .short 0x1381\n mov r15, &0x0810\n"
                       " br #leave\n.org 0x600\n b_start: nop\n b_end:",
                       text_start,
                       text_end,
                       data_start,
                       data_end);
}

// The checks that omsp_spm.v has as a comment (create_violation): without them, whoever makes an
// enclave could stop enclave 1, or end it.
TEST(Aion, NoPartOfAnEnclaveLiesOverAnother) {
    for (const std::string& protect_it : {another("b_start", "b_end", 0x31e, 0x340),
                                          another("b_start", "b_end", 0x2e0, 0x302),
                                          another("b_start", "b_end", 0x4800, 0x4802),
                                          another("0x31e", "0x322", 0x600, 0x602),
                                          another("s_start", "s_end", 0x600, 0x602)}) {
        Guest guest(world(protect_it), aion());
        guest.run_to_end();
        EXPECT_FALSE(guest.machine.core().enclaves.at(3).enabled);
        EXPECT_TRUE(guest.machine.core().enclaves.at(1).enabled);
        ASSERT_EQ(guest.witness.violations.size(), 1U);
        EXPECT_EQ(guest.witness.violations[0].kind, Kind::create);
    }
}

TEST(Aion, TheHardwareDescriptionHasNoSuchChecks) {
    Configuration rtl = aion();
    rtl.rules = Rules::rtl;
    const Program over_data = world(another("b_start", "b_end", 0x310, 0x320));
    Guest data(over_data, rtl);
    data.machine.run(60'000);
    EXPECT_TRUE(data.machine.core().enclaves.at(3).enabled);
    EXPECT_GT(data.witness.violations.size(), 100U) << "enclave 1 cannot reach its own data";
    Guest text(world(another("s_start", "s_end", 0x600, 0x602)), rtl);
    text.machine.run(60'000);
    EXPECT_FALSE(text.machine.core().enclaves.at(1).enabled) << "enclave 1 is cancelled";
}

TEST(Aion, NumbersOfEnclavesEndBeforeThoseOfInterrupts) {
    const Program program = world(another("b_start", "b_end", 0x600, 0x602));
    Guest guest(program, aion());
    guest.machine.set_breakpoint(program.label("subject"));
    ASSERT_EQ(guest.machine.run(100'000), Stop::breakpoint);
    guest.machine.clear_breakpoints();
    guest.machine.core().enclaves.set_next_id(EnclaveTable::first_interrupt_id);
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0810), 0U);
    EXPECT_FALSE(guest.machine.core().enclaves.at(3).enabled);
}

TEST(Aion, OtherCoresDoNotKnowClix) {
    for (const Variant variant : {Variant::base, Variant::legacy}) {
        Configuration configuration = aion();
        configuration.variant = variant;
        Guest guest(world(clix(20'000) + "dint\n nop\n mov r2, &0x0810"), configuration);
        guest.run_to_end();
        EXPECT_THAT(guest.witness.violations, IsEmpty());
        EXPECT_EQ(guest.word(0x0810) & status::interrupts, 0);
    }
}

TEST(Aion, ASnapshotKeepsTheSection) {
    const Program program = world(prepared(1) + clix(500) + start + "again: jmp again");
    Guest guest(program, aion());
    guest.machine.set_breakpoint(program.label("again"));
    ASSERT_EQ(guest.machine.run(100'000), Stop::breakpoint);
    const auto saved = guest.machine.snapshot();
    Guest other(program, aion());
    ASSERT_TRUE(other.machine.restore(saved));
    guest.machine.clear_breakpoints();
    guest.machine.run(guest.machine.core().cycle + 2'000);
    other.machine.run(other.machine.core().cycle + 2'000);
    ASSERT_EQ(guest.witness.interrupted_cycles.size(), 1U);
    EXPECT_EQ(other.witness.interrupted_cycles, guest.witness.interrupted_cycles);
}

} // namespace
} // namespace authex::sancus_emulator::test
