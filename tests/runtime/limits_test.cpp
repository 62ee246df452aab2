// A build with small tables, and what happens when they and the counters are used up.
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
using test::Octets;
using test::Peer;
using test::operator+;
using wire::Kind;

static_assert(wire::counter_limit == 4);

class LimitsTest : public testing::Test {
  protected:
    void SetUp() override { enclave_.attest(); }
    Enclave enclave_;
};

TEST_F(LimitsTest, ExhaustedOutputSaysSoAndTakesNoCounter) {
    ASSERT_EQ(enclave_.do_it(Enclave::terms(1, test::out)), Error::none);
    std::vector<authex_status> statuses;
    test::module_state.act = [&statuses](test::Id, authex_message&) {
        for (int i = 0; i < 6; ++i) {
            statuses.push_back(test::send(test::out, {1}));
        }
    };
    const auto frames = enclave_.give(test::plain({.kind = Kind::call, .channel = test::enter}));
    EXPECT_EQ(statuses,
              (std::vector<authex_status>{
                  AUTHEX_OK, AUTHEX_OK, AUTHEX_OK, AUTHEX_OK, AUTHEX_EXHAUSTED, AUTHEX_EXHAUSTED}));
    EXPECT_EQ(frames.size(), 5U);
    EXPECT_EQ(frames[3].header.counter, 3U);
    // A new epoch begins anew.
    test::module_state.act = {};
    ASSERT_EQ(enclave_.do_it(Enclave::terms(1, test::out, 2)), Error::none);
    test::module_state.act = [](test::Id, authex_message&) {
        EXPECT_EQ(test::send(test::out, {1}), AUTHEX_OK);
    };
    (void)enclave_.give(test::plain({.kind = Kind::call, .channel = test::enter}));
}

TEST_F(LimitsTest, InputTakesTheLastCounterAndNoOther) {
    const auto terms = Enclave::terms(1, test::in);
    ASSERT_EQ(enclave_.do_it(terms), Error::none);
    Peer peer(terms);
    for (std::uint64_t i = 0; i < 4; ++i) {
        (void)enclave_.give(peer.event(i, {1}));
    }
    EXPECT_EQ(enclave_.heard().size(), 4U);
    const auto frames =
        enclave_.give(test::plain({.kind = Kind::event, .channel = 1, .counter = 4}, Octets(16)));
    EXPECT_EQ(frames.at(0).body.at(1), static_cast<std::uint8_t>(Error::exhausted));
    EXPECT_EQ(enclave_.heard().size(), 4U);
}

TEST_F(LimitsTest, ControlChannelAtItsLimitNeedsAnotherHandshake) {
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(enclave_.audit().empty());
    }
    const auto frames =
        enclave_.give(test::plain({.kind = Kind::control, .counter = 4}, Octets(17)));
    EXPECT_EQ(frames.at(0).body.at(1), static_cast<std::uint8_t>(Error::exhausted));
    enclave_.attest();
    EXPECT_TRUE(enclave_.audit().empty());
}

TEST_F(LimitsTest, AuditThatDoesNotFitSaysSo) {
    for (std::uint16_t i = 0; i < max_connections; ++i) {
        if (i % 3 == 0) {
            enclave_.attest();
        }
        ASSERT_EQ(enclave_.do_it(Enclave::terms(i, test::in)), Error::none);
    }
    enclave_.attest();
    wire::ControlMessage audit;
    audit.type = wire::ControlType::audit;
    EXPECT_EQ(enclave_.do_it(audit), Error::too_large);
    EXPECT_EQ(enclave_.do_it(Enclave::terms(99, test::in)), Error::no_space);
}

TEST_F(LimitsTest, LogLinesAreCutToTheSmallerBody) {
    test::module_state.act = [](test::Id, authex_message&) {
        const std::string text(5000, 'x');
        authex_log(AUTHEX_LOG_INFO, text.data(), text.size());
    };
    const auto frames = enclave_.give(test::plain({.kind = Kind::call, .channel = test::enter}));
    EXPECT_EQ(frames.at(0).body.size(), wire::max_body_bytes);
}

} // namespace
} // namespace authex::runtime
