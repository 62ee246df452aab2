// What is older than its connection allows is marked, or not given on.       (docs/protocol.md P82)
#include <gtest/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Frame;
using test::Octets;
using test::operator+;
using test::Peer;
using wire::Kind;

constexpr std::uint16_t channel = 3;
constexpr std::uint32_t within_us = 50'000;
constexpr std::uint64_t noon = 1'000'000'000;

Octets time_is(std::uint64_t now_us) {
    return test::plain({.kind = Kind::time, .counter = now_us});
}

/// As the other end sends it.
Octets sent_at(std::uint64_t sent_us, const Octets& data) {
    const ByteView bytes = bytes_of(sent_us);
    return Octets(bytes.begin(), bytes.end()) + data;
}

class DeadlineTest : public testing::Test {
  protected:
    void SetUp() override { enclave.attest(); }

    wire::ControlMessage terms(test::Id endpoint, unsigned deadline) const {
        wire::ControlMessage message = Enclave::terms(channel, endpoint);
        message.connection.deadline = static_cast<std::uint8_t>(deadline);
        message.connection.within_us = within_us;
        return message;
    }
    Peer connect(test::Id endpoint, unsigned deadline) {
        const wire::ControlMessage message = terms(endpoint, deadline);
        EXPECT_EQ(enclave.do_it(message), Error::none);
        return Peer(message);
    }
    /// Frames of a kind that came of what was given.
    static std::vector<Frame> only(std::vector<Frame> frames, Kind kind) {
        std::erase_if(frames, [&](const Frame& frame) { return frame.header.kind != kind; });
        return frames;
    }
    Octets emitted(Peer& peer, const Octets& data) {
        test::module_state.act = [data](test::Id id, authex_message&) {
            if (id == test::enter) {
                (void)test::send(test::out, data);
            }
        };
        const auto frames = only(
            enclave.give(test::plain({.kind = Kind::call, .channel = test::enter})), Kind::event);
        return frames.size() == 1 ? peer.open(frames[0]).value_or(Octets{}) : Octets{};
    }

    Enclave enclave;
};

// P82
TEST_F(DeadlineTest, WhatIsOlderIsGivenOnMarked) {
    Peer peer = connect(test::in, wire::late_marked);
    enclave.give(time_is(noon + within_us));
    enclave.give(peer.event(0, sent_at(noon, {1})));
    enclave.give(time_is(noon + within_us + 1));
    enclave.give(peer.event(1, sent_at(noon, {2})));
    ASSERT_EQ(enclave.heard().size(), 2U);
    EXPECT_EQ(enclave.heard()[0].data, Octets{1});
    EXPECT_FALSE(enclave.heard()[0].late);
    EXPECT_EQ(enclave.heard()[1].data, Octets{2});
    EXPECT_TRUE(enclave.heard()[1].late);
    EXPECT_EQ(enclave.audit().at(0).refused, 0U);
}

TEST_F(DeadlineTest, WhatIsDroppedIsAcknowledgedReportedAndCounted) {
    Peer peer = connect(test::in, wire::late_dropped);
    enclave.give(time_is(noon + within_us + 1));
    for (std::uint64_t counter = 0; counter < 2; ++counter) {
        const auto frames = enclave.give(peer.event(counter, sent_at(noon, {1})));
        const auto refusals = only(frames, Kind::refusal);
        ASSERT_EQ(refusals.size(), 1U);
        EXPECT_EQ(refusals[0].body.at(1), static_cast<std::uint8_t>(Error::late));
        const auto acks = only(frames, Kind::ack);
        ASSERT_EQ(acks.size(), 1U);
        EXPECT_EQ(acks[0].header.counter, counter + 1);
    }
    EXPECT_TRUE(enclave.heard().empty());
    enclave.give(peer.event(2, sent_at(noon + 1, {3})) + peer.event(3, sent_at(noon + 1, {4})));
    ASSERT_EQ(enclave.heard().size(), 2U);
    EXPECT_EQ(enclave.heard()[0].missed, 2U);
    EXPECT_FALSE(enclave.heard()[0].late);
    EXPECT_EQ(enclave.heard()[1].missed, 0U);
    EXPECT_EQ(enclave.audit().at(0).refused, 2U);
    EXPECT_EQ(enclave.audit().at(0).accepted, 4U);
}

