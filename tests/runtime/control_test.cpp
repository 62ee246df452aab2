#include "runtime/control.hpp"

#include <gtest/gtest.h>

#include "crypto/kdf.hpp"
#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Frame;
using test::Octets;
using test::Owner;
using test::operator+;
using wire::ControlType;
using wire::Kind;

wire::ControlMessage order(ControlType type, std::uint16_t channel = 0) {
    wire::ControlMessage message;
    message.type = type;
    message.connection.channel = channel;
    return message;
}

wire::ControlMessage seed(const Octets& entropy) {
    wire::ControlMessage message;
    message.type = ControlType::seed;
    message.entropy = entropy;
    return message;
}

/// One refusal and nothing else. @return its cause
Error refused(const std::vector<Frame>& frames) {
    if (frames.size() != 1 || frames[0].header.kind != Kind::refusal) {
        return Error::none;
    }
    return static_cast<Error>(frames[0].body.at(1));
}

class ControlTest : public testing::Test {
  protected:
    Enclave enclave_;
};

// P18
TEST_F(ControlTest, HandshakeTellsTheLimitsAndBindsTheReport) {
    const auto frames = enclave_.give(enclave_.owner.hello());
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.kind, Kind::handshake);
    EXPECT_EQ(frames[0].header.direction(), wire::Direction::back);
    const auto limits = enclave_.owner.finish(frames[0]);
    ASSERT_TRUE(limits);
    Reader reader(*limits);
    EXPECT_EQ(reader.u16(), wire::protocol_version);
    EXPECT_EQ(reader.u16(), max_connections);
    EXPECT_EQ(reader.u32(), wire::max_body_bytes);
    EXPECT_TRUE(reader.done());
    const std::string label = "authex report v1";
    Octets bound(label.begin(), label.end());
    bound.insert(bound.end(),
                 enclave_.owner.session.handshake_hash.begin(),
                 enclave_.owner.session.handshake_hash.end());
    const crypto::Hash expected = crypto::sha256(bound);
    EXPECT_EQ(enclave_.owner.report_data, Octets(expected.begin(), expected.end()));
}

TEST_F(ControlTest, TwoHandshakesHaveDifferentKeys) {
    const Octets hello = enclave_.owner.hello();
    const auto first = enclave_.give(hello);
    const auto second = enclave_.give(hello);
    EXPECT_NE(first[0].body, second[0].body);
}

TEST_F(ControlTest, OrdersBeforeTheHandshakeAreRefused) {
    EXPECT_EQ(refused(enclave_.give(test::plain({.kind = Kind::control}, Octets(17)))),
              Error::not_attested);
}

TEST_F(ControlTest, HandshakeThatIsTooShortIsRefused) {
    EXPECT_EQ(refused(enclave_.give(test::plain({.kind = Kind::handshake}, Octets(31)))),
              Error::truncated);
    EXPECT_EQ(refused(enclave_.give(test::plain({.kind = Kind::handshake}, Octets(32)))),
              Error::malformed); // a point of small order
}

TEST_F(ControlTest, AnotherOwnerCannotOpenTheChannel) {
    Owner stranger(99);
    const auto frames = enclave_.give(stranger.hello());
    EXPECT_FALSE(stranger.finish(frames.at(0)));
    EXPECT_NE(refused(enclave_.give(test::plain({.kind = Kind::control}, Octets(17)))),
              Error::none);
}

// P19
TEST_F(ControlTest, StrangersHandshakeDisturbsNothing) {
    enclave_.attest();
    ASSERT_EQ(enclave_.do_it(Enclave::terms(5, test::in)), Error::none);
    const auto before = enclave_.audit();
    Owner stranger(99);
    for (int i = 0; i < 3; ++i) {
        (void)enclave_.give(stranger.hello());
        EXPECT_EQ(refused(enclave_.give(test::plain({.kind = Kind::control}, Octets(17)))),
                  Error::replayed);
        EXPECT_EQ(
            refused(enclave_.give(test::plain({.kind = Kind::control, .counter = 99}, Octets(17)))),
            Error::forged);
    }
    EXPECT_EQ(enclave_.audit(), before);
}

TEST_F(ControlTest, ReplayedHandshakeDisturbsNothing) {
    const Octets hello = enclave_.owner.hello();
    const auto frames = enclave_.give(hello);
    ASSERT_TRUE(enclave_.owner.finish(frames[0]));
    ASSERT_EQ(enclave_.do_it(order(ControlType::audit)), Error::none);
    (void)enclave_.give(hello);
    EXPECT_EQ(enclave_.do_it(order(ControlType::audit)), Error::none);
}

