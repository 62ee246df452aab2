// A connection goes on under another key, its counters with it.      (docs/protocol.md "Turning
// keys")
#include <gtest/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Frame;
using test::Octets;
using test::Peer;
using wire::ControlType;

constexpr std::uint16_t channel = 3;

wire::ControlMessage turn_to(std::uint32_t turn, bool seals, std::uint16_t of = channel) {
    wire::ControlMessage message;
    message.type = ControlType::turn_key;
    message.connection.channel = of;
    message.connection.key.fill(static_cast<std::uint8_t>(0xA0 + turn));
    message.turn = turn;
    message.seals = seals;
    return message;
}

/// The other end under the key of a turn.
class TurnedPeer {
  public:
    explicit TurnedPeer(std::uint32_t turn) : odd_(turn % 2 != 0) {
        (void)key_.set(Enclave::terms(channel, test::in).connection.algorithm,
                       turn_to(turn, true).connection.key);
    }
    Octets frame(wire::FrameHeader header, const Octets& body) {
        header.channel = channel;
        header.flags |= odd_ ? wire::flag_turned : 0;
        return test::sealed(key_, header, body);
    }
    Octets event(std::uint64_t counter, const Octets& body) {
        return frame({.kind = wire::Kind::event, .counter = counter}, body);
    }
    std::optional<Octets> open(const Frame& frame) {
        const bool odd = (frame.header.flags & wire::flag_turned) != 0;
        return odd == odd_ ? test::opened(key_, frame) : std::nullopt;
    }

  private:
    bool odd_;
    crypto::AeadKey key_;
};

class TurningTest : public testing::Test {
  protected:
    void SetUp() override { enclave.attest(); }
    wire::ControlMessage connect(test::Id endpoint) {
        wire::ControlMessage terms = Enclave::terms(channel, endpoint);
        EXPECT_EQ(enclave.do_it(terms), Error::none);
        return terms;
    }
    std::vector<Frame> emit(test::Id endpoint, const Octets& body) {
        test::module_state.act = [endpoint, body](test::Id id, authex_message&) {
            if (id == test::enter && endpoint == test::ask) {
                std::uint64_t asked = 0;
                (void)authex_request(&test::endpoints[endpoint], body.data(), body.size(), &asked);
            } else if (id == test::enter) {
                (void)test::send(endpoint, body);
            }
        };
        std::vector<Frame> frames =
            enclave.give(test::plain({.kind = wire::Kind::call, .channel = test::enter}));
        std::erase_if(frames,
                      [](const Frame& frame) { return !wire::is_sealed(frame.header.kind); });
        return frames;
    }
    /// Whether the module took it; else why not.
    Error take(const Octets& frame) {
        const std::size_t before = enclave.heard().size();
        for (const Frame& answer : enclave.give(frame)) {
            if (answer.header.kind == wire::Kind::refusal) {
                return static_cast<Error>(answer.body.at(1));
            }
        }
        return enclave.heard().size() == before + 1 ? Error::none : Error::failed;
    }

    Enclave enclave;
};

// P75
TEST_F(TurningTest, WhatWaitsUnderTheKeyBeforeIsTakenAndThenNothingMoreOfIt) {
    const wire::ControlMessage terms = connect(test::in);
    Peer before(terms);
    TurnedPeer after(1);
    ASSERT_EQ(enclave.do_it(turn_to(1, true)), Error::none);
    EXPECT_EQ(take(before.event(0, {1})), Error::none);
    EXPECT_EQ(take(before.event(1, {2})), Error::none);
    EXPECT_EQ(take(after.event(2, {3})), Error::none);
    EXPECT_EQ(take(before.event(3, {4})), Error::not_attested) << "that key is gone";
    EXPECT_EQ(take(after.event(3, {4})), Error::none);
    EXPECT_EQ(enclave.audit().at(0).expected, 4U);
    EXPECT_EQ(enclave.audit().at(0).epoch, 1U);
}

// P75
TEST_F(TurningTest, ASourceSealsUnderTheNewKeyWhenItIsToldTo) {
    const wire::ControlMessage terms = connect(test::out);
    Peer before(terms);
    TurnedPeer after(1);
    ASSERT_EQ(enclave.do_it(turn_to(1, false)), Error::none);
    auto sent = emit(test::out, {7});
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(before.open(sent[0]), Octets{7});
    EXPECT_EQ(sent[0].header.counter, 0U);

    const auto told = enclave.say(turn_to(1, true));
    ASSERT_EQ(told.fixed.error, Error::none);
    EXPECT_EQ(Reader(told.data).u64(), 1U) << "what comes from here on is under the new key";
    sent = emit(test::out, {8});
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(after.open(sent[0]), Octets{8});
    EXPECT_EQ(sent[0].header.counter, 1U);
}

