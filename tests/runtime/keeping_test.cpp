// A state that outlives the process.                            (docs/protocol.md "State at rest")
#include <gtest/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Frame;
using test::Octets;
using test::Peer;
using test::operator+;
using wire::ControlType;

wire::ControlMessage keep(std::uint8_t key = 0x55) {
    wire::ControlMessage message;
    message.type = ControlType::keep_state;
    message.connection.key.fill(key);
    return message;
}
wire::ControlMessage restore(const Octets& kept, std::uint8_t key = 0x55) {
    wire::ControlMessage message;
    message.type = ControlType::restore_state;
    message.connection.key.fill(key);
    message.sealed = kept;
    return message;
}
wire::ControlMessage simple(ControlType type) {
    wire::ControlMessage message;
    message.type = type;
    return message;
}

class KeepingTest : public testing::Test {
  protected:
    void SetUp() override {
        before.runtime().keep(state, true);
        next.runtime().keep(next_state, true);
        before.attest();
        next.attest();
        EXPECT_EQ(before.do_it(simple(ControlType::resume)), Error::none) << "it begins";
    }
    /// The last frame of all, if it is the state.
    static std::optional<Octets> kept_in(const std::vector<Frame>& frames) {
        const bool is = !frames.empty() && frames.back().header.kind == wire::Kind::state;
        return is ? std::optional(frames.back().bytes) : std::nullopt;
    }

    Octets state = Octets(100, 0x11);
    Octets next_state = Octets(100, 0x22);
    Enclave before;
    Enclave next{{std::begin(test::endpoints), std::end(test::endpoints)}, 0x43};
};

// P77
TEST_F(KeepingTest, EachInvocationThatMayHaveChangedSomethingEndsWithTheState) {
    const wire::ControlMessage terms = Enclave::terms(1, test::in);
    ASSERT_EQ(before.do_it(terms), Error::none);
    Peer peer(terms);
    EXPECT_FALSE(kept_in(before.give(peer.event(0, {1})))) << "nobody asked for it";
    ASSERT_EQ(before.do_it(keep()), Error::none);
    ASSERT_EQ(before.beside.size(), 1U) << "there is a state from the first moment on";
    EXPECT_EQ(before.beside[0].header.kind, wire::Kind::state);
    EXPECT_EQ(before.beside[0].header.counter, 0U);
    const auto frames = before.give(peer.event(1, {1}) + peer.event(2, {1}));
    ASSERT_TRUE(kept_in(frames)) << "one for a batch";
    EXPECT_EQ(frames.back().header.counter, 1U);
    EXPECT_FALSE(kept_in(before.give(test::plain({.kind = wire::Kind::hello}))));
    EXPECT_FALSE(kept_in(before.give(test::plain({.kind = wire::Kind::ack, .channel = 1}))));
}

// P77
TEST_F(KeepingTest, WhoseHostSaysWhenSealsThenAndWhereThereIsNoRoomForMore) {
    const wire::ControlMessage terms = Enclave::terms(1, test::in);
    ASSERT_EQ(before.do_it(terms), Error::none);
    Peer peer(terms);
    ASSERT_EQ(before.do_it(keep()), Error::none);
    const Octets now = test::plain({.kind = wire::Kind::state}, Octets(wire::tag_bytes));
    EXPECT_TRUE(before.give(now).empty()) << "nothing has changed since";
    EXPECT_FALSE(kept_in(before.give(peer.event(0, {1}))));
    EXPECT_FALSE(kept_in(before.give(peer.event(1, {1}))));
    const auto frames = before.give(now);
    ASSERT_TRUE(kept_in(frames));
    EXPECT_EQ(frames.size(), 1U) << "what came of the events went before";
    EXPECT_EQ(frames.back().header.counter, 1U);
    EXPECT_TRUE(before.give(now).empty());
    EXPECT_TRUE(kept_in(before.give(peer.event(2, {1}) + now))) << "in one batch";
    const std::size_t least = output_min_bytes + wire::max_frame_bytes;
    EXPECT_FALSE(kept_in(before.give(peer.event(3, {1}), least + 1000)));
    EXPECT_TRUE(kept_in(before.give(peer.event(4, {1}), least)))
        << "its host could not say it any more";
}

