// When interrupts are taken, and what a handler finds.
#include <gmock/gmock.h>

#include "sancus_emulator/guest.hpp"

namespace authex::sancus_emulator::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

/// Timer A counts up to `period` and requests vector 9 each time. The handler counts at 0x0202.
Program with_timer(const std::string& body,
                   unsigned period = 50,
                   const std::string& handler = "add #1, &0x0202\n reti") {
    return Program(std::string(prologue) + "mov #" + std::to_string(period) +
                   ", &0x0172\n mov #0x10, &0x0162\n mov #0x0210, &0x0160\n" + body + end +
                   ".org 0x800\n handler: " + handler +
                   "\n .org 0xbff2\n .short handler\n .org 0xbffe\n .short 0x4000\n");
}

/// Timer A interrupts an enclave, whose word for the hardware and first instructions are given.
Program interrupted_enclave(const std::string& first, const std::string& last_word) {
    return Program(std::string(prologue) + protect("a", 0x300, 0x340) + "br #a_start\n" +
                   ".org 0x800\n handler: " + end +
                   ".org 0x1000\n a_start: mov #0x330, r1\n mov #" + last_word +
                   ", &0x33e\n mov #0x1234, r11\n " + first +
                   "mov #20, &0x0172\n mov #0x10, &0x0162\n mov #0x0210, &0x0160\n eint\n"
                   " again: jmp again\n a_end:\n"
                   ".org 0xbff2\n .short handler\n .org 0xbffe\n .short 0x4000\n");
}

TEST(Interrupts, TheVectorIsFetchedBeforeAnythingIsSaved) {
    const Program program = interrupted_enclave("", "0");
    Guest guest(program);
    guest.run_to_end();
    EXPECT_THAT(guest.witness.interrupts, ElementsAre(9U));
    EXPECT_EQ(guest.word(vector::address(9)), 0x1234U) << "r11 is saved on it";
}

TEST(Interrupts, TheStackGuardHoldsWhileRegistersAreSaved) {
    for (const bool guarded : {false, true}) {
        Guest guest(
            interrupted_enclave(guarded ? "mov #0x320, r15\n .short 0x1388\n" : "", "0x031e"));
        guest.run_to_end();
        EXPECT_EQ(guest.word(0x031C), guarded ? 0U : 0x0331U);
    }
}

TEST(Interrupts, WaitUntilTheyAreEnabled) {
    Guest guest(with_timer("mov #100, r5\n loop: dec r5\n jnz loop"));
    guest.run_to_end();
    EXPECT_THAT(guest.witness.interrupts, IsEmpty());
}

TEST(Interrupts, AreTakenOnceForEachRequest) {
    Guest guest(with_timer("eint\n mov #100, r5\n loop: dec r5\n jnz loop\n dint\n nop", 101));
    guest.run_to_end();
    // 100 rounds of 3 cycles, and 16 of each handler: three or four periods of 102 cycles.
    EXPECT_THAT(guest.witness.interrupts, ElementsAre(9U, 9U, 9U));
    EXPECT_EQ(guest.word(0x0202), 3U);
    EXPECT_EQ(guest.machine.core().r[5], 0);
}

TEST(Interrupts, TheInstructionAfterEintIsExecutedFirst) {
    const Program program = with_timer(
        "mov #100, r5\n loop: dec r5\n jnz loop\n eint\n first: mov #1, r6\n second: dint\n nop");
    Guest guest(program);
    guest.run_to_end();
    ASSERT_THAT(guest.witness.interrupted_at, Not(IsEmpty()));
    EXPECT_EQ(guest.witness.interrupted_at[0], program.label("second"));
}

TEST(Interrupts, ARequestIsTakenAfterDintIfItWasThereInItsCycle) {
    // eint, nop and dint take the cycles 0, 1 and 2 of the timer.
    const Program seen = with_timer("eint\n nop\n dint\n after: nop", 2);
    Guest guest(seen);
    guest.run_to_end();
    EXPECT_THAT(guest.witness.interrupted_at, ElementsAre(seen.label("after")));
    Guest late(with_timer("eint\n nop\n dint\n after: nop", 3));
    late.run_to_end();
    EXPECT_THAT(late.witness.interrupted_at, IsEmpty());
}