#if AUTHEX_WITH_REQUESTS
// P76
TEST_F(TurningTest, RepliesUnderTheKeyBeforeAreTakenByWhoAskedUnderIt) {
    const wire::ControlMessage terms = connect(test::ask);
    Peer before(terms);
    TurnedPeer after(1);
    ASSERT_EQ(emit(test::ask, {1}).size(), 1U);
    ASSERT_EQ(enclave.do_it(turn_to(1, true)), Error::none);
    const auto asked = emit(test::ask, {2});
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(after.open(asked[0]), Octets{2});
    enclave.heard().clear();
    EXPECT_EQ(take(before.reply(0, {10})), Error::none);
    EXPECT_EQ(take(after.frame(
                  {.kind = wire::Kind::reply, .flags = wire::flag_direction, .counter = 1}, {20})),
              Error::none);
    ASSERT_EQ(emit(test::ask, {3}).size(), 1U);
    EXPECT_EQ(take(before.reply(2, {30})), Error::not_attested);
}
#endif

// P76
TEST_F(TurningTest, AHandlerRepliesUnderTheNewKeyOnlyWhenItIsToldTo) {
    const wire::ControlMessage terms = connect(test::answer);
    test::module_state.act = [](test::Id, authex_message& message) {
        test::write_result(message, {9});
    };
    Peer before(terms);
    TurnedPeer after(1);
    ASSERT_EQ(enclave.do_it(turn_to(1, false)), Error::none);
    auto replies = enclave.give(before.request(0, {1}));
    ASSERT_EQ(replies.size(), 2U);
    EXPECT_EQ(before.open(replies[0]), Octets{9});
    ASSERT_EQ(enclave.do_it(turn_to(1, true)), Error::none);
    replies = enclave.give(before.request(1, {1}));
    ASSERT_EQ(replies.size(), 2U);
    EXPECT_EQ(after.open(replies[0]), Octets{9}) << "a reply never repeats a use of the key before";
    replies = enclave.give(after.frame({.kind = wire::Kind::request, .counter = 2}, {1}));
    EXPECT_EQ(after.open(replies[0]), Octets{9});
}

// P81
TEST_F(TurningTest, TheKeyBeforeOpensNothingFromTheCounterOnThatWasTold) {
    const wire::ControlMessage terms = connect(test::in);
    Peer before(terms);
    wire::ControlMessage turn = turn_to(1, true);
    turn.until = 2;
    ASSERT_EQ(enclave.do_it(turn), Error::none);
    EXPECT_EQ(take(before.event(0, {1})), Error::none);
    turn.until = 9;
    ASSERT_EQ(enclave.do_it(turn), Error::none) << "and it never grows";
    EXPECT_EQ(take(before.event(1, {2})), Error::none);
    EXPECT_EQ(take(before.event(2, {3})), Error::old_epoch);
    TurnedPeer after(1);
    EXPECT_EQ(take(after.event(2, {3})), Error::none);
}

TEST_F(TurningTest, TheSameTurnAgainIsDoneAndAnotherKeyOfItIsNot) {
    connect(test::in);
    ASSERT_EQ(enclave.do_it(turn_to(1, true)), Error::none);
    EXPECT_EQ(enclave.do_it(turn_to(1, true)), Error::none);
    wire::ControlMessage other = turn_to(1, true);
    other.connection.key[0] ^= 1U;
    EXPECT_EQ(enclave.do_it(other), Error::key_mismatch);
    TurnedPeer after(1);
    EXPECT_EQ(take(after.event(0, {1})), Error::none);
}

TEST_F(TurningTest, TurnsComeOneByOneAndNeverBack) {
    connect(test::in);
    EXPECT_EQ(enclave.do_it(turn_to(2, true)), Error::old_epoch);
    ASSERT_EQ(enclave.do_it(turn_to(1, true)), Error::none);
    ASSERT_EQ(enclave.do_it(turn_to(2, true)), Error::none);
    EXPECT_EQ(enclave.do_it(turn_to(1, true)), Error::old_epoch);
    TurnedPeer second(2);
    EXPECT_EQ(take(second.event(0, {1})), Error::none);
    EXPECT_EQ(enclave.do_it(turn_to(1, true, 99)), Error::unknown_channel);
}

TEST_F(TurningTest, AFrameThatNamesTheOtherKeyIsForged) {
    const wire::ControlMessage terms = connect(test::in);
    ASSERT_EQ(enclave.do_it(turn_to(1, true)), Error::none);
    Peer before(terms);
    Octets frame = before.event(0, {1});
    frame[6] |= wire::flag_turned;
    EXPECT_EQ(take(frame), Error::forged);
    TurnedPeer after(1);
    frame = after.event(0, {1});
    frame[6] ^= wire::flag_turned;
    EXPECT_EQ(take(frame), Error::forged);
}

TEST_F(TurningTest, AFreshEpochForgetsBothKeys) {
    connect(test::in);
    ASSERT_EQ(enclave.do_it(turn_to(1, true)), Error::none);
    ASSERT_EQ(enclave.do_it(Enclave::terms(channel, test::in, 2)), Error::none);
    TurnedPeer after(1);
    EXPECT_EQ(take(after.event(0, {1})), Error::old_epoch);
    ASSERT_EQ(enclave.do_it(turn_to(1, true)), Error::none) << "turns of an epoch count from 0";
}

} // namespace
} // namespace authex::runtime