// P78
TEST_F(KeepingTest, AStateComesBackWithTheCountersOfItsMoment) {
    const wire::ControlMessage terms = Enclave::terms(1, test::in);
    const wire::ControlMessage out = Enclave::terms(2, test::out);
    ASSERT_EQ(before.do_it(terms), Error::none);
    ASSERT_EQ(before.do_it(out), Error::none);
    ASSERT_EQ(before.do_it(keep()), Error::none);
    test::module_state.act = [this](test::Id, authex_message&) {
        state[7] += 1;
        (void)test::send(test::out, {1});
        authex_timer_start(&test::endpoints[test::tick], 5000);
    };
    Peer peer(terms);
    const Octets kept = *kept_in(before.give(peer.event(0, {1}) + peer.event(1, {2})));
    const auto at_once = before.audit();
    (void)before.give(peer.event(2, {3}));

    const auto restored = next.say(restore(kept));
    ASSERT_EQ(restored.fixed.error, Error::none);
    EXPECT_EQ(next_state[7], 0x13);
    Reader reader(restored.data);
    EXPECT_EQ(reader.u64(), 1U);
    ASSERT_EQ(reader.u16(), 2U);
    for (const wire::AuditEntry& was : at_once) {
        wire::AuditEntry entry;
        ASSERT_EQ(wire::parse_audit_entry(reader, entry), Error::none);
        EXPECT_EQ(entry, was);
    }
    EXPECT_EQ(reader.u16(), test::tick);
    EXPECT_EQ(reader.u64(), 5000U);
    EXPECT_TRUE(reader.done());
}

// P79
TEST_F(KeepingTest, ARestoredModuleWaitsAndSealsNothingUnderAKeyOfBefore) {
    const wire::ControlMessage terms = Enclave::terms(2, test::out);
    ASSERT_EQ(before.do_it(terms), Error::none);
    ASSERT_EQ(before.do_it(keep()), Error::none);
    const Octets kept =
        *kept_in(before.give(test::plain({.kind = wire::Kind::call, .channel = test::enter})));
    ASSERT_EQ(next.do_it(restore(kept)), Error::none);
    const auto called = next.give(test::plain({.kind = wire::Kind::call, .channel = test::enter}));
    ASSERT_EQ(called.size(), 1U);
    EXPECT_EQ(called[0].body, Octets{static_cast<std::uint8_t>(Error::paused)});

    wire::ControlMessage again = terms;
    again.type = ControlType::continue_connection;
    again.counters = {4, 0, 0, 0};
    ASSERT_EQ(next.do_it(again), Error::none);
    test::module_state.act = [](test::Id, authex_message&) { (void)test::send(test::out, {1}); };
    const auto emit = [this] {
        auto frames = next.give(test::plain({.kind = wire::Kind::call, .channel = test::enter}));
        std::erase_if(frames,
                      [](const Frame& frame) { return frame.header.kind != wire::Kind::event; });
        return frames;
    };
    wire::ControlMessage turned;
    turned.type = ControlType::turn_key;
    turned.connection.channel = 2;
    turned.connection.key.fill(0xEE);
    turned.turn = 1;
    turned.seals = true;
    ASSERT_EQ(next.do_it(turned), Error::none);
    ASSERT_EQ(next.do_it(simple(ControlType::resume)), Error::none);
    const auto sent = emit();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].header.counter, 4U);
    EXPECT_NE(sent[0].header.flags & wire::flag_turned, 0);
    Peer with_key_of_before(terms);
    EXPECT_FALSE(with_key_of_before.open(sent[0]));
}