TEST_F(ControlTest, AttestingAgainTakesOverWithTheFirstOrderAndKeepsConnections) {
    enclave_.attest();
    ASSERT_EQ(enclave_.do_it(Enclave::terms(5, test::in)), Error::none);
    const Octets under_old_keys = enclave_.owner.order(order(ControlType::disable));
    enclave_.attest();
    EXPECT_EQ(enclave_.audit().size(), 1U);
    EXPECT_EQ(refused(enclave_.give(under_old_keys)), Error::forged);
    EXPECT_EQ(enclave_.audit().size(), 1U);
}

TEST_F(ControlTest, StrangerBetweenHandshakeAndFirstOrderCostsTheOwnerAnotherHandshake) {
    enclave_.attest();
    (void)enclave_.give(Owner(99).hello());
    EXPECT_EQ(refused(enclave_.give(enclave_.owner.order(order(ControlType::audit)))),
              Error::forged);
    enclave_.attest();
    EXPECT_TRUE(enclave_.audit().empty());
}

TEST_F(ControlTest, OldKeysServeUntilTheNewAreUsed) {
    enclave_.attest();
    EXPECT_TRUE(enclave_.audit().empty());
    const Octets under_old_keys = enclave_.owner.order(order(ControlType::audit));
    (void)enclave_.give(Owner(99).hello());
    const auto frames = enclave_.give(under_old_keys);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_TRUE(enclave_.owner.open(frames[0]));
}

// P20
TEST_F(ControlTest, ReplayedOrderIsRefused) {
    enclave_.attest();
    const Octets set = enclave_.owner.order(Enclave::terms(5, test::in));
    ASSERT_EQ(enclave_.say(set).fixed.error, Error::none);
    ASSERT_EQ(enclave_.do_it(order(ControlType::remove_connection, 5)), Error::none);
    EXPECT_EQ(refused(enclave_.give(set)), Error::replayed);
    EXPECT_TRUE(enclave_.audit().empty());
}

TEST_F(ControlTest, EveryFlippedBitOfAnOrderIsRefused) {
    enclave_.attest();
    const Octets good = enclave_.owner.order(order(ControlType::disable));
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        if (bit / 8 == 2 || bit / 8 == 3) {
            continue; // the deployment is for routing
        }
        Octets bad = good;
        bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1U << (bit % 8)));
        for (const Frame& frame : enclave_.give(bad)) {
            EXPECT_NE(frame.header.kind, Kind::control) << "bit " << bit;
        }
    }
    EXPECT_TRUE(enclave_.audit().empty());
    EXPECT_EQ(enclave_.do_it(Enclave::terms(5, test::in)), Error::none); // not disabled
}

TEST_F(ControlTest, ReflectedAnswerIsRefused) {
    enclave_.attest();
    const auto frames = enclave_.give(enclave_.owner.order(order(ControlType::audit)));
    EXPECT_EQ(refused(enclave_.give(frames.at(0).bytes)), Error::wrong_role);
}

TEST_F(ControlTest, GapsAreTheOwnersBusinessAndTheLimitIsKept) {
    enclave_.attest();
    EXPECT_EQ(enclave_.say(enclave_.owner.order_at(100, {5})).fixed.answers, 100U);
    EXPECT_EQ(refused(enclave_.give(enclave_.owner.order_at(99, {5}))), Error::replayed);
    EXPECT_EQ(refused(enclave_.give(test::plain(
                  {.kind = Kind::control, .counter = wire::counter_limit}, Octets(17)))),
              Error::exhausted);
    EXPECT_EQ(enclave_.say(enclave_.owner.order_at(wire::counter_limit - 1, {5})).fixed.error,
              Error::none);
}

// P21
TEST_F(ControlTest, OrdersThatAreNotUnderstoodAreAnsweredUnderSeal) {
    enclave_.attest();
    Owner::Answer answer = enclave_.say(enclave_.owner.raw_order({4, 0}));
    EXPECT_EQ(answer.fixed.error, Error::malformed);
    EXPECT_EQ(answer.fixed.type, ControlType::disable);
    EXPECT_EQ(enclave_.say(enclave_.owner.raw_order({1})).fixed.error, Error::truncated);
    EXPECT_EQ(enclave_.do_it(Enclave::terms(5, test::in)), Error::none); // not disabled
}

TEST_F(ControlTest, OrdersThatAreTooLongAreRefusedUnopened) {
    enclave_.attest();
    EXPECT_EQ(refused(enclave_.give(test::plain({.kind = Kind::control, .counter = 50},
                                                Octets(wire::control_message_max_bytes + 19)))),
              Error::too_large);
}

