// The non-maskable interrupt. Cycles are those of the hardware description, built with `NMI`.
#include <gmock/gmock.h>

#include "sancus_emulator/devices/core_buttons.hpp"
#include "sancus_emulator/guest.hpp"

namespace authex::sancus_emulator::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The handler copies IFG1 to 0x0202, IE1 to 0x0204, counts at 0x0206, and clears the flag.
const char* const handler =
    "mov.b &2, &0x0202\n mov.b &0, &0x0204\n add #1, &0x0206\n mov.b #0, &2\n reti";

/// @param enclave its code, between a_start and a_end, at 0x5000
Program with_handler(const std::string& body,
                     const std::string& text = handler,
                     const std::string& enclave = "nop") {
    return Program(prologue + body + end + ".org 0x800\n handler: " + text +
                   "\n .org 0x900\n violated: mov #1, &0x0208\n reti\n .org 0x1000\n a_start: " +
                   enclave + "\n a_end:\n .org 0xbffa\n .short violated, handler, 0x4000\n");
}

std::vector<NamedDevice> devices_with_nmi() {
    std::vector<NamedDevice> devices = reference_devices();
    auto& watchdog = dynamic_cast<Watchdog&>(*devices.front().device);
    devices.push_back({"nmi", std::make_unique<NmiButton>("nmi", watchdog, nullptr)});
    return devices;
}