// P79
TEST_F(KeepingTest, AModuleThatBeginsTakesNothingBeforeItsOwnerHasSaidThatItDoes) {
    const wire::ControlMessage terms = Enclave::terms(1, test::in);
    ASSERT_EQ(next.do_it(terms), Error::none);
    Peer peer(terms);
    const Octets event = peer.event(0, {1});
    const Octets call = test::plain({.kind = wire::Kind::call, .channel = test::enter});
    for (const Frame& frame : next.give(event + call)) {
        EXPECT_EQ(frame.body.back(), static_cast<std::uint8_t>(Error::paused));
    }
    EXPECT_TRUE(next.heard().empty());
    ASSERT_EQ(next.do_it(simple(ControlType::resume)), Error::none);
    (void)next.give(event + call);
    EXPECT_EQ(next.heard().size(), 2U);
}

// P79
TEST_F(KeepingTest, WhoTakesOverTheModuleTellsItAnewThatItBegins) {
    const auto frames = next.give(next.recovery.hello(1));
    ASSERT_TRUE(next.recovery.finish(frames.at(0)));
    (void)next.give(next.recovery.order(simple(ControlType::audit)));
    const auto called = next.give(test::plain({.kind = wire::Kind::call, .channel = test::enter}));
    ASSERT_EQ(called.size(), 1U);
    EXPECT_EQ(called[0].body, Octets{static_cast<std::uint8_t>(Error::paused)});
}

// P78
TEST_F(KeepingTest, AModuleThatHasBegunTakesNoState) {
    ASSERT_EQ(before.do_it(keep()), Error::none);
    const Octets kept = before.beside.at(0).bytes;
    ASSERT_EQ(next.do_it(simple(ControlType::resume)), Error::none);
    EXPECT_EQ(next.do_it(restore(kept)), Error::wrong_role);
    EXPECT_EQ(next_state, Octets(100, 0x22));
    ASSERT_EQ(next.do_it(keep(0x66)), Error::none);
    EXPECT_EQ(next.do_it(restore(kept)), Error::replayed);
}

TEST_F(KeepingTest, WithoutATurnARestoredSourceSendsNothing) {
    const wire::ControlMessage terms = Enclave::terms(2, test::out);
    ASSERT_EQ(before.do_it(terms), Error::none);
    ASSERT_EQ(before.do_it(keep()), Error::none);
    const Octets kept =
        *kept_in(before.give(test::plain({.kind = wire::Kind::call, .channel = test::enter})));
    ASSERT_EQ(next.do_it(restore(kept)), Error::none);
    wire::ControlMessage again = terms;
    again.type = ControlType::continue_connection;
    ASSERT_EQ(next.do_it(again), Error::none);
    ASSERT_EQ(next.do_it(simple(ControlType::resume)), Error::none);
    test::module_state.act = [](test::Id, authex_message&) { (void)test::send(test::out, {1}); };
    for (const Frame& frame :
         next.give(test::plain({.kind = wire::Kind::call, .channel = test::enter}))) {
        EXPECT_NE(frame.header.kind, wire::Kind::event);
    }
}

// P78
TEST_F(KeepingTest, EventsThatWaitedAreTakenUnderTheKeyOfBefore) {
    const wire::ControlMessage terms = Enclave::terms(1, test::in);
    ASSERT_EQ(before.do_it(terms), Error::none);
    ASSERT_EQ(before.do_it(keep()), Error::none);
    Peer peer(terms);
    const Octets kept = *kept_in(before.give(peer.event(0, {1})));
    (void)before.give(peer.event(1, {2}));
    ASSERT_EQ(next.do_it(restore(kept)), Error::none);
    wire::ControlMessage again = terms;
    again.type = ControlType::continue_connection;
    again.counters = {0, 1, 0, 1};
    ASSERT_EQ(next.do_it(again), Error::none);
    ASSERT_EQ(next.do_it(simple(ControlType::resume)), Error::none);
    next.heard().clear();
    (void)next.give(peer.event(0, {1}) + peer.event(1, {2}));
    ASSERT_EQ(next.heard().size(), 1U);
    EXPECT_EQ(next.heard()[0].data, Octets{2});
}