TEST_F(ControlTest, EmptyOrderIsAnswered) {
    enclave_.attest();
    const auto frames = enclave_.give(enclave_.owner.raw_order({}));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.kind, Kind::control);
}

// P22
TEST_F(ControlTest, RandomBytesFollowFromTheOwnersSeeds) {
    const auto draw = [](Enclave& enclave) {
        Octets drawn(40, 0xEE);
        authex_status status = AUTHEX_OK;
        test::module_state.act = [&](test::Id, authex_message&) {
            status = authex_random(drawn.data(), drawn.size());
        };
        (void)enclave.give(test::plain({.kind = Kind::call, .channel = test::enter}));
        return std::pair(status, drawn);
    };
    enclave_.attest();
    EXPECT_EQ(draw(enclave_), std::pair(AUTHEX_NOT_ATTESTED, Octets(40)));
    ASSERT_EQ(enclave_.do_it(seed(Octets(32, 1))), Error::none);
    const auto first = draw(enclave_);
    EXPECT_EQ(first.first, AUTHEX_OK);
    EXPECT_NE(first.second, Octets(40));
    EXPECT_NE(draw(enclave_).second, first.second);
    ASSERT_EQ(enclave_.do_it(seed(Octets(32, 2))), Error::none);
    EXPECT_NE(draw(enclave_).second, first.second);

    Enclave other;
    other.attest();
    ASSERT_EQ(other.do_it(seed(Octets(32, 1))), Error::none);
    EXPECT_EQ(draw(other), first);
}

