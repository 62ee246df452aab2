// The runtime as a microcontroller carries it: one key from the port, SPONGENT by hardware, inputs,
// outputs, handlers and entries, and nothing else. forging_test.cpp runs on this build too.
#include <gtest/gtest.h>

#include "runtime/port.hpp"
#include "support/enclave.hpp"

// Door and port are not entered here; the linker wants one.
authex::runtime::ImageLayout authex::runtime::port::layout() {
    return {};
}

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Frame;
using test::Octets;
using test::Owner;
using test::Peer;
using test::operator+;
using wire::ControlType;
using wire::Kind;

static_assert(!with_noise && !with_requests && !with_timers && !with_streams && !crypto::with_aes);
static_assert(output_min_bytes <= 2048, "it must fit into a small memory");

Octets call(const Octets& body = {}, std::uint64_t number = 0) {
    return test::plain({.kind = Kind::call, .channel = test::enter, .counter = number}, body);
}

wire::ControlMessage order(ControlType type, std::uint16_t channel = 0) {
    wire::ControlMessage message;
    message.type = type;
    message.connection.channel = channel;
    return message;
}

/// One refusal and nothing else. @return its cause
Error refused(const std::vector<Frame>& frames) {
    if (frames.size() != 1 || frames[0].header.kind != Kind::refusal) {
        return Error::none;
    }
    return static_cast<Error>(frames[0].body.at(1));
}

class SmallTest : public testing::Test {
  protected:
    void SetUp() override {
        enclave_.attest();
        for (const auto& terms : {in_, out_, answer_}) {
            ASSERT_EQ(enclave_.do_it(terms), Error::none);
        }
    }
    Enclave enclave_;
    wire::ControlMessage in_ = Enclave::terms(1, test::in);
    wire::ControlMessage out_ = Enclave::terms(2, test::out);
    wire::ControlMessage answer_ = Enclave::terms(4, test::answer);
    Peer to_in_{in_};
    Peer from_out_{out_};
    Peer asker_{answer_};
};

TEST_F(SmallTest, EventsReachTheirInputAndAreAcknowledged) {
    const auto frames = enclave_.give(to_in_.event(0, {}) + to_in_.event(1, {1, 2, 3}) +
                                      to_in_.event(2, Octets(wire::max_body_bytes, 9)));
    ASSERT_EQ(enclave_.heard().size(), 3U);
    EXPECT_EQ(enclave_.heard()[1].data, (Octets{1, 2, 3}));
    EXPECT_EQ(enclave_.heard()[1].id, 1U);
    EXPECT_EQ(enclave_.heard()[2].data.size(), wire::max_body_bytes);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.kind, Kind::ack);
    EXPECT_EQ(frames[0].header.channel, 1U);
    EXPECT_EQ(frames[0].header.counter, 3U);
    EXPECT_EQ(frames[0].header.flags, 0U);
    EXPECT_EQ(frames[0].body, (Octets{1, 0, 0, 0}));
}

TEST_F(SmallTest, EarlyEventIsRefusedWithTheCounterThatIsExpected) {
    const auto frames = enclave_.give(to_in_.event(1, {1}));
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].body.at(1), static_cast<std::uint8_t>(Error::too_early));
    EXPECT_TRUE(frames[1].header.negative());
    EXPECT_EQ(frames[1].header.counter, 0U);
}

TEST_F(SmallTest, QuestionsForTheExpectedCounterAreAnswered) {
    const auto frames = enclave_.give(test::plain({.kind = Kind::ack, .channel = 1}));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.kind, Kind::ack);
    EXPECT_EQ(refused(enclave_.give(
                  test::plain({.kind = Kind::ack, .channel = 1, .flags = wire::flag_direction}))),
              Error::wrong_role);
    EXPECT_EQ(refused(enclave_.give(test::plain({.kind = Kind::ack, .channel = 9}))),
              Error::unknown_channel);
}

TEST_F(SmallTest, OutputsGoToAllOrNone) {
    ASSERT_EQ(enclave_.do_it(Enclave::terms(20, test::out)), Error::none);
    test::module_state.act = [](test::Id, authex_message&) {
        EXPECT_EQ(test::send(test::out, {7, 8}), AUTHEX_OK);
        EXPECT_EQ(test::send(test::out_too, {7, 8}), AUTHEX_NO_CONNECTION);
        EXPECT_EQ(test::send(test::in, {7, 8}), AUTHEX_WRONG_ROLE);
        EXPECT_EQ(test::send(test::out, Octets(wire::max_body_bytes + 1)), AUTHEX_TOO_LARGE);
        EXPECT_EQ(test::send(test::out, Octets(wire::max_body_bytes)), AUTHEX_NO_SPACE);
    };
    const auto frames = enclave_.give(to_in_.event(0, {}));
    ASSERT_EQ(frames.size(), 3U);
    EXPECT_EQ(from_out_.open(frames[0]), (Octets{7, 8}));
    EXPECT_EQ(Peer(Enclave::terms(20, test::out)).open(frames[1]), (Octets{7, 8}));
    EXPECT_EQ(enclave_.audit().at(1).sent, 1U);
}

