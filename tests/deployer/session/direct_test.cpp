#include "deployer/direct.hpp"

#include <gtest/gtest.h>

#include "support/enclave.hpp"

namespace authex::deployer {
namespace {

using test::Enclave;
using test::Octets;

class Direct : public ::testing::Test {
  protected:
    void SetUp() override {
        module.attest();
        const auto terms = Enclave::terms(9, test::answer);
        ASSERT_EQ(module.do_it(terms), Error::none);
        key = {.channel = 9, .algorithm = terms.connection.algorithm, .key = terms.connection.key};
        test::module_state.act = [this](test::Id, authex_message& message) {
            test::write_result(message, {4, 2});
            message.status = status;
        };
    }
    Octets reply_to(std::uint64_t counter) {
        for (const test::Frame& frame :
             module.give(*seal_direct(key, true, counter, Octets{1, 2, 3}))) {
            if (frame.header.kind == wire::Kind::reply) {
                return frame.bytes;
            }
        }
        return {};
    }
    static std::string code(const Expected<std::vector<std::uint8_t>>& outcome) {
        return outcome ? "ok" : outcome.error().code;
    }

    Enclave module;
    DirectKey key;
    std::uint8_t status = AUTHEX_OK;
};

TEST_F(Direct, ARequestIsTakenAndItsReplyOpened) {
    const Octets reply = reply_to(0);
    ASSERT_EQ(module.heard().size(), 1U);
    EXPECT_EQ(module.heard()[0].data, (Octets{1, 2, 3}));
    const auto data = open_reply(key, 0, reply);
    ASSERT_TRUE(data) << data.error().summary;
    EXPECT_EQ(*data, (Octets{4, 2}));
}

TEST_F(Direct, TheSameFrameSentAgainIsNotTakenTwice) {
    (void)reply_to(0);
    (void)reply_to(0);
    EXPECT_EQ(module.heard().size(), 1U);
}

TEST_F(Direct, FindsItsReplyAmongOthers) {
    using test::operator+;
    const Octets both = reply_to(0) + reply_to(1);
    EXPECT_TRUE(open_reply(key, 0, both));
    EXPECT_TRUE(open_reply(key, 1, both));
}

TEST_F(Direct, TakesNoReplyOfAnotherRequest) {
    EXPECT_EQ(code(open_reply(key, 1, reply_to(0))), "reply-missing");
}

TEST_F(Direct, TakesNoReplyOfAnotherChannel) {
    Octets reply = reply_to(0);
    reply[4] ^= 1U;
    EXPECT_EQ(code(open_reply(key, 0, reply)), "reply-missing");
}

TEST_F(Direct, TakesNoForgedReply) {
    const Octets reply = reply_to(0);
    for (std::size_t at = wire::header_bytes; at < reply.size(); ++at) {
        Octets forged = reply;
        forged[at] ^= 0x80U;
        EXPECT_EQ(code(open_reply(key, 0, forged)), "reply-forged") << at;
    }
}

TEST_F(Direct, TakesNoReplyUnderAnotherKey) {
    const Octets reply = reply_to(0);
    key.key[0] ^= 1U;
    EXPECT_EQ(code(open_reply(key, 0, reply)), "reply-forged");
}

TEST_F(Direct, TakesItsOwnRequestForNoReply) {
    EXPECT_EQ(code(open_reply(key, 0, *seal_direct(key, true, 0, {}))), "reply-missing");
}

TEST_F(Direct, TakesNothingFromCutOrForeignBytes) {
    const Octets reply = reply_to(0);
    for (std::size_t size = 0; size < reply.size(); ++size) {
        EXPECT_EQ(code(open_reply(key, 0, ByteView(reply).first(size))), "reply-missing") << size;
    }
    EXPECT_EQ(code(open_reply(key, 0, Octets(200, 0xFF))), "reply-missing");
}

TEST_F(Direct, SaysThatTheHandlerFailed) {
    status = AUTHEX_FAILED;
    EXPECT_EQ(code(open_reply(key, 0, reply_to(0))), "request-failed");
}

TEST(SealDirect, RefusesAPayloadBeyondTheLargestBody) {
    EXPECT_TRUE(seal_direct({.channel = 1}, false, 0, Octets(wire::max_body_bytes)));
    const auto refused = seal_direct({.channel = 1}, false, 0, Octets(wire::max_body_bytes + 1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "body-too-large");
    EXPECT_FALSE(refused.error().fix.empty());
}

TEST(SealDirect, RefusesACounterAtItsLimit) {
    const auto refused = seal_direct({.channel = 1}, false, wire::counter_limit, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "counter-exhausted");
}

} // namespace
} // namespace authex::deployer
