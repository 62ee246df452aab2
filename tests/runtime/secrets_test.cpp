// What was secret is wiped: nothing of it is left anywhere in the runtime's memory.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using test::Enclave;
using test::Octets;
using test::operator+;

Octets text(const std::string& characters) {
    return {characters.begin(), characters.end()};
}

class SecretsTest : public testing::Test {
  protected:
    void SetUp() override { enclave_.attest(); }

    [[nodiscard]] bool holds(const Octets& secret) {
        const ByteView memory(reinterpret_cast<const std::uint8_t*>(&enclave_.runtime()),
                              sizeof(Runtime));
        return std::search(memory.begin(), memory.end(), secret.begin(), secret.end()) !=
               memory.end();
    }
    [[nodiscard]] bool holds_key(const wire::ControlMessage& terms) {
        return holds({terms.connection.key.begin(), terms.connection.key.end()});
    }

    Enclave enclave_;
    Octets question_ = text("what is the question?");
    Octets answer_ = text("forty-two, of course.");
};

TEST_F(SecretsTest, OfAnEventAreGoneWhenItsInputHasReturned) {
    const auto terms = Enclave::terms(1, test::in);
    ASSERT_EQ(enclave_.do_it(terms), Error::none);
    bool held_meanwhile = false;
    test::module_state.act = [&](test::Id, authex_message&) { held_meanwhile = holds(question_); };
    (void)enclave_.give(test::Peer(terms).event(0, question_));
    EXPECT_TRUE(held_meanwhile);
    EXPECT_FALSE(holds(question_));
}

TEST_F(SecretsTest, OfARequestAndItsReplyAreGoneWhenItsHandlerHasReturned) {
    const auto terms = Enclave::terms(1, test::answer);
    ASSERT_EQ(enclave_.do_it(terms), Error::none);
    test::module_state.act = [&](test::Id, authex_message& message) {
        test::write_result(message, answer_);
    };
    test::Peer peer(terms);
    const auto frames = enclave_.give(peer.request(0, question_));
    EXPECT_EQ(peer.open(frames.at(0)), answer_);
    EXPECT_FALSE(holds(question_));
    EXPECT_FALSE(holds(answer_));
}

TEST_F(SecretsTest, OfAnOrderAreGoneWhenItIsCarriedOut) {
    wire::ControlMessage order;
    order.type = wire::ControlType::seed;
    const Octets entropy = question_ + answer_;
    order.entropy = ByteView(entropy).first(wire::seed_bytes);
    ASSERT_EQ(enclave_.do_it(order), Error::none);
    EXPECT_FALSE(holds({entropy.begin(), entropy.begin() + 8}));
}

TEST_F(SecretsTest, KeysAreGoneWithTheirEpochTheirConnectionAndTheModule) {
    const auto first = Enclave::terms(1, test::in, 1);
    const auto second = Enclave::terms(1, test::in, 2);
    const auto other = Enclave::terms(2, test::out, 5);
    for (const auto& terms : {first, second, other}) {
        ASSERT_EQ(enclave_.do_it(terms), Error::none);
        EXPECT_TRUE(holds_key(terms));
    }
    EXPECT_FALSE(holds_key(first));
    wire::ControlMessage order;
    order.type = wire::ControlType::remove_connection;
    order.connection.channel = 1;
    ASSERT_EQ(enclave_.do_it(order), Error::none);
    EXPECT_FALSE(holds_key(second));
    EXPECT_TRUE(holds_key(other));
    order.type = wire::ControlType::disable;
    ASSERT_EQ(enclave_.do_it(order), Error::none);
    EXPECT_FALSE(holds_key(other));
}

TEST_F(SecretsTest, ControlKeysAreGoneWhenTheNextOnesAreUsed) {
    const auto key_of = [](const std::array<std::uint8_t, 32>& key) {
        return Octets(key.begin(), key.begin() + 16);
    };
    const Octets in = key_of(enclave_.owner.session.initiator_to_responder);
    const Octets out = key_of(enclave_.owner.session.responder_to_initiator);
    ASSERT_EQ(enclave_.do_it(Enclave::terms(1, test::in)), Error::none);
#if defined(__x86_64__) // elsewhere AES is software, whose round keys are not the key's own bits
    EXPECT_TRUE(holds(in));
    EXPECT_TRUE(holds(out));
#endif
    enclave_.attest();
    ASSERT_EQ(enclave_.do_it(Enclave::terms(1, test::in)), Error::none);
    EXPECT_FALSE(holds(in));
    EXPECT_FALSE(holds(out));
}

} // namespace
} // namespace authex::runtime
