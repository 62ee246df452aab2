// A module that the builder made, in an emulated enclave: what its owner and its peers get, and
// what the node around it, all of it hostile, does not.
#include <gmock/gmock.h>

#include "tee/modules.hpp"
#include "tee/sancus/builder.hpp"
#include "tee/sancus/sancus_node.hpp"
#include "wire/control.hpp"

namespace authex::test {
namespace {

using tee::sancus::Placement;
using tee::sancus::SancusImage;
using wire::Kind;

tee::Builder& builder() {
    static const auto made = tee::sancus::make_builder(
        {.home = AUTHEX_SOURCE_DIR,
         .cache = std::filesystem::path(AUTHEX_BINARY_DIR) / "test-cache"});
    return *made;
}

SancusImage build(const std::string& source, std::vector<std::string> devices = {}) {
    const TemporaryFolder folder;
    folder.write("module.cpp", source);
    const tee::Image image = require(builder().build({.module = "m",
                                                      .sources = {"module.cpp"},
                                                      .root = folder.path(),
                                                      .owner_key = {1},
                                                      .devices = std::move(devices),
                                                      .vendor_id = vendor_id}));
    std::ifstream file(image.path, std::ios::binary);
    const Octets bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return require(tee::sancus::parse_image(bytes));
}

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

constexpr const char* echo_source = R"(
#include <authex/module.hpp>
AUTHEX_STATE static std::uint16_t taken = 7;
AUTHEX_OUTPUT(out);
AUTHEX_INPUT(in, event) { ++taken; out(event.data); }
AUTHEX_HANDLER(count, request, reply) { reply.u16(taken); }
AUTHEX_ENTRY(plain_count, call) { call.result.u16(taken); }
)";
enum EchoId : std::uint16_t { echo_out, echo_in, echo_count, echo_plain_count };

wire::ControlMessage terms(std::uint16_t channel, std::uint16_t endpoint, wire::Role role) {
    wire::ControlMessage message;
    message.type = wire::ControlType::set_connection;
    message.connection = {.channel = channel,
                          .endpoint = endpoint,
                          .role = role,
                          .algorithm = crypto::Algorithm::spongent_128,
                          .epoch = 1};
    message.connection.key.fill(static_cast<std::uint8_t>(channel));
    return message;
}

class SancusEnclave : public testing::Test {
  protected:
    static const SancusImage& echo() {
        static const SancusImage image = build(echo_source);
        return image;
    }
    /// Loads it and knows its key, as its owner does.
    void load(const SancusImage& image, const Placement& place) {
        id_ = node_.load(image, place);
        ASSERT_NE(id_, 0);
        entry_ = place.text;
        module_key =
            tee::sancus::module_key(tee::sancus::vendor_key(node_key, vendor_id), image, place);
    }
    void attest() {
        const auto frames = node_.give(entry_, owner_.hello());
        ASSERT_EQ(frames.size(), 1U);
        ASSERT_TRUE(owner_.finish(frames[0]));
    }
    Error say(const wire::ControlMessage& message) {
        for (const Frame& frame : node_.give(entry_, owner_.order(message))) {
            if (const auto answer = owner_.open(frame)) {
                return answer->fixed.error;
            }
        }
        return Error::unanswered;
    }

