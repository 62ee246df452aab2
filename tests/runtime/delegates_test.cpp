// What a delegate of the owner may say to a module, and what not.      (docs/protocol.md P84 to
// P87)
#include <gtest/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Frame;
using test::Octets;
using test::Owner;
using test::Peer;
using wire::ControlType;
using wire::delegate_index;

constexpr std::uint16_t recovery_index = 1;

wire::ControlMessage simple(ControlType type) {
    wire::ControlMessage message;
    message.type = type;
    message.connection.channel = 5;
    return message;
}
wire::ControlMessage with_key(ControlType type, std::uint8_t key) {
    wire::ControlMessage message = simple(type);
    message.connection.key.fill(key);
    return message;
}

/// Of a module whose state outlives its process, or does not.
class DelegatesTest : public testing::TestWithParam<bool> {
  protected:
    void SetUp() override {
        enclave_.runtime().keep(state_, persists());
        enclave_.attest();
        EXPECT_EQ(enclave_.do_it(simple(ControlType::resume)), Error::none);
    }
    static bool persists() { return GetParam(); }
    bool greet(Owner& owner, std::uint16_t index) {
        const auto frames = at_->give(owner.hello(index));
        return frames.size() == 1 && frames[0].header.kind == wire::Kind::handshake &&
               owner.finish(frames[0]).has_value();
    }
    /// What it answers, or the reason for which it refuses to.
    Error say(Owner& owner, const wire::ControlMessage& message) {
        Error error = Error::none;
        for (const Frame& frame : at_->give(owner.order(message))) {
            if (frame.header.kind == wire::Kind::control) {
                const auto answer = owner.open(frame);
                data_ = answer ? answer->data : Octets();
                return answer ? answer->fixed.error : Error::forged;
            }
            if (frame.header.kind == wire::Kind::refusal) {
                error = static_cast<Error>(frame.body.at(1));
            }
            if (frame.header.kind == wire::Kind::state) {
                kept_ = frame.bytes;
            }
        }
        return error;
    }
    void delegate_comes() {
        ASSERT_TRUE(greet(delegate(), delegate_index));
        ASSERT_EQ(say(delegate(), simple(ControlType::audit)), Error::none);
    }
    Owner& delegate() { return at_->delegate; }
    Error delegate_says(const wire::ControlMessage& message) { return say(delegate(), message); }

    wire::ControlMessage value() {
        wire::ControlMessage message = simple(ControlType::set_value);
        message.named = {.kind = wire::ValueKind::secret, .name = name_, .value = name_};
        return message;
    }
    /// An order of each kind that only the owner gives.
    std::vector<wire::ControlMessage> of_the_owner_alone() {
        wire::ControlMessage leave = simple(ControlType::export_state);
        leave.recipient = recipient_;
        wire::ControlMessage enter = simple(ControlType::import_state);
        enter.sealed = sealed_;
        std::vector<wire::ControlMessage> all = {simple(ControlType::disable),
                                                 simple(ControlType::pause),
                                                 simple(ControlType::accept_state),
                                                 leave,
                                                 enter};
        if (!persists()) {
            wire::ControlMessage goes_on = Enclave::terms(6, test::in);
            goes_on.type = ControlType::continue_connection;
            wire::ControlMessage restore = with_key(ControlType::restore_state, 1);
            restore.sealed = sealed_;
            const std::vector<wire::ControlMessage> more = {simple(ControlType::resume),
                                                            simple(ControlType::arm),
                                                            with_key(ControlType::keep_state, 1),
                                                            goes_on,
                                                            restore};
            all.insert(all.end(), more.begin(), more.end());
        }
        return all;
    }

    const Octets name_ = {'t'};
    const Octets recipient_ = Octets(crypto::dh_bytes, 9);
    const Octets sealed_ = Octets(100, 9);
    Octets state_ = Octets(100, 0x11);
    Octets data_;
    Octets kept_;
    Enclave enclave_;
    Enclave* at_ = &enclave_; ///< the module that is spoken to
};

// P84
TEST_P(DelegatesTest, ItsKeyOpensTheChannelUnderItsOwnIndexOnly) {
    EXPECT_FALSE(greet(delegate(), 0));
    EXPECT_FALSE(greet(delegate(), recovery_index));
    EXPECT_FALSE(greet(enclave_.owner, delegate_index));
    EXPECT_TRUE(greet(delegate(), delegate_index));
}

// P84
TEST_P(DelegatesTest, TakesUpWhatTheOwnerHasLeftAndGivesItBack) {
    const auto terms = Enclave::terms(5, test::in);
    ASSERT_EQ(enclave_.do_it(terms), Error::none);
    Peer peer(terms);
    delegate_comes();
    EXPECT_EQ(data_.size(), wire::audit_entry_bytes) << "the connection is still there";
    (void)enclave_.give(peer.event(0, {1}));
    enclave_.attest();
    EXPECT_EQ(enclave_.audit().size(), 1U);
    (void)enclave_.give(peer.event(1, {1}));
    EXPECT_EQ(enclave_.heard().size(), 2U);
    EXPECT_NE(delegate_says(simple(ControlType::audit)), Error::none) << "its session has ended";
}

// P84
TEST_P(DelegatesTest, IsSupersededByTheRecoveryKeyAsTheOwnerIs) {
    delegate_comes();
    ASSERT_EQ(delegate_says(Enclave::terms(5, test::in)), Error::none);
    ASSERT_TRUE(greet(enclave_.recovery, recovery_index));
    ASSERT_EQ(say(enclave_.recovery, simple(ControlType::audit)), Error::none);
    EXPECT_TRUE(data_.empty()) << "what it has set is forgotten";
    EXPECT_FALSE(greet(delegate(), delegate_index));
    EXPECT_FALSE(greet(enclave_.owner, 0));
}