TEST_F(KeepingTest, AChangedStateIsRefusedAndNothingOfItTaken) {
    ASSERT_EQ(before.do_it(keep()), Error::none);
    const Octets kept = before.beside.at(0).bytes;
    for (std::size_t byte = 0; byte < kept.size(); ++byte) {
        Octets changed = kept;
        changed[byte] ^= 0x40U;
        const Error error = next.do_it(restore(changed));
        const bool unread = byte == 2 || byte == 3; // the deployment: the frame's, not the module's
        EXPECT_EQ(error == Error::none, unread) << byte;
    }
    EXPECT_EQ(next.do_it(restore(kept, 0x56)), Error::forged);
    EXPECT_EQ(next.do_it(restore(Octets(kept.begin(), kept.end() - 1))), Error::truncated);
    EXPECT_EQ(next.do_it(restore({})), Error::truncated);
}

TEST_F(KeepingTest, AStateOfAnotherSizeOrOfAnotherKindOfFrameIsRefused) {
    Octets longer(101);
    next.runtime().keep(longer, true);
    ASSERT_EQ(before.do_it(keep()), Error::none);
    EXPECT_EQ(next.do_it(restore(before.beside.at(0).bytes)), Error::malformed);
    EXPECT_EQ(longer, Octets(101));
    EXPECT_EQ(next.do_it(restore(test::plain({.kind = wire::Kind::log}, {1}))), Error::malformed);
    crypto::AeadKey key;
    ASSERT_EQ(key.set(crypto::Algorithm::aes_128_gcm, Octets(16, 0x55)), Error::none);
    EXPECT_EQ(next.do_it(restore(test::sealed(key, {.kind = wire::Kind::state}, {1}))),
              Error::malformed);
}

TEST_F(KeepingTest, OnlyAModuleWithoutConnectionsIsRestored) {
    ASSERT_EQ(before.do_it(keep()), Error::none);
    const Octets kept = before.beside.at(0).bytes;
    ASSERT_EQ(next.do_it(Enclave::terms(1, test::in)), Error::none);
    EXPECT_EQ(next.do_it(restore(kept)), Error::wrong_role);
    EXPECT_EQ(next_state, Octets(100, 0x22));
}

TEST_F(KeepingTest, AStateThatDoesNotFitIsRefusedAsItIsOrdered) {
    Octets largest(60'000);
    before.runtime().keep(largest, true);
    ASSERT_EQ(before.do_it(keep()), Error::none);
    const Octets kept = before.beside.at(0).bytes;
    Octets into(60'000, 0x22);
    next.runtime().keep(into, true);
    ASSERT_EQ(next.do_it(restore(kept)), Error::none);
    EXPECT_EQ(into, largest);
    Octets larger(65'000);
    before.runtime().keep(larger, true);
    EXPECT_EQ(before.do_it(keep()), Error::too_large);
}

TEST_F(KeepingTest, ADisabledModuleKeepsNothingAny) {
    ASSERT_EQ(before.do_it(keep()), Error::none);
    ASSERT_EQ(before.do_it(simple(ControlType::disable)), Error::none);
    EXPECT_TRUE(before.beside.empty());
    EXPECT_EQ(before.do_it(keep()), Error::disabled);
}

TEST_F(KeepingTest, WithoutRoomForTheStateNothingIsTaken) {
    ASSERT_EQ(before.do_it(keep()), Error::none);
    const Octets call = test::plain({.kind = wire::Kind::call, .channel = test::enter});
    EXPECT_TRUE(before.give(call, output_min_bytes + wire::max_frame_bytes - 1).empty());
    EXPECT_EQ(before.progress.consumed, 0U);
    EXPECT_TRUE(kept_in(before.give(call, output_min_bytes + wire::max_frame_bytes)));
}

} // namespace
} // namespace authex::runtime