    SancusNode node_;
    std::uint16_t entry_ = 0;
    std::uint16_t id_ = 0;
    Owner owner_;
};

TEST_F(SancusEnclave, IsAttestedByTheKeyThatHardwareDerivesAndTheOwnerComputes) {
    load(echo(), {.text = 0x6000, .data = 0x400});
    attest();
    EXPECT_TRUE(node_.witness.violations.empty());
}

// Two modules of the same sources, text and place differ in their name, which is measured.
TEST_F(SancusEnclave, OfAnotherNameHasAnotherKey) {
    const TemporaryFolder folder;
    folder.write("module.cpp", echo_source);
    const auto image_of = [&](const std::string& name) {
        const tee::Image image = require(builder().build({.module = name,
                                                          .sources = {"module.cpp"},
                                                          .root = folder.path(),
                                                          .owner_key = {1},
                                                          .vendor_id = vendor_id}));
        std::ifstream file(image.path, std::ios::binary);
        const Octets bytes((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
        return require(tee::sancus::parse_image(bytes));
    };
    const Placement place{.text = 0x6000, .data = 0x400};
    load(image_of("a"), place);
    module_key =
        tee::sancus::module_key(tee::sancus::vendor_key(node_key, vendor_id), image_of("b"), place);
    EXPECT_FALSE(owner_.finish(node_.give(entry_, owner_.hello()).at(0)));
}

// An image of before passes for that of now at no place.
TEST_F(SancusEnclave, OfAnOlderImageHasAnotherKey) {
    const Placement place{.text = 0x6000, .data = 0x400};
    const SancusImage older = build(std::string(echo_source) + "AUTHEX_INPUT(older, event) {}\n");
    load(older, place);
    module_key =
        tee::sancus::module_key(tee::sancus::vendor_key(node_key, vendor_id), echo(), place);
    EXPECT_FALSE(owner_.finish(node_.give(entry_, owner_.hello()).at(0)));
}

TEST_F(SancusEnclave, TakesNothingThatWasSealedForAnother) {
    load(echo(), {.text = 0x6000, .data = 0x400});
    attest();
    const auto in = terms(1, echo_in, wire::Role::destination);
    const auto out = terms(2, echo_out, wire::Role::source);
    ASSERT_EQ(say(in), Error::none);
    ASSERT_EQ(say(out), Error::none);
    crypto::AeadKey to_in;
    ASSERT_EQ(to_in.set(crypto::Algorithm::spongent_128, in.connection.key), Error::none);
    auto frames = node_.give(entry_, sealed(to_in, {.kind = Kind::event, .channel = 1}, {1, 2}));
    ASSERT_EQ(frames.size(), 2U);
    // What it said itself, as if it came on its input.
    for (const std::uint16_t channel : {std::uint16_t{1}, std::uint16_t{2}}) {
        wire::FrameHeader header = frames[0].header;
        header.channel = channel;
        header.counter = channel == 1 ? 1 : 0;
        Octets back = frames[0].bytes;
        wire::write_header(header, back);
        const auto refused = node_.give(entry_, back);
        ASSERT_FALSE(refused.empty());
        EXPECT_EQ(refused[0].header.kind, Kind::refusal) << channel;
    }
}

// A node that loads one image twice has two modules of one name, and the owner one of them.
TEST_F(SancusEnclave, OfWhichTheNodeHasTwoIsForItsOwnerTheOneThatWasAttested) {
    load(echo(), {.text = 0x6000, .data = 0x400});
    const Placement elsewhere{.text = 0x8200, .data = 0x1400};
    ASSERT_NE(node_.load(echo(), elsewhere), 0);
    const Octets hello = owner_.hello();
    EXPECT_FALSE(owner_.finish(node_.give(elsewhere.text, hello).at(0)));
    ASSERT_TRUE(owner_.finish(node_.give(entry_, hello).at(0)));
    const auto out = terms(1, echo_out, wire::Role::source);
    const auto in = terms(1, echo_in, wire::Role::destination);
    const Octets order = owner_.order(out);
    EXPECT_EQ(node_.give(elsewhere.text, order).at(0).header.kind, Kind::refusal);
    ASSERT_TRUE(owner_.open(node_.give(entry_, order).at(0)));
    // Even where the owner speaks to both, neither takes what the other says to a third.
    Owner of_other;
    const auto first_key = module_key;
    module_key =
        tee::sancus::module_key(tee::sancus::vendor_key(node_key, vendor_id), echo(), elsewhere);
    ASSERT_TRUE(of_other.finish(node_.give(elsewhere.text, of_other.hello()).at(0)));
    auto to_other = in;
    to_other.connection.key.fill(0x77);
    ASSERT_EQ(node_.give(elsewhere.text, of_other.order(to_other)).at(0).header.kind,
              Kind::control);
    module_key = first_key;
    const auto feed = terms(2, echo_in, wire::Role::destination);
    ASSERT_EQ(say(feed), Error::none);
    crypto::AeadKey key;
    ASSERT_EQ(key.set(crypto::Algorithm::spongent_128, feed.connection.key), Error::none);
    const auto said = node_.give(entry_, sealed(key, {.kind = Kind::event, .channel = 2}, {1}));
    ASSERT_EQ(said.at(0).header.kind, Kind::event);
    const auto taken = node_.give(elsewhere.text, said.at(0).bytes);
    EXPECT_EQ(taken.at(0).header.kind, Kind::refusal);
    EXPECT_EQ(taken.at(0).body.at(1), static_cast<std::uint8_t>(Error::forged));
    EXPECT_TRUE(node_.witness.violations.empty());
}

// After a reset a node has the same keys again. Only random numbers tell one life from another.
TEST_F(SancusEnclave, RecordedOrdersAreWorthNothingInItsNextLifeWhereTheBoardHasRandomNumbers) {
    const Placement place{.text = 0x6000, .data = 0x400};
    load(echo(), place);
    const Octets hello = owner_.hello();
    const auto first = node_.give(entry_, hello);
    ASSERT_TRUE(owner_.finish(first.at(0)));
    const Octets order = owner_.order(terms(1, echo_in, wire::Role::destination));
    ASSERT_EQ(node_.give(entry_, order).at(0).header.kind, Kind::control);
    SancusNode later;
    ASSERT_NE(later.load(echo(), place), 0);
    // Another board's device would not give the same numbers again; an emulator's does.
    (void)later.machine->devices().read(0x1a0, later.machine->core().cycle);
    const auto second = later.give(place.text, hello);
    EXPECT_NE(second.at(0).body, first.at(0).body);
    EXPECT_EQ(later.give(place.text, order).at(0).header.kind, Kind::refusal);
    SancusNode same;
    ASSERT_NE(same.load(echo(), place), 0);
    EXPECT_EQ(same.give(place.text, hello).at(0).body, first.at(0).body);
    EXPECT_EQ(same.give(place.text, order).at(0).header.kind, Kind::control)
        << "without random numbers a whole recording is taken once more: docs/security.md";
}

TEST_F(SancusEnclave, AtAnotherPlaceHasAnotherKeyAndWorksAsWell) {
    load(echo(), {.text = 0x8128, .data = 0x1230});
    attest();
    module_key = tee::sancus::module_key(
        tee::sancus::vendor_key(node_key, vendor_id), echo(), {.text = 0x8128, .data = 0x1238});
    EXPECT_FALSE(owner_.finish(node_.give(entry_, owner_.hello()).at(0)));
}

TEST_F(SancusEnclave, TakesEventsAnswersRequestsAndKeepsInitialisedState) {
    load(echo(), {.text = 0x6000, .data = 0x400});
    attest();
    const auto in = terms(1, echo_in, wire::Role::destination);
    const auto out = terms(2, echo_out, wire::Role::source);
    const auto count = terms(3, echo_count, wire::Role::destination);
    for (const auto& each : {in, out, count}) {
        ASSERT_EQ(say(each), Error::none);
    }
    crypto::AeadKey to_in;
    crypto::AeadKey from_out;
    crypto::AeadKey asker;
    ASSERT_EQ(to_in.set(crypto::Algorithm::spongent_128, in.connection.key), Error::none);
    ASSERT_EQ(from_out.set(crypto::Algorithm::spongent_128, out.connection.key), Error::none);
    ASSERT_EQ(asker.set(crypto::Algorithm::spongent_128, count.connection.key), Error::none);
    for (std::uint64_t i = 0; i < 3; ++i) {
        const Octets body(static_cast<std::size_t>(5 + 100 * i), static_cast<std::uint8_t>(i));
        const auto frames = node_.give(
            entry_, sealed(to_in, {.kind = Kind::event, .channel = 1, .counter = i}, body));
        ASSERT_EQ(frames.size(), 2U);
        EXPECT_EQ(opened(from_out, frames[0]), body);
        EXPECT_EQ(frames[1].header.kind, Kind::ack);
        EXPECT_EQ(frames[1].header.counter, i + 1);
    }
    const auto replies =
        node_.give(entry_, sealed(asker, {.kind = Kind::request, .channel = 3}, {}));
    EXPECT_EQ(opened(asker, replies.at(0)), (Octets{10, 0}));
    EXPECT_TRUE(node_.witness.violations.empty());
}

// The node prepares the memory in which the module will live, as if it had lived there before.
TEST_F(SancusEnclave, OfManyEndpointsHasThemAll) {
    std::string source = "#include <authex/module.hpp>\n";
    constexpr std::uint16_t count = 24;
    for (int i = 0; i != count; ++i) {
        const std::string number = std::to_string(i);
        source += "AUTHEX_ENTRY(entry_" + number + ", call) { call.result.u8(" + number + "); }\n";
    }
    load(build(source), {.text = 0x6000, .data = 0x400});
    for (std::uint16_t id = 0; id != count + 1; ++id) {
        Octets call(wire::header_bytes);
        wire::write_header({.kind = Kind::call, .channel = id}, call);
        const Frame result = node_.give(entry_, call).at(0);
        EXPECT_EQ(result.header.kind, Kind::result);
        EXPECT_EQ(result.header.negative(), id == count) << id;
    }
}

TEST_F(SancusEnclave, BelievesNothingOfWhatItsMemoryHeldBefore) {
    const Placement place{.text = 0x6000, .data = 0x400};
    load(echo(), place);
    attest();
    ASSERT_EQ(say(terms(1, echo_in, wire::Role::destination)), Error::none);
    const Octets before = owner_.order({.type = wire::ControlType::audit});
    for (const std::uint8_t byte : Octets{0x01, 0x55, 0xff}) {
        SancusNode other;
        ASSERT_NE(other.load(echo(), place, Octets(echo().data_bytes, byte)), 0);
        const auto frames = other.give(place.text, before);
        ASSERT_EQ(frames.size(), 1U);
        EXPECT_EQ(frames[0].header.kind, Kind::refusal);
        EXPECT_TRUE(other.witness.violations.empty());
        EXPECT_EQ(other.witness.resets, 1U);
    }
}

TEST_F(SancusEnclave, RefusesBuffersThatTouchIt) {
    load(echo(), {.text = 0x6000, .data = 0x1000});
    attest();
    const auto end = static_cast<std::uint16_t>(0x1000 + echo().data_bytes);
    const auto text_end = static_cast<std::uint16_t>(0x6000 + echo().text_bytes);
    const std::vector<ModuleCall> wrong = {
        {.in = 0x1000, .in_bytes = 20},
        {.in = 0x0ff0, .in_bytes = 17},
        {.in = static_cast<std::uint16_t>(end - 1), .in_bytes = 40},
        {.in = 0x6000, .in_bytes = 20},
        {.in = static_cast<std::uint16_t>(text_end - 1), .in_bytes = 20},
        {.in = 0xfff0, .in_bytes = 0xffff},
        {.out = 0x1000},
        {.out = static_cast<std::uint16_t>(end - 2)},
        {.out = 0x0c00, .out_bytes = 0x0401},
        {.out = 0x5ff0},
        {.out = 0x0300, .out_bytes = 0xff00}};
    for (const ModuleCall& call : wrong) {
        ASSERT_TRUE(node_.call(entry_, call));
        EXPECT_EQ(node_.reg(14), static_cast<std::uint16_t>(Error::outside));
        EXPECT_EQ(node_.reg(12) + node_.reg(13), 0);
    }
    EXPECT_TRUE(node_.witness.violations.empty());
    EXPECT_EQ(say({.type = wire::ControlType::audit}), Error::none);
}

TEST_F(SancusEnclave, LeavesNothingInRegistersAndTheCallersStackAlone) {
    load(echo(), {.text = 0x6000, .data = 0x400});
    attest();
    for (const unsigned number : {4U, 5U, 8U, 9U, 10U, 11U, 15U}) {
        EXPECT_EQ(node_.reg(number), 0) << number;
    }
    EXPECT_EQ(node_.reg(1), 0x4200);
    EXPECT_EQ(node_.reg(2), 0);
    EXPECT_EQ(node_.reg(6), 0xffff);
}

TEST_F(SancusEnclave, DoesNotGoOnInsideOfItself) {
    load(echo(), {.text = 0x6000, .data = 0x400});
    const unsigned resets = node_.witness.resets;
    (void)node_.call(entry_, {.go_on = 0x6100});
    EXPECT_EQ(node_.witness.resets, resets + 1) << "it would run its own code with our registers";
}

TEST_F(SancusEnclave, ThatWaitsForNoGateTakesNoReturnFromOne) {
    load(echo(), {.text = 0x6000, .data = 0x400});
    attest();
    const unsigned resets = node_.witness.resets;
    (void)node_.call(entry_, {.operation = 0xffff});
    EXPECT_EQ(node_.witness.resets, resets + 1);
}

TEST_F(SancusEnclave, RefusesOperationsThatItDoesNotKnow) {
    load(echo(), {.text = 0x6000, .data = 0x400});
    for (const std::uint16_t operation : std::vector<std::uint16_t>{2, 3, 0x7fff, 0xfffe}) {
        ASSERT_TRUE(node_.call(entry_, {.operation = operation}));
        EXPECT_EQ(node_.reg(14), static_cast<std::uint16_t>(Error::malformed));
    }
}

TEST_F(SancusEnclave, ThatLeavesLeavesNothing) {
    load(echo(), {.text = 0x6000, .data = 0x400});
    attest();
    ASSERT_TRUE(node_.call(entry_, {.operation = 1}));
    for (std::uint16_t at = 0; at < echo().data_bytes; at += 2) {
        ASSERT_EQ(node_.word(static_cast<std::uint16_t>(0x400 + at)), 0);
    }
}

TEST_F(SancusEnclave, HasNoEntryButItsFirstByteAndNoDataForOthers) {
    load(echo(), {.text = 0x6000, .data = 0x400});
    attest();
    (void)node_.call(0x6002);
    EXPECT_EQ(node_.witness.violations.size(), 1U);
}

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