TEST_F(SmallTest, HandlersAndEntriesAnswer) {
    test::module_state.act = [](test::Id, authex_message& message) {
        test::write_result(message, {9, 9, 9});
    };
    const auto frames = enclave_.give(asker_.request(0, {1}) + call({2}, 77));
    ASSERT_EQ(frames.size(), 3U);
    EXPECT_EQ(frames[0].header.kind, Kind::reply);
    EXPECT_EQ(frames[0].header.counter, 0U);
    EXPECT_EQ(asker_.open(frames[0]), (Octets{9, 9, 9}));
    EXPECT_EQ(frames[1].header.kind, Kind::result);
    EXPECT_EQ(frames[1].header.counter, 77U);
    EXPECT_EQ(frames[1].body, (Octets{9, 9, 9}));
}

TEST_F(SmallTest, HandlersAndEntriesThatFailSaySo) {
    test::module_state.act = [](test::Id, authex_message& message) {
        message.result_size = message.result_room + 1;
    };
    const auto frames = enclave_.give(asker_.request(0, {1}) + call());
    ASSERT_EQ(frames.size(), 3U);
    EXPECT_TRUE(frames[0].header.negative());
    EXPECT_EQ(asker_.open(frames[0]), Octets());
    EXPECT_TRUE(frames[1].header.negative());
    EXPECT_EQ(frames[1].body, Octets{static_cast<std::uint8_t>(Error::failed)});
    const auto missing = enclave_.give(test::plain({.kind = Kind::call, .channel = test::in}));
    EXPECT_EQ(missing.at(0).body, Octets{static_cast<std::uint8_t>(Error::unknown_channel)});
}

TEST_F(SmallTest, WhatWasLeftOutIsRefused) {
    for (const Kind kind :
         {Kind::timer, Kind::listen, Kind::stream_open, Kind::stream_data, Kind::stream_close}) {
        EXPECT_EQ(refused(enclave_.give(test::plain({.kind = kind, .channel = test::tick}))),
                  Error::unsupported);
    }
    EXPECT_EQ(enclave_.do_it(Enclave::terms(5, test::ask)), Error::wrong_role);
    auto aes = Enclave::terms(5, test::in);
    aes.connection.algorithm = crypto::Algorithm::aes_128_gcm;
    EXPECT_EQ(enclave_.do_it(aes), Error::unsupported);
    test::module_state.act = [](test::Id, authex_message&) {
        EXPECT_EQ(authex_request(&test::endpoints[test::ask], nullptr, 0, nullptr),
                  AUTHEX_UNSUPPORTED);
        EXPECT_EQ(authex_timer_start(&test::endpoints[test::tick], 1), AUTHEX_UNSUPPORTED);
        authex_timer_stop(&test::endpoints[test::tick]);
        EXPECT_EQ(authex_stream_listen(&test::endpoints[test::tcp], 1), AUTHEX_UNSUPPORTED);
        EXPECT_EQ(authex_stream_write(&test::endpoints[test::tcp], 1, nullptr, 0),
                  AUTHEX_UNSUPPORTED);
        EXPECT_EQ(authex_stream_close(&test::endpoints[test::tcp], 1), AUTHEX_UNSUPPORTED);
        std::uint8_t drawn = 7;
        EXPECT_EQ(authex_random(&drawn, 1), AUTHEX_NOT_ATTESTED);
        EXPECT_EQ(drawn, 0U);
    };
    EXPECT_EQ(enclave_.give(call()).size(), 1U);
}

TEST_F(SmallTest, HelloIsAnsweredAndFixesTheDeployment) {
    const auto frames = enclave_.give(test::plain({.kind = Kind::hello, .deployment = 0x1234}));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.direction(), wire::Direction::back);
    EXPECT_EQ(frames[0].body, (Octets{1, 0}));
    EXPECT_EQ(enclave_.give(call()).at(0).header.deployment, 0x1234);
}

