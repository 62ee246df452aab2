// A driver in an emulated enclave, and the gate that has its device: who reaches it, and who does
// not.
#include "tee/sancus/enclave.hpp"

namespace authex::test {
namespace {

using tee::sancus::Placement;
using tee::sancus::SancusImage;
using wire::Kind;

constexpr const char* led_source = R"(
#include <authex/device.hpp>
AUTHEX_STATE static bool lit;
static constexpr std::uint16_t P2OUT = 0x29, P2DIR = 0x2a;
static void show() { authex_device_write8(P2OUT, lit); }
AUTHEX_INTERRUPT(device, interrupt) {
    if (interrupt.starts()) {
        authex_device_write8(P2DIR, 1);
        show();
    }
}
AUTHEX_INPUT(set, event) {
    lit = event.reader().u8() != 0;
    show();
}
AUTHEX_HANDLER(read_state, request, reply) { reply.u8(static_cast<std::uint8_t>(lit)); }
)";

constexpr const char* button_source = R"(
#include <authex/device.hpp>
static constexpr std::uint16_t P1IFG = 0x23, P1IES = 0x24, P1IE = 0x25;
AUTHEX_OUTPUT(pressed);
AUTHEX_INTERRUPT(device, interrupt) {
    if (interrupt.starts()) {
        authex_device_write8(P1IES, 0);
        authex_device_write8(P1IFG, 0);
        authex_device_write8(P1IE, 1);
    }
    if ((interrupt.flags() & 1) != 0) {
        pressed();
    }
}
)";

class SancusDriver : public SancusEnclave {
  protected:
    static const SancusImage& led() {
        static const SancusImage image = build(led_source, {"led0"});
        return image;
    }
    static const SancusImage& button() {
        static const SancusImage image = build(button_source, {"button0"});
        return image;
    }
    [[nodiscard]] Placement place() const {
        return {.text = 0x6000,
                .data = 0x400,
                .gate = 0x5d00,
                .id = static_cast<std::uint16_t>(node_.next_id() + 1)};
    }
    void light(std::uint64_t counter, std::uint8_t on) {
        crypto::AeadKey key;
        ASSERT_EQ(key.set(crypto::Algorithm::spongent_128, set_.connection.key), Error::none);
        (void)node_.give(
            entry_, sealed(key, {.kind = Kind::event, .channel = 1, .counter = counter}, {on}));
    }
    wire::ControlMessage set_ = terms(1, 1, wire::Role::destination);
};

TEST_F(SancusDriver, OfTheLedAloneLightsIt) {
    load(led(), place());
    attest();
    ASSERT_EQ(say(set_), Error::none);
    EXPECT_EQ(node_.shown("led0"), "off");
    light(0, 1);
    EXPECT_EQ(node_.shown("led0"), "on");
    light(1, 0);
    EXPECT_EQ(node_.shown("led0"), "off");
    EXPECT_TRUE(node_.witness.violations.empty());
}

TEST_F(SancusDriver, HasADeviceThatNobodyElseReaches) {
    load(led(), place());
    attest();
    ASSERT_EQ(say(set_), Error::none);
    light(0, 1);
    ASSERT_EQ(node_.shown("led0"), "on");
    // Another module tries to switch it off, and the node calls the gate itself.
    const SancusImage thief = build(R"(
#include <authex/module.hpp>
AUTHEX_ENTRY(steal, call) { *reinterpret_cast<volatile std::uint8_t*>(0x29) = 0; }
)");
    ASSERT_NE(node_.load(thief, {.text = 0x9000, .data = 0x2000}), 0);
    Octets steal(wire::header_bytes);
    wire::write_header({.kind = Kind::call}, steal);
    EXPECT_TRUE(node_.give(0x9000, steal).empty());
    EXPECT_EQ(node_.witness.violations.size(), 1U);
    EXPECT_EQ(node_.shown("led0"), "on");
    const unsigned resets = node_.witness.resets;
    (void)node_.call(0x5d00, {.operation = 1, .in = 0x29});
    EXPECT_EQ(node_.witness.resets, resets + 1);
}

