// Which owner key opens the control channel, and what becomes of the other's.
#include <gtest/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Frame;
using test::Octets;
using test::Owner;
using wire::ControlType;
using wire::Kind;

constexpr std::uint16_t recovery_index = 1;

Error refused(const std::vector<Frame>& frames) {
    return frames.size() == 1 && frames[0].header.kind == Kind::refusal
               ? static_cast<Error>(frames[0].body.at(1))
               : Error::none;
}

wire::ControlMessage plain_order(ControlType type) {
    wire::ControlMessage message;
    message.type = type;
    return message;
}

class OwnersTest : public testing::Test {
  protected:
    /// The handshake alone. @return whether the owner could finish it
    bool greet(Owner& owner, std::uint16_t index) {
        const auto frames = enclave_.give(owner.hello(index));
        return frames.size() == 1 && frames[0].header.kind == Kind::handshake &&
               owner.finish(frames[0]).has_value();
    }
    std::optional<Owner::Answer> say(Owner& owner, const wire::ControlMessage& message) {
        std::optional<Owner::Answer> answer;
        for (const Frame& frame : enclave_.give(owner.order(message))) {
            if (frame.header.kind == Kind::control) {
                answer = owner.open(frame);
            }
        }
        return answer;
    }
    bool obeys(Owner& owner, const wire::ControlMessage& message) {
        const auto answer = say(owner, message);
        return answer && answer->fixed.error == Error::none;
    }
    /// The recovery key takes the module over.
    void recover() {
        ASSERT_TRUE(greet(enclave_.recovery, recovery_index));
        ASSERT_TRUE(obeys(enclave_.recovery, plain_order(ControlType::audit)));
    }
    Enclave enclave_;
};

// P39
TEST_F(OwnersTest, EachKeyOpensTheChannelUnderItsOwnIndexOnly) {
    EXPECT_TRUE(greet(enclave_.owner, 0));
    EXPECT_FALSE(greet(enclave_.owner, recovery_index));
    EXPECT_FALSE(greet(enclave_.recovery, 0));
    EXPECT_TRUE(greet(enclave_.recovery, recovery_index));
}

// P39
TEST_F(OwnersTest, IndexOfNoKeyIsRefused) {
    for (const std::uint16_t index : std::initializer_list<std::uint16_t>{3, 4, 255, 256, 0xFFFF}) {
        EXPECT_EQ(refused(enclave_.give(enclave_.owner.hello(index))), Error::unsupported);
    }
    Runtime without_recovery;
    without_recovery.start(test::endpoints, enclave_.owner.public_key(), Octets(32, 1));
    Octets out(std::size_t{1} << 20U);
    const auto progress = without_recovery.invoke(enclave_.recovery.hello(1), out);
    out.resize(progress.produced);
    EXPECT_EQ(refused(test::split(out)), Error::unsupported);
}

// P39
TEST_F(OwnersTest, AnswerNamesTheIndexThatItIsFor) {
    const auto frames = enclave_.give(enclave_.recovery.hello(recovery_index));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.channel, recovery_index);
}

// P39
TEST_F(OwnersTest, NodeThatChangesTheIndexOnTheWayGainsNothing) {
    Octets hello = enclave_.owner.hello(0);
    hello[4] = recovery_index; // the low byte of the channel
    const auto frames = enclave_.give(hello);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_FALSE(enclave_.owner.finish(frames[0]));
}

// P40
TEST_F(OwnersTest, RecoveryHandshakeWithoutAnOrderDisturbsNothing) {
    enclave_.attest();
    ASSERT_EQ(enclave_.do_it(Enclave::terms(5, test::in)), Error::none);
    const auto before = enclave_.audit();
    Owner stranger(99);
    (void)enclave_.give(stranger.hello(recovery_index));
    ASSERT_TRUE(greet(enclave_.recovery, recovery_index));
    EXPECT_EQ(enclave_.audit(), before);
    enclave_.attest();
    EXPECT_EQ(enclave_.audit(), before);
}

// P40
TEST_F(OwnersTest, RecoveredModuleHasForgottenAllThatTheOwnerBeforeKnew) {
    enclave_.attest();
    const auto terms = Enclave::terms(5, test::in);
    ASSERT_EQ(enclave_.do_it(terms), Error::none);
    test::Peer peer(terms);
    (void)enclave_.give(peer.event(0, {1}));
    ASSERT_EQ(enclave_.heard().size(), 1U);
    wire::ControlMessage secret = plain_order(ControlType::set_value);
    const Octets name = {'t'};
    const Octets value = {'n', 'e', 'e', 'd', 'l', 'e'};
    secret.named = {.kind = wire::ValueKind::secret, .name = name, .value = value};
    ASSERT_EQ(enclave_.do_it(secret), Error::none);

    ASSERT_TRUE(greet(enclave_.recovery, recovery_index));
    const auto answer = say(enclave_.recovery, plain_order(ControlType::audit));
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->data.empty()) << "no connection is left";
    EXPECT_EQ(refused(enclave_.give(peer.event(1, {2}))), Error::unknown_channel);
    EXPECT_EQ(enclave_.heard().size(), 1U);
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&enclave_.runtime());
    EXPECT_EQ(std::string(bytes, bytes + sizeof(Runtime)).find("needle"), std::string::npos);
}

// P40
TEST_F(OwnersTest, ModuleThatTheOwnerBeforeHadPausedGoesOn) {
    enclave_.attest();
    ASSERT_EQ(enclave_.do_it(plain_order(ControlType::pause)), Error::none);
    recover();
    const auto terms = Enclave::terms(6, test::in);
    ASSERT_TRUE(obeys(enclave_.recovery, terms));
    test::Peer peer(terms);
    (void)enclave_.give(peer.event(0, {1}));
    EXPECT_EQ(enclave_.heard().size(), 1U);
}