TEST_F(SmallTest, OrdersOfAnotherOwnerAndReplayedOnesAreRefused) {
    Enclave other_module;
    test::module_key = {9};
    other_module.attest();
    EXPECT_EQ(refused(enclave_.give(other_module.owner.order_at(9, {4}))), Error::forged);
    const Octets set = enclave_.owner.order(Enclave::terms(9, test::in));
    ASSERT_EQ(enclave_.say(set).fixed.error, Error::none);
    EXPECT_EQ(refused(enclave_.give(set)), Error::replayed);
    const auto answer = enclave_.give(enclave_.owner.order(order(ControlType::audit)));
    EXPECT_EQ(refused(enclave_.give(answer.at(0).bytes)), Error::wrong_role);
    EXPECT_EQ(refused(enclave_.give(test::plain(
                  {.kind = Kind::control, .counter = wire::counter_limit}, Octets(18)))),
              Error::exhausted);
    EXPECT_EQ(enclave_.audit().size(), 4U);
}

TEST_F(SmallTest, OrdersThatAreNotUnderstoodAreAnswered) {
    EXPECT_EQ(enclave_.say(enclave_.owner.raw_order({4, 0})).fixed.error, Error::malformed);
    EXPECT_EQ(enclave_.say(enclave_.owner.raw_order({1})).fixed.error, Error::truncated);
    EXPECT_EQ(enclave_.say(enclave_.owner.raw_order(Octets(1, 1) + Octets(32))).fixed.error,
              Error::none);
    EXPECT_EQ(enclave_.give(enclave_.owner.raw_order(Octets(200, 9))).size(), 1U);
    EXPECT_EQ(enclave_.audit().size(), 3U);
}

TEST_F(SmallTest, ConnectionsAreSetOnceAnEpoch) {
    (void)enclave_.give(to_in_.event(0, {1}));
    EXPECT_EQ(enclave_.say(in_).data, (Octets{1, 0, 0, 0, 0, 0, 0, 0}));
    auto other = in_;
    other.connection.key[3] ^= 1U;
    EXPECT_EQ(enclave_.do_it(other), Error::key_mismatch);
    other.connection.epoch = 0x10001;
    EXPECT_EQ(enclave_.say(other).data, Octets(8));
    EXPECT_EQ(enclave_.do_it(in_), Error::old_epoch);
    other.connection.epoch = 0xFFFF;
    EXPECT_EQ(enclave_.do_it(other), Error::old_epoch);
    for (const test::Id id : {test::enter, test::tick, test::tcp, test::ids}) {
        auto wrong = Enclave::terms(9, test::in);
        wrong.connection.endpoint = id;
        EXPECT_EQ(enclave_.do_it(wrong), Error::wrong_role);
    }
    auto turned = Enclave::terms(9, test::in);
    turned.connection.role = wire::Role::source;
    EXPECT_EQ(enclave_.do_it(turned), Error::wrong_role);
}

TEST_F(SmallTest, TheTableIsFullAtItsEndAndHasRoomAfterARemoval) {
    static_assert(max_connections == 8);
    for (std::uint16_t channel = 10; channel < 15; ++channel) {
        ASSERT_EQ(enclave_.do_it(Enclave::terms(channel, test::in)), Error::none);
    }
    EXPECT_EQ(enclave_.do_it(Enclave::terms(99, test::in)), Error::no_space);
    wire::ControlMessage audit = order(ControlType::audit);
    EXPECT_EQ(enclave_.do_it(audit), Error::too_large);
    EXPECT_EQ(enclave_.do_it(order(ControlType::remove_connection, 1)), Error::none);
    EXPECT_EQ(enclave_.do_it(order(ControlType::remove_connection, 1)), Error::none);
    EXPECT_EQ(refused(enclave_.give(to_in_.event(0, {1}))), Error::unknown_channel);
    EXPECT_EQ(enclave_.do_it(Enclave::terms(99, test::in)), Error::none);
}

TEST_F(SmallTest, AuditNamesEveryCounter) {
    test::module_state.act = [](test::Id, authex_message&) { (void)test::send(test::out, {7}); };
    (void)enclave_.give(to_in_.event(0, {1}) + to_in_.event(1, {2}) + to_in_.event(1, {2}));
    const auto entries = enclave_.audit();
    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[0].endpoint, test::in);
    EXPECT_EQ(entries[0].role, wire::Role::destination);
    EXPECT_EQ(entries[0].accepted, 2U);
    EXPECT_EQ(entries[0].refused, 1U);
    EXPECT_EQ(entries[0].expected, 2U);
    EXPECT_EQ(entries[1].role, wire::Role::source);
    EXPECT_EQ(entries[1].epoch, 1U);
    EXPECT_EQ(entries[1].sent, 2U);
}