// The gate's text, too, has one entry; what it ends with is not an end for whoever jumps there.
TEST_F(SancusDriver, HasAGateThatNobodyEntersElsewhere) {
    load(led(), place());
    attest();
    ASSERT_EQ(say(set_), Error::none);
    expect_no_other_entry(place().gate, led().gate_bytes);
    light(0, 1);
    EXPECT_EQ(node_.shown("led0"), "on");
    (void)execute_outside(write_zero, 0x28);
    EXPECT_EQ(node_.witness.violations.size(), 1U);
    EXPECT_EQ(node_.shown("led0"), "on");
}

// Nothing that a module or its gate could do outweighs what the published hardware description
// gives to all code: what is forbidden is written all the same where it is a device's register,
// also by the gate's own instruction for whoever jumps there, and so a light shines, or a press is
// said, of which nobody knows; and a protect that fails ends the enclave whose text it names,
// uncleared.
TEST_F(SancusDriver, CannotMakeUpForThePublishedHardwareDescription) {
    load(led(), place());
    attest();
    ASSERT_EQ(say(set_), Error::none);
    node_.machine->core().rules = sancus_emulator::Rules::rtl;
    const auto attack = [&](const char* code) {
        node_.machine->load(0x9800, sancus_emulator::test::Program(code, 0x9800).bytes());
        (void)node_.call(0x9800);
    };
    attack("mov.b #1, &0x29\n br r7");
    EXPECT_EQ(node_.shown("led0"), "on");
    const auto keys_are_readable = [&] {
        unsigned run = 0;
        for (std::uint16_t at = 0x400; at < 0x400 + led().data_bytes && run < 8; ++at, ++at) {
            run = execute_outside(read_into_r12, at) == 0x0101 ? run + 1 : 0; // as terms() has them
        }
        return run == 8;
    };
    EXPECT_FALSE(keys_are_readable());
    attack("mov #1, r10\n mov #0x9900, r9\n mov #0x6000, r12\n mov r12, r13\n mov #0x3000, r14\n"
           " mov r14, r15\n .short 0x1381\n br r7");
    EXPECT_TRUE(keys_are_readable());
}