TEST(Interrupts, AHandlerFindsTheStatusClearedAndRetiBringsItBack) {
    Guest guest(with_timer(
        "eint\n setc\n mov #30, r5\n loop: dec r5\n jnz loop\n mov r2, &0x0206\n dint\n nop",
        50,
        "mov r2, &0x0204\n reti"));
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0204), 0);
    EXPECT_EQ(guest.word(0x0206) & status::interrupts, status::interrupts);
    EXPECT_EQ(guest.machine.core().r[reg::sp], 0x2800);
}

TEST(Interrupts, WakeTheProcessorAndRetiLetsItSleepAgain) {
    Guest guest(with_timer(
        "bis #0x18, r2\n mov #1, &0x0204",
        50,
        "add #1, &0x0202\n cmp #3, &0x0202\n jne again\n bic #0x18, 0(r1)\n again: reti"));
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0202), 3U);
    EXPECT_EQ(guest.word(0x0204), 1U) << "goes on once the handler has cleared the saved CPUOFF";
}

TEST(Interrupts, WakeTheProcessorInTheCycleInWhichTheHardwareWakesIt) {
    // As recorded of the hardware description: the timer's request in cycle 70, seen in the next
    // one, and seven cycles of the entry.
    const Program program =
        with_timer("bis #0x18, r2\n dint\n nop", 0x30, "bic #0x10, 0(r1)\n reti");
    Guest guest(program);
    guest.machine.set_breakpoint(program.label("handler"));
    ASSERT_EQ(guest.machine.run(1000), Stop::breakpoint);
    EXPECT_EQ(guest.machine.core().cycle, 78U);
}

TEST(Interrupts, ThatWaitWhenTheProcessorFallsAsleepWakeItOneCycleLater) {
    // Flag and enable bit of CCR0 are set by the program. As recorded of the hardware description.
    const Program program(std::string(prologue) +
                          "mov #0x11, &0x0162\n bis #0x18, r2\n dint\n nop" + end +
                          ".org 0x800\n handler: bic #0x10, 0(r1)\n mov #0, &0x0162\n reti\n"
                          ".org 0xbff2\n .short handler\n .org 0xbffe\n .short 0x4000\n");
    Guest guest(program);
    guest.machine.set_breakpoint(program.label("handler"));
    ASSERT_EQ(guest.machine.run(1000), Stop::breakpoint);
    EXPECT_EQ(guest.machine.core().cycle, 22U);
}

TEST(Interrupts, ThatAProgramRequestsItselfLetOneMoreInstructionPass) {
    const Program program(std::string(prologue) +
                          "eint\n mov #0x11, &0x0162\n nop\n second: nop\n dint\n nop" + end +
                          ".org 0x800\n handler: mov #0, &0x0162\n reti\n"
                          ".org 0xbff2\n .short handler\n .org 0xbffe\n .short 0x4000\n");
    Guest guest(program);
    guest.run_to_end();
    EXPECT_THAT(guest.witness.interrupted_at, ElementsAre(program.label("second")));
}

TEST(Interrupts, AreTakenThoughTheInstructionThatTheyComeInWithdrawsThem) {
    // The request comes while the instruction executes that disables it in its last cycle.
    bool seen = false;
    for (unsigned period = 1; period < 12; ++period) {
        const Program program =
            with_timer("eint\n mov #0, &0x0162\n after: nop\n dint\n nop", period);
        Guest guest(program);
        guest.run_to_end();
        seen = seen || (guest.witness.interrupted_at.size() == 1 &&
                        guest.witness.interrupted_at[0] == program.label("after"));
    }
    EXPECT_TRUE(seen);
}