// P85
TEST_P(DelegatesTest, SaysWhatAModuleNeedsThatRuns) {
    delegate_comes();
    wire::ControlMessage seed = simple(ControlType::seed);
    const Octets entropy(wire::seed_bytes, 7);
    seed.entropy = entropy;
    EXPECT_EQ(delegate_says(seed), Error::none);
    EXPECT_EQ(delegate_says(Enclave::terms(5, test::in)), Error::none);
    EXPECT_EQ(delegate_says(value()), Error::none);
    wire::ControlMessage turn = with_key(ControlType::turn_key, 0x77);
    turn.turn = 1;
    turn.seals = true;
    EXPECT_EQ(delegate_says(turn), Error::none);
    wire::ControlMessage forget = value();
    forget.type = ControlType::remove_value;
    forget.named.value = {};
    EXPECT_EQ(delegate_says(forget), Error::none);
    EXPECT_EQ(delegate_says(simple(ControlType::remove_connection)), Error::none);
    EXPECT_EQ(delegate_says(simple(ControlType::audit)), Error::none);
}

// P85
TEST_P(DelegatesTest, IsRefusedEachOrderThatIsTheOwnersAlone) {
    const auto terms = Enclave::terms(5, test::in);
    ASSERT_EQ(enclave_.do_it(terms), Error::none);
    delegate_comes();
    for (const wire::ControlMessage& order : of_the_owner_alone()) {
        EXPECT_EQ(delegate_says(order), Error::owners_alone) << static_cast<int>(order.type);
    }
    Peer peer(terms);
    (void)enclave_.give(peer.event(0, {1}));
    EXPECT_EQ(enclave_.heard().size(), 1U) << "nothing of it was done";
    EXPECT_TRUE(kept_.empty());
    enclave_.attest();
    EXPECT_EQ(enclave_.do_it(simple(ControlType::disable)), Error::none) << "the owner may";
}

// P86
TEST_P(DelegatesTest, AModuleThatItsOwnerHasPausedTakesNothingOfADelegate) {
    ASSERT_EQ(enclave_.do_it(Enclave::terms(5, test::in)), Error::none);
    ASSERT_EQ(enclave_.do_it(simple(ControlType::pause)), Error::none);
    delegate_comes();
    wire::ControlMessage goes_on = Enclave::terms(6, test::in);
    goes_on.type = ControlType::continue_connection;
    for (const wire::ControlMessage& order : {simple(ControlType::resume),
                                              Enclave::terms(6, test::in_too),
                                              goes_on,
                                              simple(ControlType::arm),
                                              value(),
                                              with_key(ControlType::keep_state, 1),
                                              simple(ControlType::remove_connection)}) {
        EXPECT_EQ(delegate_says(order), Error::owners_alone) << static_cast<int>(order.type);
    }
    EXPECT_EQ(delegate_says(simple(ControlType::audit)), Error::none);
    EXPECT_EQ(data_.size(), wire::audit_entry_bytes);
}

using DelegatesKeepingTest = DelegatesTest;
// P87
TEST_P(DelegatesKeepingTest, RestoresWhatAModuleHasKept) {
    delegate_comes();
    ASSERT_EQ(delegate_says(with_key(ControlType::keep_state, 0x55)), Error::none);
    ASSERT_EQ(delegate_says(simple(ControlType::resume)), Error::none) << "it goes on already";
    const auto terms = Enclave::terms(5, test::in);
    ASSERT_EQ(delegate_says(terms), Error::none);
    Peer peer(terms);
    const auto frames = enclave_.give(peer.event(0, {1}));
    ASSERT_EQ(frames.back().header.kind, wire::Kind::state);
    const Octets kept = frames.back().bytes;

    Enclave next{{std::begin(test::endpoints), std::end(test::endpoints)}, 0x43};
    Octets next_state(100, 0x22);
    next.runtime().keep(next_state, true);
    at_ = &next;
    delegate_comes();
    wire::ControlMessage restore = with_key(ControlType::restore_state, 0x55);
    restore.sealed = kept;
    ASSERT_EQ(delegate_says(restore), Error::none);
    EXPECT_EQ(next_state, state_);
    wire::ControlMessage goes_on = terms;
    goes_on.type = ControlType::continue_connection;
    goes_on.counters = {0, 1, 0, 1};
    EXPECT_EQ(delegate_says(goes_on), Error::none);
    wire::ControlMessage arm = simple(ControlType::arm);
    arm.waiting = {.endpoint = test::tick, .value = 1000};
    EXPECT_EQ(delegate_says(arm), Error::none);
    EXPECT_EQ(delegate_says(with_key(ControlType::keep_state, 0x66)), Error::none);
    EXPECT_EQ(delegate_says(simple(ControlType::resume)), Error::none);
    (void)next.give(peer.event(1, {2}));
    EXPECT_EQ(next.heard().back().data, Octets{2}) << "after the event that was kept";
}

INSTANTIATE_TEST_SUITE_P(Modules, DelegatesTest, testing::Bool(), [](const auto& info) {
    return info.param ? "that_persist" : "that_do_not_persist";
});
INSTANTIATE_TEST_SUITE_P(Modules, DelegatesKeepingTest, testing::Values(true));

} // namespace
} // namespace authex::runtime