// P40
TEST_F(OwnersTest, OpenRequestsAreUnansweredWhenTheModuleIsTakenOver) {
    enclave_.attest();
    ASSERT_EQ(enclave_.do_it(Enclave::terms(6, test::ask)), Error::none);
    test::module_state.act = [](test::Id id, authex_message&) {
        if (id == test::enter) {
            std::uint64_t number = 0;
            EXPECT_EQ(authex_request(&test::endpoints[test::ask], nullptr, 0, &number), AUTHEX_OK);
        }
    };
    (void)enclave_.give(test::plain({.kind = Kind::call, .channel = test::enter}, {}));
    recover();
    ASSERT_EQ(enclave_.heard().size(), 2U);
    EXPECT_EQ(enclave_.heard()[1].endpoint, test::ask);
    EXPECT_EQ(enclave_.heard()[1].status, AUTHEX_UNANSWERED);
}

// P40
TEST_F(OwnersTest, NothingIsSealedForTheOwnerBeforeWhileTheModuleIsTakenOver) {
    enclave_.attest();
    ASSERT_EQ(enclave_.do_it(Enclave::terms(6, test::ask)), Error::none);
    ASSERT_EQ(enclave_.do_it(Enclave::terms(7, test::out)), Error::none);
    test::module_state.act = [](test::Id id, authex_message&) {
        std::uint64_t number = 0;
        if (id == test::enter) {
            EXPECT_EQ(authex_request(&test::endpoints[test::ask], nullptr, 0, &number), AUTHEX_OK);
        } else {
            (void)test::send(test::out, {1, 2, 3});
            (void)authex_request(&test::endpoints[test::ask], nullptr, 0, &number);
        }
    };
    (void)enclave_.give(test::plain({.kind = Kind::call, .channel = test::enter}, {}));
    ASSERT_TRUE(greet(enclave_.recovery, recovery_index));
    const auto frames = enclave_.give(enclave_.recovery.order(plain_order(ControlType::audit)));
    ASSERT_EQ(enclave_.heard().size(), 2U)
        << "the request is unanswered, and the module acts on it";
    ASSERT_EQ(frames.size(), 1U) << "what the thief could open leaves no more";
    EXPECT_EQ(frames[0].header.kind, Kind::control);
}

// P41
TEST_F(OwnersTest, OwnerBeforeCanDoNothingWithWhatItKnew) {
    enclave_.attest();
    const Octets audit = {static_cast<std::uint8_t>(ControlType::audit)};
    const Octets prepared = enclave_.owner.order_at(99, audit);
    const Octets hello = enclave_.owner.hello(0);
    recover();
    EXPECT_EQ(refused(enclave_.give(prepared)), Error::forged) << "an order under its open channel";
    EXPECT_EQ(refused(enclave_.give(hello)), Error::superseded);
    EXPECT_EQ(refused(enclave_.give(enclave_.owner.hello(0))), Error::superseded);
    EXPECT_TRUE(obeys(enclave_.recovery, Enclave::terms(5, test::in)));
}

// P41
TEST_F(OwnersTest, HandshakeThatTheOwnerBeforeHadBegunOpensNothing) {
    enclave_.attest();
    Owner thief; // has the stolen key and begins just before the recovery
    ASSERT_TRUE(greet(thief, 0));
    recover();
    EXPECT_FALSE(say(thief, plain_order(ControlType::audit)));
    EXPECT_TRUE(obeys(enclave_.recovery, plain_order(ControlType::audit)));
}

// P41
TEST_F(OwnersTest, HandshakeBetweenThatOfTheRecoveryAndItsOrderCostsOnlyAnother) {
    enclave_.attest();
    ASSERT_TRUE(greet(enclave_.recovery, recovery_index));
    Owner thief;
    ASSERT_TRUE(greet(thief, 0));
    EXPECT_FALSE(say(enclave_.recovery, plain_order(ControlType::audit)));
    recover();
    EXPECT_FALSE(say(thief, plain_order(ControlType::audit)));
}

// P42
TEST_F(OwnersTest, RecoveryKeyMayAttestAgainAndKeepsItsConnections) {
    recover();
    ASSERT_TRUE(obeys(enclave_.recovery, Enclave::terms(5, test::in)));
    ASSERT_TRUE(greet(enclave_.recovery, recovery_index));
    const auto answer = say(enclave_.recovery, plain_order(ControlType::audit));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->data.size(), wire::audit_entry_bytes);
}

// P40
TEST_F(OwnersTest, ModuleThatWasDisabledServesTheOwnerWhoTakesItOver) {
    enclave_.attest();
    ASSERT_EQ(enclave_.do_it(plain_order(ControlType::disable)), Error::none);
    ASSERT_EQ(enclave_.do_it(Enclave::terms(5, test::in)), Error::disabled);
    recover();
    EXPECT_TRUE(obeys(enclave_.recovery, Enclave::terms(5, test::in)));
}

// P43
TEST_F(OwnersTest, ConnectionIsSetAnewUnderTheSameEpochWithAnotherKey) {
    enclave_.attest();
    wire::ControlMessage terms = Enclave::terms(7, test::out);
    ASSERT_EQ(enclave_.do_it(terms), Error::none);
    recover();
    terms.connection.key.fill(0xEE);
    const auto answer = say(enclave_.recovery, terms);
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->fixed.error, Error::none);
    Reader next(answer->data);
    EXPECT_EQ(next.u64(), 0U) << "counters begin anew, under a key that was never used";
}

} // namespace
} // namespace authex::runtime