/// The reference board with a button for the NMI, before a program's first instruction.
struct Board {
    explicit Board(const Program& program,
                   const Configuration& configuration = reference_configuration())
        : machine(configuration, devices_with_nmi()) {
        machine.load(program.origin(), program.bytes());
        machine.reset();
        machine.observe(&witness);
    }
    /// Runs until this cycle, or to the end of the instruction that is in it; then the button.
    void at(std::uint64_t cycle, const std::string& what) {
        (void)machine.run(cycle);
        EXPECT_TRUE(machine.devices().find("nmi")->input(what, machine.core().cycle));
    }
    Stop run() { return machine.run(100'000); }
    [[nodiscard]] std::uint16_t word(std::uint16_t address) const {
        return machine.core().memory.word(address);
    }

    Machine machine;
    Witness witness;
};

const std::string enable = "mov.b #0x10, &0\n";
const std::string wait = "mov #40, r6\n loop: dec r6\n jnz loop\n";

TEST(Nmi, InterruptsThoughGieIsZero) {
    Board board(with_handler(enable + wait));
    board.at(30, "pressed");
    EXPECT_EQ(board.run(), Stop::off);
    EXPECT_THAT(board.witness.interrupts, ElementsAre(vector::nmi));
    EXPECT_EQ(board.word(0x0202), 0x10U) << "the flag stays until the program clears it";
    EXPECT_EQ(board.word(0x0204), 0U) << "the interrupt is disabled when it is accepted";
    EXPECT_EQ(board.machine.core().r[reg::sp], 0x2800U);
    EXPECT_EQ(board.machine.core().r[6], 0U);
}

TEST(Nmi, IsTakenInTheCycleInWhichTheHardwareTakesIt) {
    // The loop's dec takes a cycle, its jnz two, from cycle 14 on. The edge is seen one cycle after
    // the pin.
    const Program program = with_handler(enable + wait);
    Board board(program);
    board.at(14 + 2 + 1, "pressed"); // before jnz, whose second cycle sees it
    board.run();
    EXPECT_THAT(board.witness.interrupted_at, ElementsAre(program.label("loop")));
    Board later(program);
    later.at(14 + 2 + 3, "pressed"); // before dec, which does not see it yet
    later.run();
    ASSERT_THAT(later.witness.interrupted_at, ElementsAre(program.label("loop")));
    EXPECT_EQ(later.machine.core().cycle, board.machine.core().cycle);
}

TEST(Nmi, CountsEdgesOfTheDirectionThatTheProgramChooses) {
    const std::string falling = "mov #0x5ac0, &0x0120\n nop\n mov.b #0, &2\n" + enable;
    Board board(with_handler(falling + wait));
    board.at(50, "pressed");
    board.at(80, "pressed"); // it is already
    (void)board.machine.run(90);
    EXPECT_THAT(board.witness.interrupts, IsEmpty());
    board.at(90, "released");
    board.run();
    EXPECT_THAT(board.witness.interrupts, ElementsAre(vector::nmi));
    Board rising(with_handler(enable + wait));
    rising.at(30, "pressed");
    rising.at(90, "released");
    rising.run();
    EXPECT_EQ(rising.word(0x0206), 1U);
}

TEST(Nmi, AChangeOfDirectionIsAnEdge) {
    Board board(
        with_handler("mov.b &2, r4\n mov #0x5ac0, &0x0120\n mov.b &2, r5\n mov &0x0120, r6"));
    EXPECT_EQ(board.run(), Stop::off);
    EXPECT_EQ(board.machine.core().r[4], 0U);
    EXPECT_EQ(board.machine.core().r[5], 0x10U);
    EXPECT_EQ(board.machine.core().r[6], 0x69E0U);
    EXPECT_THAT(board.witness.interrupts, IsEmpty()) << "it is not enabled";
}

TEST(Nmi, OneMoreInstructionIsExecutedAfterThatWhichEnablesIt) {
    const Program program =
        with_handler("mov.b #0x10, &2\n" + enable + "mov #1, r4\n second: mov #2, r4");
    Board board(program);
    board.run();
    EXPECT_THAT(board.witness.interrupted_at, ElementsAre(program.label("second")));
}

TEST(Nmi, WakesWhoSleepsWithInterruptsDisabled) {
    const Program program =
        with_handler(enable + "bis #0x10, r2\n woken: mov #7, r4\n mov.b #0, &0",
                     "mov.b #0, &2\n bic #0x10, 0(r1)\n reti");
    Board board(program);
    EXPECT_EQ(board.run(), Stop::asleep) << "this is no end: an NMI can come";
    board.at(0, "pressed");
    const std::uint64_t pressed = board.machine.core().cycle;
    (void)board.machine.run(pressed + 3);
    EXPECT_EQ(board.machine.core().cycle, pressed + 2 + 7) << "edge, flag, entry";
    EXPECT_EQ(board.run(), Stop::off);
    EXPECT_EQ(board.machine.core().r[4], 7U);
}

TEST(Nmi, DoesNotWakeWhoHasNotEnabledIt) {
    Board board(with_handler("bis #0x10, r2\n mov #7, r4"));
    EXPECT_EQ(board.run(), Stop::off);
    board.at(0, "pressed");
    EXPECT_EQ(board.run(), Stop::off);
    EXPECT_EQ(board.machine.core().r[4], 0U);
}

TEST(Nmi, ComesBeforeMaskableOnesAndInterruptsTheirHandlers) {
    // Timer A: CCR0's interrupt, requested by the program.
    const Program program(std::string(prologue) + enable +
                          "eint\n mov #0x11, &0x0162\n nop\n nop\n dint\n nop\n" + end +
                          ".org 0x800\n nmi: add #1, &0x0206\n mov.b #0, &2\n reti\n"
                          " timer: mov.b #0x10, &2\n nop\n inside: reti\n"
                          ".org 0xbff2\n .short timer\n .org 0xbffc\n .short nmi, 0x4000\n");
    Board board(program);
    board.run();
    EXPECT_THAT(board.witness.interrupts, ElementsAre(9U, vector::nmi));
    EXPECT_EQ(board.witness.interrupted_at.at(1), program.label("inside"));
}

/// An enclave with data 0x0300–0x033f; what it saves when it is interrupted begins at 0x0330.
Program with_enclave(const std::string& first) {
    return with_handler(protect("a", 0x300, 0x340) + enable +
                            "mov #0x11, r5\n br #a_start\n back:\n",
                        "mov r15, &0x0202\n mov r5, &0x0204\n mov r2, &0x0208\n .short 0x1387\n"
                        " mov r15, &0x020a\n br #back",
                        "mov #0x2700, r1\n mov #0x330, &0x33e\n" + first +
                            " mov #1, r4\n mov #2, r4\n mov #3, r4\n mov #4, r4\n br #back");
}

struct InEnclave {
    Variant variant;
    bool enabled;
    unsigned cycles;
    std::uint16_t saved_at; ///< where the program counter is saved; 0: nowhere
    std::uint16_t status;
};

class NmiInEnclave : public testing::TestWithParam<InEnclave> {};

TEST_P(NmiInEnclave, SavesWhatTheHardwareSavesAndClearsTheRegisters) {
    const InEnclave& each = GetParam();
    Configuration configuration = reference_configuration();
    configuration.variant = each.variant;
    const Program program = with_enclave(each.enabled ? "eint\n" : "nop\n");
    Board board(program, configuration);
    board.machine.set_breakpoint(static_cast<std::uint16_t>(program.label("a_start") + 10));
    ASSERT_EQ(board.run(), Stop::breakpoint);
    board.machine.clear_breakpoints();
    board.at(0, "pressed");
    const std::uint64_t before = board.machine.core().cycle;
    board.machine.set_breakpoint(program.label("handler"));
    ASSERT_EQ(board.run(), Stop::breakpoint);
    board.machine.clear_breakpoints();
    EXPECT_EQ(board.machine.core().cycle - before, 1 + 1 + each.cycles) << "two instructions first";
    if (each.saved_at != 0) {
        EXPECT_EQ(board.word(each.saved_at), program.label("a_start") + 14);
    } else {
        EXPECT_EQ(board.word(0x0330), 0U);
        EXPECT_EQ(board.word(0x26FE), 0U);
    }
    EXPECT_EQ(board.run(), Stop::off);
    EXPECT_EQ(board.word(0x0202), program.label("a_start")) << "R15: whom to enter again";
    EXPECT_EQ(board.word(0x0204), 0U) << "registers of the enclave are not seen";
    EXPECT_EQ(board.word(0x0208), each.status);
    EXPECT_EQ(board.word(0x020A), 0xFFFEU) << "the caller's id names the vector";
    EXPECT_THAT(board.witness.violations, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Frames,
    NmiInEnclave,
    testing::Values(InEnclave{Variant::base, true, 35, 0x0330, status::enclave_interrupted},
                    InEnclave{Variant::base, false, 3, 0, status::enclave_interrupted},
                    InEnclave{Variant::legacy, true, 34, 0x26FE, 0},
                    InEnclave{Variant::legacy, false, 34, 0x26FE, 0}));

/// The instruction at `offends` reads the data of an enclave from outside, while the NMI comes.
Program that_violates() {
    return with_handler(protect("a", 0x300, 0x340) + enable +
                        "nop\n offends: mov &0x300, r6\n after: mov #7, r4\n");
}

Board violating(const Program& program, Rules rules) {
    Configuration configuration = reference_configuration();
    configuration.rules = rules;
    Board board(program, configuration);
    board.machine.set_breakpoint(program.label("offends"));
    EXPECT_EQ(board.run(), Stop::breakpoint);
    board.machine.clear_breakpoints();
    board.at(0, "pressed");
    EXPECT_EQ(board.run(), Stop::off);
    return board;
}

TEST(Nmi, InterruptsTheHandlerOfAViolationInTheSameCycle) {
    const Program program = that_violates();
    const Board board = violating(program, Rules::documented);
    EXPECT_THAT(board.witness.interrupts, ElementsAre(vector::violation, vector::nmi));
    EXPECT_THAT(board.witness.interrupted_at,
                ElementsAre(program.label("after"), program.label("violated")));
    EXPECT_EQ(board.word(0x0208), 1U) << "both handlers run";
    EXPECT_EQ(board.word(0x0206), 1U);
}

TEST(Nmi, HidesAViolationInTheSameCycleWhereTheHardwareDoes) {
    const Board board = violating(that_violates(), Rules::rtl);
    EXPECT_THAT(board.witness.interrupts, ElementsAre(vector::nmi));
    EXPECT_EQ(board.word(0x0208), 0U);
    EXPECT_EQ(board.word(0x27FC) & status::violation, status::violation) << "in the saved status";
}

TEST(Nmi, AResetDisablesItAndAPressedButtonCountsAnew) {
    Board board(
        with_handler("mov.b &0, &0x020a\n mov.b &2, &0x020c\n" + enable +
                     "nop\n add #1, &0x020e\n cmp #2, &0x020e\n jeq done\n mov #0, &0x0120\n"
                     " nop\n done:"));
    board.at(0, "pressed");
    EXPECT_EQ(board.run(), Stop::off);
    EXPECT_EQ(board.witness.resets, 1U);
    EXPECT_EQ(board.word(0x020A), 0U) << "the second time";
    EXPECT_EQ(board.word(0x020C), 0x10U);
    EXPECT_EQ(board.word(0x0206), 2U);
}

TEST(Nmi, IsNotThereWithoutItsPin) {
    Guest guest(with_handler("mov #0x5ac0, &0x0120\n mov.b #0x11, &0\n mov.b #0x11, &2\n"
                             " mov &0x0120, r4\n mov.b &0, r5\n mov.b &2, r6\n nop"));
    guest.run_to_end();
    EXPECT_EQ(guest.machine.core().r[4], 0x6980U);
    EXPECT_EQ(guest.machine.core().r[5], 1U);
    EXPECT_EQ(guest.machine.core().r[6], 1U);
    EXPECT_THAT(guest.witness.interrupts, IsEmpty());
}

TEST(Nmi, IsPartOfASnapshot) {
    const Program program = with_handler(enable + wait);
    Board board(program);
    board.at(30, "pressed"); // and not seen yet
    const auto snapshot = board.machine.snapshot();
    board.run();
    Board again(with_handler("nop"));
    ASSERT_TRUE(again.machine.restore(snapshot));
    EXPECT_EQ(again.run(), Stop::off);
    EXPECT_EQ(again.word(0x0206), 1U);
    EXPECT_EQ(again.machine.core().cycle, board.machine.core().cycle);
    EXPECT_EQ(again.machine.devices().find("nmi")->shown(), "pressed");
}

TEST(NmiButton, IsPressedAndReleasedAndNothingElse) {
    Board board(with_handler("nop"));
    Device* button = board.machine.devices().find("nmi");
    EXPECT_EQ(button->shown(), "released");
    EXPECT_TRUE(button->input("pressed", 0));
    EXPECT_EQ(button->shown(), "pressed");
    for (const char* wrong : {"", "press", "1"}) {
        EXPECT_EQ(button->input(wrong, 0).error().code, "input-unknown") << wrong;
    }
}

} // namespace
} // namespace authex::sancus_emulator::test