TEST_F(SancusDriver, OfTheButtonIsToldPressesByThePublishedHardwareDescription) {
    load(button(), place());
    node_.bind(button().vector, entry_);
    attest();
    ASSERT_EQ(say(terms(2, 0, wire::Role::source)), Error::none);
    EXPECT_TRUE(node_.give(entry_).empty());
    for (const bool published : {false, true}) {
        node_.machine->core().rules =
            published ? sancus_emulator::Rules::rtl : sancus_emulator::Rules::documented;
        node_.machine->load(
            0x9800, sancus_emulator::test::Program("mov.b #1, &0x23\n br r7", 0x9800).bytes());
        (void)node_.call(0x9800);
        node_.idle(100'000);
        EXPECT_EQ(node_.give(entry_).size(), published ? 1U : 0U) << "nobody has pressed";
    }
}

// The node keeps the old version beside the new one. Registers with two owners have none: the new
// one cannot reach its device, does not answer and is not attested; nor does the old one act any
// more.
TEST_F(SancusDriver, OfWhichTheNodeKeepsAnOldVersionIsNotTwo) {
    load(led(), place());
    attest();
    ASSERT_EQ(say(set_), Error::none);
    light(0, 1);
    const SancusImage newer =
        build(std::string(led_source) + "AUTHEX_INPUT(more, event) {}\n", {"led0"});
    const auto id = static_cast<std::uint16_t>(node_.next_id() + 1);
    ASSERT_EQ(node_.load(newer, {.text = 0x9000, .data = 0x2000, .gate = 0x5e00, .id = id}), id);
    EXPECT_TRUE(node_.give(0x9000, Owner().hello()).empty());
    ASSERT_EQ(node_.witness.violations.size(), 1U);
    EXPECT_EQ(node_.witness.violations[0].address & 0xfff8U, 0x28U) << "the device";
    EXPECT_EQ(node_.shown("led0"), "on");
    light(1, 0);
    EXPECT_EQ(node_.witness.violations.size(), 2U);
    EXPECT_EQ(node_.shown("led0"), "on");
}

// Hardware lets an enclave's data lie over another's; then neither reaches them. If the other ended
// meanwhile, its words would be the thief's. The node may make enclaves as it likes, and ask each
// to leave.
class LeavingDriver : public SancusDriver,
                      public testing::WithParamInterface<sancus_emulator::Rules> {};

TEST_P(LeavingDriver, LeavesNothingToAnEnclaveOverItsDataOrText) {
    const auto end = static_cast<std::uint16_t>(place().data + led().data_bytes);
    for (const std::uint16_t begin : {place().data,
                                      static_cast<std::uint16_t>(place().data + 0x190),
                                      static_cast<std::uint16_t>(place().data + 0x300),
                                      static_cast<std::uint16_t>(end - 16),
                                      static_cast<std::uint16_t>(place().text + 0x40)}) {
        SancusNode node;
        ASSERT_NE(node.load(led(), {.text = 0x6000, .data = 0x400, .gate = 0x5d00, .id = 2}), 0);
        (void)node.give(0x6000, Owner().hello());
        ASSERT_NE(node.protect(0x9000, 16, begin, static_cast<std::uint16_t>(begin + 16)), 0);
        node.machine->core().rules = GetParam(); // by those of `rtl`, hardware would end it
        (void)node.call(0x6000, {.operation = 1});
        const auto& enclaves = node.machine->core().enclaves;
        const auto thief = enclaves.text_of(0x9000);
        for (std::uint16_t at = 0x400; at != end; ++at, ++at) {
            if (enclaves.may_read(thief, at) || enclaves.may_read(0, at)) {
                ASSERT_EQ(node.word(at), 0) << std::hex << begin << " " << at;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Rules,
                         LeavingDriver,
                         testing::Values(sancus_emulator::Rules::documented,
                                         sancus_emulator::Rules::rtl));

TEST_F(SancusDriver, WithoutTheNumberThatItsGateAnswersToDoesNothing) {
    Placement wrong = place();
    ++wrong.id;
    load(led(), wrong);
    ASSERT_TRUE(node_.call(entry_));
    EXPECT_EQ(node_.reg(14), static_cast<std::uint16_t>(Error::unsupported));
}

TEST_F(SancusDriver, WhoseGateDiffersByOneBitDoesNothing) {
    for (std::uint16_t bit = 0; bit < 8U * led().gate_bytes;
         bit = static_cast<std::uint16_t>(bit + 101)) {
        SancusNode other;
        other.spoiled_at = static_cast<std::uint16_t>(bit / 8);
        other.spoiled_bits = static_cast<std::uint8_t>(1U << bit % 8U);
        ASSERT_NE(other.load(led(), {.text = 0x6000, .data = 0x400, .gate = 0x5d00, .id = 2}), 0);
        ASSERT_TRUE(other.call(0x6000)) << bit;
        EXPECT_EQ(other.reg(14), static_cast<std::uint16_t>(Error::unsupported)) << bit;
        EXPECT_EQ(other.shown("led0"), "off");
    }
}

// RETI reads two words from the stack of what was interrupted. They are never the module's own: it
// would go on inside of itself where its own data say. What it does instead is end: a reset.
TEST_F(SancusDriver, DoesNotReturnFromAnInterruptOverAStackInItself) {
    const auto end = static_cast<std::uint16_t>(0x0400 + button().data_bytes);
    struct Case {
        std::uint16_t stack; ///< before hardware pushes two words
        bool returns;
    };
    for (const Case each : {Case{0x0400, true},
                            Case{0x0402, false},
                            Case{0x0404, false},
                            Case{0x0480, false},
                            Case{end, false},
                            Case{static_cast<std::uint16_t>(end + 2), false},
                            Case{static_cast<std::uint16_t>(end + 4), true}}) {
        SancusNode node;
        ASSERT_NE(node.load(button(), {.text = 0x6000, .data = 0x400, .gate = 0x5d00, .id = 2}), 0);
        node.bind(button().vector, 0x6000);
        EXPECT_TRUE(node.give(0x6000).empty());
        const auto own = [&] {
            std::vector<std::uint16_t> words;
            for (int at = each.stack - 4; at != each.stack; at += 2) {
                words.push_back(at >= 0x400 && at < end ? node.word(static_cast<std::uint16_t>(at))
                                                        : std::uint16_t{0});
            }
            return words;
        };
        const auto held = own();
        node.set_stack(each.stack);
        node.input("button0", "pressed");
        node.idle(100'000);
        EXPECT_EQ(node.witness.resets, each.returns ? 1U : 2U) << std::hex << each.stack;
        EXPECT_TRUE(node.witness.violations.empty()) << std::hex << each.stack;
        if (each.returns) {
            EXPECT_TRUE(node.give(0x6000).empty());
        } else {
            EXPECT_EQ(own(), held) << std::hex << each.stack;
        }
    }
}

// The node calls the driver's interrupt handler as often as it likes: the device's own flags
// decide. With a short period the next interrupt waits when the handler returns.
TEST_F(SancusDriver, OfTheButtonBelievesNoInterruptThatTheDeviceDidNotRaise) {
    for (const std::uint16_t period : std::vector<std::uint16_t>{30'000, 4'000, 1'000, 100, 7}) {
        SancusNode node;
        ASSERT_NE(node.load(button(), {.text = 0x6000, .data = 0x400, .gate = 0x5d00, .id = 2}), 0);
        EXPECT_TRUE(node.give(0x6000).empty());
        node.bind(button().vector, 0x6000);
        node.bind(9, 0x6000); // the timer's, which the node owns, points to the driver as well
        node.ring_timer_every(period);
        node.idle(100'000);
        node.stop_timer();
        EXPECT_GT(node.witness.interrupts.size(), 2U) << period;
        EXPECT_TRUE(node.witness.violations.empty()) << period;
        ASSERT_EQ(node.witness.resets, 1U) << period << ": by the test, at its beginning";
        EXPECT_EQ(node.word(0xfffe), 0x5c00) << period << ": the vectors are as they were";
        EXPECT_TRUE(node.give(0x6000).empty()) << period << ": nobody has pressed";
    }
}

TEST_F(SancusDriver, OfTheButtonSaysEachPressThatHardwareMade) {
    load(button(), place());
    node_.bind(button().vector, entry_);
    attest();
    const auto out = terms(2, 0, wire::Role::source);
    ASSERT_EQ(say(out), Error::none);
    crypto::AeadKey key;
    ASSERT_EQ(key.set(crypto::Algorithm::spongent_128, out.connection.key), Error::none);
    EXPECT_TRUE(node_.give(entry_).empty());
    for (std::uint64_t press = 0; press < 3; ++press) {
        node_.input("button0", "pressed");
        node_.idle(100'000);
        node_.input("button0", "released");
        node_.idle(100'000);
        const auto frames = node_.give(entry_);
        ASSERT_EQ(frames.size(), 1U);
        EXPECT_EQ(frames[0].header.counter, press);
        EXPECT_EQ(opened(key, frames[0]), Octets());
        EXPECT_TRUE(node_.give(entry_).empty());
    }
    EXPECT_TRUE(node_.witness.violations.empty());
}

} // namespace
} // namespace authex::test