TEST_F(SmallTest, DisabledModuleStillAnswersItsOwner) {
    ASSERT_EQ(enclave_.do_it(order(ControlType::disable)), Error::none);
    EXPECT_EQ(refused(enclave_.give(to_in_.event(0, {1}))), Error::disabled);
    EXPECT_EQ(enclave_.give(call()).at(0).body, Octets{static_cast<std::uint8_t>(Error::disabled)});
    EXPECT_EQ(enclave_.do_it(in_), Error::disabled);
    EXPECT_TRUE(enclave_.audit().empty());
    EXPECT_TRUE(enclave_.heard().empty());
}

TEST_F(SmallTest, FramesWaitWhereTheOutputIsTooSmall) {
    const Octets event = to_in_.event(0, {1});
    EXPECT_TRUE(enclave_.give(event, output_min_bytes - 1).empty());
    EXPECT_EQ(enclave_.give(event, output_min_bytes).size(), 1U);
    EXPECT_TRUE(enclave_.give(Octets(19), output_min_bytes).empty());
    EXPECT_EQ(enclave_.progress.consumed, 0U);
}

TEST_F(SmallTest, LogLinesAreCut) {
    test::module_state.act = [](test::Id, authex_message&) {
        const std::string text(5000, 'x');
        authex_log(9, text.data(), text.size());
    };
    const auto frames = enclave_.give(call());
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].header.kind, Kind::log);
    EXPECT_EQ(frames[0].header.channel, AUTHEX_LOG_DEBUG);
    EXPECT_EQ(frames[0].body.size(), wire::max_body_bytes);
}

TEST(KeyedHandshake, BeforeItNoOrderIsTaken) {
    Enclave attested;
    attested.attest();
    const Octets in = attested.owner.order(order(ControlType::audit));
    Enclave fresh;
    EXPECT_EQ(refused(fresh.give(in)), Error::not_attested);
}

TEST(KeyedHandshake, SaysTheLimitsOfTheModule) {
    Enclave enclave;
    const auto limits = enclave.owner.finish(enclave.give(enclave.owner.hello()).at(0));
    EXPECT_EQ(limits, (Octets{1, 0, max_connections, 0, 0, 1, 0, 0}));
}

// P65
TEST(KeyedHandshake, IsNotCompletedUnderAnotherKeyNorWhenOneBitOfTheAnswerDiffers) {
    Enclave enclave;
    Frame answer = enclave.give(enclave.owner.hello()).at(0);
    EXPECT_EQ(answer.header.direction(), wire::Direction::back);
    for (std::uint8_t& byte : answer.body) {
        byte ^= 0x10U;
        EXPECT_FALSE(enclave.owner.finish(answer));
        byte ^= 0x10U;
    }
    test::module_key[15] ^= 1U;
    EXPECT_FALSE(enclave.owner.finish(answer));
    test::module_key[15] ^= 1U;
    EXPECT_TRUE(enclave.owner.finish(answer));
}

TEST(KeyedHandshake, OfAnotherLengthIsMalformedAndLeavesTheChannel) {
    Enclave enclave;
    enclave.attest();
    for (const std::size_t bytes : {0U, 15U, 17U, 32U}) {
        EXPECT_EQ(refused(enclave.give(test::plain({.kind = Kind::handshake}, Octets(bytes)))),
                  Error::malformed);
    }
    EXPECT_TRUE(enclave.audit().empty());
}

// P66, P67. Whoever recorded a channel says its challenge again, then its orders: they are of no
// key.
TEST(KeyedHandshake, OfTheSameChallengeMakesAnotherKeyWhileTheModuleLives) {
    Enclave enclave;
    const Octets challenge = enclave.owner.hello();
    ASSERT_TRUE(enclave.owner.finish(enclave.give(challenge).at(0)));
    const Octets set = enclave.owner.order(Enclave::terms(1, test::in));
    ASSERT_EQ(enclave.say(set).fixed.error, Error::none);
    ASSERT_EQ(enclave.give(challenge).size(), 1U);
    EXPECT_EQ(refused(enclave.give(set)), Error::forged);
}

// docs/security.md: after a reset it is the random numbers alone that tell two lives apart.
TEST(KeyedHandshake, OfALaterLifeDiffersByTheRandomNumbersAlone) {
    const auto taken_again = [](std::uint8_t random_then) {
        test::module_random = {1};
        Enclave first;
        const Octets challenge = first.owner.hello();
        if (!first.owner.finish(first.give(challenge).at(0))) {
            return false;
        }
        const Octets order_then = first.owner.order(order(ControlType::audit));
        test::module_random = {random_then};
        Enclave second;
        (void)second.give(challenge);
        return refused(second.give(order_then)) == Error::none;
    };
    EXPECT_TRUE(taken_again(1));
    EXPECT_FALSE(taken_again(2));
}

} // namespace
} // namespace authex::runtime