TEST(Interrupts, TheHigherVectorIsFirst) {
    // CCR0 (9) and CCR1 (8) at the same tick.
    const Program program(
        std::string(prologue) +
        "mov #200, &0x0172\n mov #200, &0x0174\n mov #0x10, &0x0162\n mov #0x10, &0x0164\n"
        " mov #0x0210, &0x0160\n mov #80, r5\n loop: dec r5\n jnz loop\n eint\n nop\n nop\n dint\n "
        "nop" +
        end +
        ".org 0x800\n h9: reti\n h8: mov &0x012e, &0x0202\n clr &0x160\n clr &0x162\n reti\n"
        " .org 0xbff0\n .short h8\n .short h9\n .org 0xbffe\n .short 0x4000\n");
    Guest guest(program);
    guest.run_to_end();
    ASSERT_GE(guest.witness.interrupts.size(), 2U);
    EXPECT_EQ(guest.witness.interrupts[0], 9U);
    EXPECT_EQ(guest.witness.interrupts[1], 8U);
    EXPECT_EQ(guest.word(0x0202), 2U) << "TAIV names CCR1";
}

/// eint, a branch and the enclave's first instruction, dint, take the cycles 0, 1–3 and 4 of the
/// timer, which requests an interrupt in the cycle `period`.
Program entering_an_enclave(unsigned period) {
    return Program(std::string(prologue) + protect("a", 0x300, 0x340) + "mov #" +
                   std::to_string(period) +
                   ", &0x0172\n mov #0x10, &0x0162\n mov #0x0210, &0x0160\n eint\n br #a_start\n"
                   " back: clr &0x160\n" +
                   end +
                   ".org 0x800\n handler: br #back\n"
                   ".org 0x1000\n a_start: dint\n mov #1, &0x0204\n br #back\n a_end:\n"
                   ".org 0xbff2\n .short handler\n .org 0xbffe\n .short 0x4000\n");
}

TEST(Interrupts, InTheFirstCycleOfAnEnclaveAreHeldBack) {
    const Program before = entering_an_enclave(3);
    Guest interrupted(before);
    interrupted.run_to_end();
    EXPECT_THAT(interrupted.witness.interrupted_at, ElementsAre(before.label("a_start")));
    Guest entered(entering_an_enclave(4));
    entered.run_to_end();
    EXPECT_THAT(entered.witness.interrupted_at, IsEmpty()) << "dint wins";
    EXPECT_EQ(entered.word(0x0204), 1U);
}

TEST(Watchdog, ResetsWhoNeitherHoldsNorServesIt) {
    const Program program("add #1, &0x0202\n cmp #3, &0x0202\n jeq done\n loop: jmp loop\n done:" +
                          std::string(end) + ".org 0xbffe\n .short 0x4000\n");
    Guest guest(program);
    guest.run_to_end();
    EXPECT_EQ(guest.witness.resets, 2U);
    EXPECT_GE(guest.machine.core().cycle, 2 * 32768U);
    EXPECT_LT(guest.machine.core().cycle, 2 * 32768U + 100);
}

TEST(Watchdog, ResetsWhoWritesWithoutThePassword) {
    const Program program("add #1, &0x0202\n cmp #2, &0x0202\n jeq done\n mov #0x0080, &0x0120\n"
                          " loop: jmp loop\n done: mov &0x0120, &0x0204\n" +
                          std::string(end) + ".org 0xbffe\n .short 0x4000\n");
    Guest guest(program);
    guest.run_to_end(1000);
    EXPECT_EQ(guest.witness.resets, 1U);
    EXPECT_EQ(guest.word(0x0204), 0x6900U);
}

TEST(Watchdog, InterruptsAsAnIntervalTimer) {
    // TMSEL, 64 cycles; WDTIE.
    const Program program("mov #0x2800, r1\n mov #0x5a1b, &0x0120\n bis.b #1, &0\n eint\n"
                          " loop: cmp #4, &0x0202\n jne loop\n dint\n nop" +
                          std::string(end) +
                          ".org 0x800\n handler: add #1, &0x0202\n reti\n"
                          ".org 0xbff4\n .short handler\n .org 0xbffe\n .short 0x4000\n");
    Guest guest(program);
    guest.run_to_end(10'000);
    EXPECT_EQ(guest.word(0x0202), 4U);
    EXPECT_EQ(guest.witness.resets, 0U);
}

} // namespace
} // namespace authex::sancus_emulator::test