TEST_F(DeadlineTest, ARequestThatIsDroppedIsAnsweredWithFailed) {
    Peer peer = connect(test::answer, wire::late_dropped);
    enclave.give(time_is(noon + within_us + 1));
    const auto replies = only(enclave.give(peer.request(0, sent_at(noon, {1}))), Kind::reply);
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_TRUE(replies[0].header.negative());
    EXPECT_EQ(peer.open(replies[0]), Octets{});
    EXPECT_TRUE(enclave.heard().empty());

    const auto good = only(enclave.give(peer.request(1, sent_at(noon + 1, {1}))), Kind::reply);
    ASSERT_EQ(good.size(), 1U);
    EXPECT_FALSE(good[0].header.negative());
    ASSERT_EQ(enclave.heard().size(), 1U);
    EXPECT_EQ(enclave.heard()[0].missed, 1U);
}

TEST_F(DeadlineTest, AnAgeThatNobodyKnowsIsLate) {
    Peer peer = connect(test::in, wire::late_marked);
    enclave.give(peer.event(0, sent_at(noon, {1}))); // before the module was told the time
    enclave.give(time_is(noon));
    enclave.give(peer.event(1, sent_at(0, {1}))); // the sender had none
    enclave.give(peer.event(2, {1, 2, 3}));       // no time at all
    enclave.give(peer.event(3, sent_at(noon + 5, {1})));
    ASSERT_EQ(enclave.heard().size(), 4U);
    EXPECT_TRUE(enclave.heard()[0].late);
    EXPECT_TRUE(enclave.heard()[1].late);
    EXPECT_TRUE(enclave.heard()[2].late);
    EXPECT_TRUE(enclave.heard()[2].data.empty());
    EXPECT_FALSE(enclave.heard()[3].late) << "clocks differ a little";
}

TEST_F(DeadlineTest, ASourceSaysWhenItSends) {
    Peer peer = connect(test::out, wire::late_marked);
    EXPECT_EQ(emitted(peer, {7, 8}), sent_at(0, {7, 8})) << "it does not know yet";
    enclave.give(time_is(noon));
    EXPECT_EQ(emitted(peer, {7, 8}), sent_at(noon, {7, 8}));
    EXPECT_EQ(emitted(peer, {}), sent_at(noon, {}));
}

TEST_F(DeadlineTest, ABodyLeavesRoomForTheTime) {
    connect(test::out, wire::late_marked);
    std::vector<authex_status> said;
    test::module_state.act = [&](test::Id id, authex_message&) {
        if (id == test::enter) {
            const std::size_t largest = wire::max_body_bytes - wire::sent_at_bytes;
            said.push_back(test::send(test::out, Octets(largest + 1)));
            said.push_back(test::send(test::out, Octets(largest)));
        }
    };
    enclave.give(test::plain({.kind = Kind::call, .channel = test::enter}));
    EXPECT_EQ(said, (std::vector<authex_status>{AUTHEX_TOO_LARGE, AUTHEX_OK}));
}

TEST_F(DeadlineTest, RepliesHaveNoDeadline) {
    Peer peer = connect(test::ask, wire::late_dropped);
    test::module_state.act = [](test::Id id, authex_message&) {
        if (id == test::enter) {
            std::uint64_t asked = 0;
            (void)authex_request(&test::endpoints[test::ask], nullptr, 0, &asked);
        }
    };
    const auto asked = only(enclave.give(test::plain({.kind = Kind::call, .channel = test::enter})),
                            Kind::request);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(peer.open(asked[0]), sent_at(0, {}));
    enclave.heard().clear();
    enclave.give(peer.reply(0, {9}));
    ASSERT_EQ(enclave.heard().size(), 1U);
    EXPECT_EQ(enclave.heard()[0].data, Octets{9});
}

