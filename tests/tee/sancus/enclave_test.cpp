// A module that the builder made, in an emulated enclave: what its owner and its peers get, and
// what the node around it, all of it hostile, does not.
#include "tee/sancus/enclave.hpp"

namespace authex::test {
namespace {

using tee::sancus::Placement;
using tee::sancus::SancusImage;
using wire::Kind;

constexpr const char* echo_source = R"(
#include <authex/module.hpp>
AUTHEX_STATE static std::uint16_t taken = 7;
AUTHEX_OUTPUT(out);
AUTHEX_INPUT(in, event) { ++taken; out(event.data); }
AUTHEX_HANDLER(count, request, reply) { reply.u16(taken); }
AUTHEX_ENTRY(plain_count, call) { call.result.u16(taken); }
)";
enum EchoId : std::uint16_t { echo_out, echo_in, echo_count, echo_plain_count };

const SancusImage& echo() {
    static const SancusImage image = build(echo_source);
    return image;
}

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
    const auto text_end = static_cast<std::uint16_t>(0x6000 + echo().text_bytes);
    for (const std::uint16_t inside : std::vector<std::uint16_t>{
             0x6000, 0x6002, 0x6100, static_cast<std::uint16_t>(text_end - 2)}) {
        const unsigned resets = node_.witness.resets;
        (void)node_.call(entry_, {.go_on = inside});
        EXPECT_EQ(node_.witness.resets, resets + 1)
            << "it would run its own code with our registers";
        load(echo(), {.text = 0x6000, .data = 0x400});
    }
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
    expect_no_other_entry(entry_, echo().text_bytes);
    const auto end = static_cast<std::uint16_t>(0x400 + echo().data_bytes);
    for (std::uint16_t at = 0x400; at != end; at = static_cast<std::uint16_t>(at + 2)) {
        const std::uint16_t held = node_.word(at);
        EXPECT_EQ(execute_outside(read_into_r12, at), 0) << std::hex << at;
        (void)execute_outside(write_zero, at);
        ASSERT_EQ(node_.word(at), held) << std::hex << at;
        ASSERT_EQ(node_.witness.violations.size(), 2U) << std::hex << at;
        node_.witness.violations.clear();
    }
    EXPECT_EQ(say({.type = wire::ControlType::audit}), Error::none);
}

wire::ControlMessage turn_of(std::uint16_t channel, std::uint32_t turn) {
    wire::ControlMessage message;
    message.type = wire::ControlType::turn_key;
    message.connection.channel = channel;
    message.connection.key.fill(static_cast<std::uint8_t>(0xA0 + turn));
    message.turn = turn;
    message.seals = true;
    return message;
}

/// The end of a connection that is under a turned key.
Octets turned_event(std::uint16_t channel, std::uint32_t turn, std::uint64_t counter) {
    crypto::AeadKey key;
    EXPECT_EQ(key.set(crypto::Algorithm::spongent_128, turn_of(channel, turn).connection.key),
              Error::none);
    const std::uint16_t flags = turn % 2 != 0 ? wire::flag_turned : 0;
    return sealed(
        key, {.kind = Kind::event, .channel = channel, .flags = flags, .counter = counter}, {1});
}

// P75
TEST_F(SancusEnclave, GoesOnUnderTurnedKeys) {
    load(echo(), {.text = 0x6000, .data = 0x400});
    attest();
    ASSERT_EQ(say(terms(1, echo_in, wire::Role::destination)), Error::none);
    ASSERT_EQ(say(terms(2, echo_out, wire::Role::source)), Error::none);
    std::uint64_t counter = 0;
    for (std::uint32_t turn = 1; turn <= 3; ++turn) {
        ASSERT_EQ(say(turn_of(1, turn)), Error::none);
        ASSERT_EQ(say(turn_of(2, turn)), Error::none);
        if (turn > 1) {
            const auto waited = node_.give(entry_, turned_event(1, turn - 1, counter++));
            EXPECT_EQ(waited.at(0).header.kind, Kind::event) << "under the key before";
        }
        const auto frames = node_.give(entry_, turned_event(1, turn, counter++));
        ASSERT_EQ(frames.at(0).header.kind, Kind::event);
        EXPECT_EQ(frames[0].header.flags & wire::flag_turned,
                  turn % 2 != 0 ? wire::flag_turned : 0);
        crypto::AeadKey key;
        ASSERT_EQ(key.set(crypto::Algorithm::spongent_128, turn_of(2, turn).connection.key),
                  Error::none);
        EXPECT_EQ(opened(key, frames[0]), Octets{1});
        const auto before = node_.give(entry_, turned_event(1, turn - 1, counter));
        EXPECT_EQ(before.at(0).header.kind, Kind::refusal) << "that key is gone";
    }
    EXPECT_EQ(say(turn_of(1, 5)), Error::old_epoch) << "one by one";
    EXPECT_EQ(say(turn_of(9, 1)), Error::unknown_channel);
    wire::ControlMessage shared = turn_of(1, 1);
    shared.type = wire::ControlType::pause;
    EXPECT_EQ(say(shared), Error::unknown_kind);
    EXPECT_TRUE(node_.witness.violations.empty());
}

} // namespace
} // namespace authex::test
