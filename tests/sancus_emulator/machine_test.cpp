// Stops, breakpoints, snapshots, and code that changes itself.
#include <gtest/gtest.h>

#include "sancus_emulator/guest.hpp"

namespace authex::sancus_emulator::test {
namespace {

/// Uses all that a snapshot must hold: enclaves, multiplier, timer with interrupts, stack.
Program busy() {
    return Program(
        std::string(prologue) + protect("a", 0x300, 0x340) +
        "mov #97, &0x0172\n mov #0x10, &0x0162\n mov #0x0210, &0x0160\n eint\n"
        " mov #60, r10\n"
        "loop: mov r10, &0x0130\n mov #3, &0x0138\n add &0x013a, r11\n"
        " dint\n nop\n mov #back, r7\n br #a_start\n back: eint\n push r11\n pop r12\n"
        " dec r10\n jnz loop\n dint\n nop\n mov r11, &0x0206\n" +
        end +
        ".org 0x800\n handler: add #1, &0x0202\n reti\n"
        ".org 0x1000\n a_start: add #5, &0x0310\n mov &0x0310, &0x0204\n br r7\n a_end:\n"
        ".org 0xbff2\n .short handler\n .org 0xbffe\n .short 0x4000\n");
}

TEST(Snapshot, AMachineGoesOnFromItAsIfNothingHadHappened) {
    const Program program = busy();
    Guest whole(program);
    whole.run_to_end();
    ASSERT_GT(whole.word(0x0202), 10U);
    ASSERT_EQ(whole.word(0x0204), 300U);
    for (std::uint64_t cycle = 10; cycle < whole.machine.core().cycle; cycle += 997) {
        Guest first(program);
        ASSERT_EQ(first.machine.run(cycle), Stop::limit);
        const auto snapshot = first.machine.snapshot();
        Guest second(Program("nop", 0x6000));
        ASSERT_TRUE(second.machine.restore(snapshot));
        EXPECT_EQ(second.machine.snapshot(), snapshot);
        second.run_to_end();
        EXPECT_EQ(second.machine.snapshot(), whole.machine.snapshot()) << cycle;
    }
}

TEST(Snapshot, DamagedOrForeignOnesAreRefused) {
    Guest guest(busy());
    const auto snapshot = guest.machine.snapshot();
    for (std::size_t size = 0; size < snapshot.size(); size += size < 200 ? 1 : 4099) {
        const auto result = guest.machine.restore(ByteView(snapshot).first(size));
        ASSERT_FALSE(result) << size;
        EXPECT_EQ(result.error().code, "snapshot-malformed");
    }
    auto longer = snapshot;
    longer.push_back(0);
    EXPECT_FALSE(guest.machine.restore(longer));
    Configuration other = reference_configuration();
    other.slots = 8;
    Machine another(other, reference_devices());
    const auto result = another.restore(snapshot);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, "snapshot-of-another-board");
}

TEST(Machine, IsDeterministic) {
    Guest first(busy());
    Guest second(busy());
    first.run_to_end();
    second.run_to_end();
    EXPECT_EQ(first.machine.snapshot(), second.machine.snapshot());
}

TEST(Machine, StepsRunTheSameAsOneRun) {
    Guest whole(busy());
    whole.run_to_end();
    Guest stepped(busy());
    while (stepped.machine.step() == Stop::limit) {
    }
    EXPECT_EQ(stepped.machine.snapshot(), whole.machine.snapshot());
}

TEST(Machine, StandsAtABreakpointEachTime) {
    const Program program(std::string(prologue) +
                          "mov #3, r5\n loop: add #1, r6\n dec r5\n jnz loop" + end +
                          ".org 0xbffe\n .short 0x4000\n");
    Guest guest(program);
    guest.machine.set_breakpoint(program.label("loop"));
    for (unsigned round = 0; round < 3; ++round) {
        ASSERT_EQ(guest.machine.run(10'000), Stop::breakpoint);
        EXPECT_EQ(guest.machine.core().r[reg::pc], program.label("loop"));
        EXPECT_EQ(guest.machine.core().r[6], round);
    }
    guest.machine.clear_breakpoint(program.label("loop"));
    EXPECT_EQ(guest.machine.run(10'000), Stop::off);
}

TEST(Machine, SaysWhereNothingCanBeFetched) {
    Guest guest(Program(std::string(prologue) + "br #0x300\n .org 0xbffe\n .short 0x4000\n"));
    EXPECT_EQ(guest.machine.run(10'000), Stop::bad_fetch);
    EXPECT_EQ(guest.machine.core().bad_fetch, 0x300);
    EXPECT_EQ(guest.machine.run(10'000), Stop::bad_fetch) << "until it is reset";
    guest.machine.reset();
    EXPECT_FALSE(guest.machine.core().bad_fetch);
}

TEST(Machine, SleepsForeverWhereNothingWakesIt) {
    Guest guest(
        Program(std::string(prologue) + "bis #0x18, r2\n nop\n .org 0xbffe\n .short 0x4000\n"));
    EXPECT_EQ(guest.machine.run(10'000), Stop::asleep);
}

TEST(Machine, CodeThatChangesItselfIsExecutedAsChanged) {
    // The second round finds `mov #2, r6` where `mov #1, r6` was, also in its extension word.
    const Program program(std::string(prologue) +
                          "loop: mov #0x1111, r6\n cmp #1, r5\n jeq done\n mov #0x2222, &loop+2\n"
                          " mov #1, r5\n jmp loop\n done:" +
                          end + ".org 0xbffe\n .short 0x4000\n");
    Guest guest(program);
    guest.run_to_end();
    EXPECT_EQ(guest.machine.core().r[6], 0x2222);
}

TEST(Machine, NothingLiesInHoles) {
    Guest guest(Program(std::string(prologue) +
                        "mov #0x5555, &0x3000\n mov &0x3000, r5\n mov #0x7777, &0x01f0\n"
                        " mov &0x01f0, r6\n mov.b &0x3001, r7" +
                        end + ".org 0xbffe\n .short 0x4000\n"));
    guest.run_to_end();
    EXPECT_EQ(guest.machine.core().r[5], 0);
    EXPECT_EQ(guest.machine.core().r[6], 0);
    EXPECT_EQ(guest.machine.core().r[7], 0);
}

TEST(Machine, TheConstantGeneratorKeepsWhatIsWrittenForItselfAlone) {
    Guest guest(
        Program(std::string(prologue) +
                "mov #0x1234, r3\n mov r3, r5\n add #1, r3\n mov r2, r6\n clr r5\n mov 0(r5), r7" +
                end + ".org 0xbffe\n .short 0x4000\n"));
    guest.run_to_end();
    EXPECT_EQ(guest.machine.core().r[5], 0) << "as a source it is 0";
    EXPECT_EQ(guest.machine.core().r[6] & status::zero, 0) << "as a destination it is 0x1234";
}

} // namespace
} // namespace authex::sancus_emulator::test