// P83
TEST_F(DeadlineTest, TheTimeIsAskedForAndAnsweredWithWhereItCame) {
    EXPECT_EQ(enclave.do_it(Enclave::terms(channel + 1, test::in_too)), Error::none);
    EXPECT_TRUE(only(enclave.beside, Kind::time).empty()) << "nobody needs it yet";
    connect(test::in, wire::late_marked);
    auto wishes = only(enclave.beside, Kind::time);
    ASSERT_EQ(wishes.size(), 1U);
    EXPECT_EQ(wishes[0].header.direction(), wire::Direction::forward);
    wishes = only(enclave.give(test::plain({.kind = Kind::hello})), Kind::time);
    EXPECT_EQ(wishes.size(), 1U) << "a manager that is new";

    const auto first = only(enclave.give(time_is(noon)), Kind::time);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(first[0].header.direction(), wire::Direction::back);
    EXPECT_EQ(first[0].header.counter, noon);
    const std::uint64_t before = Reader(first[0].body).u64();
    enclave.give(test::plain({.kind = Kind::hello}));
    enclave.give(test::plain({.kind = Kind::hello}));
    const auto second = only(enclave.give(time_is(noon + 1)), Kind::time);
    ASSERT_EQ(second.size(), 1U);
    EXPECT_EQ(Reader(second[0].body).u64(), before + 2);

    const auto wrong = enclave.give(test::plain({.kind = Kind::time, .counter = noon}, {1}));
    ASSERT_EQ(wrong.size(), 1U);
    EXPECT_EQ(wrong[0].body.at(1), static_cast<std::uint8_t>(Error::malformed));
}

TEST_F(DeadlineTest, ThePausedModuleIsNotToldTheTime) {
    connect(test::in, wire::late_marked);
    wire::ControlMessage pause;
    pause.type = wire::ControlType::pause;
    ASSERT_EQ(enclave.do_it(pause), Error::none);
    EXPECT_TRUE(enclave.give(time_is(noon)).empty());
}

TEST_F(DeadlineTest, TheOwnClockGoesForwardAloneAndItsHostHasNoSayInIt) {
    Peer peer = connect(test::in, wire::late_dropped | wire::by_own_clock);
    EXPECT_TRUE(only(enclave.beside, Kind::time).empty()) << "it does not ask its host";
    enclave.give(time_is(noon));
    enclave.give(peer.event(0, sent_at(noon, {1})));
    EXPECT_TRUE(enclave.heard().empty()) << "its own clock was not set";
    const auto set_clock = [this](std::uint64_t now_us) {
        test::module_state.act = [now_us](test::Id id, authex_message&) {
            if (id == test::enter) {
                authex_set_clock(now_us);
            }
        };
        enclave.give(test::plain({.kind = Kind::call, .channel = test::enter}));
        enclave.heard().clear();
    };
    set_clock(noon + within_us + 1);
    set_clock(noon);
    enclave.give(peer.event(1, sent_at(noon, {1})));
    EXPECT_TRUE(enclave.heard().empty()) << "it never goes back";
    enclave.give(peer.event(2, sent_at(noon + 1, {1})));
    ASSERT_EQ(enclave.heard().size(), 1U);
    EXPECT_EQ(enclave.heard()[0].missed, 2U);
}

TEST_F(DeadlineTest, TheSameTermsAgainChangeNothingAndOthersAreAMismatch) {
    wire::ControlMessage message = terms(test::in, wire::late_marked);
    ASSERT_EQ(enclave.do_it(message), Error::none);
    EXPECT_EQ(enclave.do_it(message), Error::none);
    ++message.connection.within_us;
    EXPECT_EQ(enclave.do_it(message), Error::key_mismatch);
}

} // namespace
} // namespace authex::runtime