TEST_F(ControlTest, SetConnectionSaysTheNextCounterAndIsIdempotent) {
    enclave_.attest();
    const auto terms = Enclave::terms(5, test::in);
    EXPECT_EQ(enclave_.say(terms).data, Octets(8));
    test::Peer peer(terms);
    (void)enclave_.give(peer.event(0, {1}) + peer.event(1, {2}));
    EXPECT_EQ(enclave_.say(terms).data, (Octets{2, 0, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(enclave_.do_it(Enclave::terms(5, test::in, 2)), Error::none);
    EXPECT_EQ(enclave_.do_it(terms), Error::old_epoch);
    auto mismatch = Enclave::terms(5, test::in, 2);
    mismatch.connection.key[0] ^= 1U;
    EXPECT_EQ(enclave_.do_it(mismatch), Error::key_mismatch);
    EXPECT_EQ(enclave_.audit().at(0).epoch, 2U);
}

TEST_F(ControlTest, SetConnectionNeedsAnEndpointOfItsRole) {
    enclave_.attest();
    for (const test::Id id : {test::out, test::in, test::ask, test::answer}) {
        auto turned = Enclave::terms(5, id);
        turned.connection.role = turned.connection.role == wire::Role::source
                                     ? wire::Role::destination
                                     : wire::Role::source;
        EXPECT_EQ(enclave_.do_it(turned), Error::wrong_role) << id;
    }
    for (const std::uint16_t id : {std::uint16_t{test::enter},
                                   std::uint16_t{test::tick},
                                   std::uint16_t{test::tcp},
                                   std::uint16_t{test::ids},
                                   std::uint16_t{0xFFFF}}) {
        auto wrong = Enclave::terms(5, test::in);
        wrong.connection.endpoint = id;
        EXPECT_EQ(enclave_.do_it(wrong), Error::wrong_role) << id;
    }
    EXPECT_TRUE(enclave_.audit().empty());
}

TEST_F(ControlTest, RequestHasOneHandler) {
    enclave_.attest();
    ASSERT_EQ(enclave_.do_it(Enclave::terms(5, test::ask)), Error::none);
    EXPECT_EQ(enclave_.do_it(Enclave::terms(6, test::ask)), Error::wrong_role);
    EXPECT_EQ(enclave_.do_it(Enclave::terms(5, test::ask)), Error::none);
    EXPECT_EQ(enclave_.do_it(Enclave::terms(6, test::out)), Error::none);
    EXPECT_EQ(enclave_.do_it(Enclave::terms(7, test::out)), Error::none);
    EXPECT_EQ(enclave_.do_it(Enclave::terms(8, test::answer)), Error::none);
    EXPECT_EQ(enclave_.do_it(Enclave::terms(9, test::answer)), Error::none);
    ASSERT_EQ(enclave_.do_it(order(ControlType::remove_connection, 5)), Error::none);
    EXPECT_EQ(enclave_.do_it(Enclave::terms(10, test::ask)), Error::none);
}

TEST_F(ControlTest, RemovingTwiceIsDoneOnce) {
    enclave_.attest();
    ASSERT_EQ(enclave_.do_it(Enclave::terms(5, test::in)), Error::none);
    EXPECT_EQ(enclave_.do_it(order(ControlType::remove_connection, 5)), Error::none);
    EXPECT_EQ(enclave_.do_it(order(ControlType::remove_connection, 5)), Error::none);
    EXPECT_TRUE(enclave_.audit().empty());
    test::Peer peer(Enclave::terms(5, test::in));
    EXPECT_EQ(refused(enclave_.give(peer.event(0, {1}))), Error::unknown_channel);
    EXPECT_TRUE(enclave_.heard().empty());
}

// P16
TEST_F(ControlTest, DisabledModuleDoesNothingAndStillAnswersItsOwner) {
    enclave_.attest();
    const auto terms = Enclave::terms(5, test::in);
    ASSERT_EQ(enclave_.do_it(terms), Error::none);
    ASSERT_EQ(enclave_.do_it(order(ControlType::disable)), Error::none);
    ASSERT_EQ(enclave_.do_it(order(ControlType::disable)), Error::none);
    test::Peer peer(terms);
    EXPECT_EQ(refused(enclave_.give(peer.event(0, {1}))), Error::disabled);
    const auto called = enclave_.give(test::plain({.kind = Kind::call, .channel = test::enter}));
    ASSERT_EQ(called.size(), 1U);
    EXPECT_TRUE(called[0].header.negative());
    EXPECT_EQ(called[0].body, Octets{static_cast<std::uint8_t>(Error::disabled)});
    EXPECT_EQ(
        refused(enclave_.give(test::plain({.kind = Kind::stream_data, .channel = test::tcp}))),
        Error::disabled);
    EXPECT_TRUE(enclave_.give(test::plain({.kind = Kind::timer, .channel = test::tick})).empty());
    EXPECT_EQ(enclave_.do_it(terms), Error::disabled);
    EXPECT_TRUE(enclave_.audit().empty());
    EXPECT_TRUE(enclave_.heard().empty());
    enclave_.attest();
    EXPECT_EQ(enclave_.do_it(terms), Error::disabled);
}

TEST_F(ControlTest, AuditNamesEveryCounter) {
    enclave_.attest();
    ASSERT_EQ(enclave_.do_it(Enclave::terms(5, test::in)), Error::none);
    ASSERT_EQ(enclave_.do_it(Enclave::terms(6, test::out, 3)), Error::none);
    test::module_state.act = [](test::Id, authex_message&) { (void)test::send(test::out, {7}); };
    test::Peer peer(Enclave::terms(5, test::in));
    (void)enclave_.give(peer.event(0, {1}) + peer.event(1, {2}) + peer.event(1, {2}));
    const auto entries = enclave_.audit();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].channel, 5);
    EXPECT_EQ(entries[0].endpoint, test::in);
    EXPECT_EQ(entries[0].role, wire::Role::destination);
    EXPECT_EQ(entries[0].accepted, 2U);
    EXPECT_EQ(entries[0].refused, 1U);
    EXPECT_EQ(entries[0].expected, 2U);
    EXPECT_EQ(entries[1].channel, 6);
    EXPECT_EQ(entries[1].epoch, 3U);
    EXPECT_EQ(entries[1].role, wire::Role::source);
    EXPECT_EQ(entries[1].sent, 2U);
}

TEST_F(ControlTest, AuditOfAFullTableFits) {
    enclave_.attest();
    for (std::size_t i = 0; i < max_connections; ++i) {
        ASSERT_EQ(enclave_.do_it(Enclave::terms(static_cast<std::uint16_t>(i), test::in)),
                  Error::none);
    }
    EXPECT_EQ(enclave_.do_it(Enclave::terms(999, test::in)), Error::no_space);
    EXPECT_EQ(enclave_.audit().size(), max_connections);
}

TEST_F(ControlTest, CountersBeginAnewWithEachHandshake) {
    for (std::uint32_t round = 0; round < 4; ++round) {
        enclave_.attest();
        for (std::uint32_t order = 1; order <= 3; ++order) {
            const auto terms = Enclave::terms(1, test::in, round * 3 + order);
            const auto frames = enclave_.give(enclave_.owner.order(terms));
            ASSERT_EQ(frames.size(), 1U) << "round " << round;
            EXPECT_EQ(frames[0].header.kind, Kind::control);
            EXPECT_EQ(frames[0].header.counter, order - 1) << "round " << round;
        }
    }
}

} // namespace
} // namespace authex::runtime
