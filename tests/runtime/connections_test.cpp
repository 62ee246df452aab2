#include "runtime/connections.hpp"

#include <memory>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/enclave.hpp"

namespace authex::runtime {
namespace {

using wire::Delivery;

wire::SetConnection terms(std::uint16_t channel, std::uint32_t epoch = 1) {
    return test::Enclave::terms(channel, test::in, epoch).connection;
}

class ConnectionTableTest : public testing::Test {
  protected:
    Error set(const wire::SetConnection& terms) {
        Connection* connection = table_->find(terms.channel);
        const Error error = table_->set(terms, connection);
        if (error == Error::none) {
            EXPECT_EQ(connection, table_->find(terms.channel));
        }
        return error;
    }
    std::unique_ptr<ConnectionTable> table_ = std::make_unique<ConnectionTable>();
};

// P12
TEST(CheckCounter, OrderedTakesTheNextOnly) {
    EXPECT_EQ(check_counter(0, 0, Delivery::ordered), Error::none);
    EXPECT_EQ(check_counter(1, 0, Delivery::ordered), Error::too_early);
    EXPECT_EQ(check_counter(6, 7, Delivery::ordered), Error::replayed);
    EXPECT_EQ(check_counter(7, 7, Delivery::ordered), Error::none);
    EXPECT_EQ(check_counter(8, 7, Delivery::ordered), Error::too_early);
    EXPECT_EQ(check_counter(0, 7, Delivery::ordered), Error::replayed);
}

TEST(CheckCounter, LossyTakesLaterOnesButNoneTwice) {
    EXPECT_EQ(check_counter(6, 7, Delivery::lossy), Error::replayed);
    EXPECT_EQ(check_counter(7, 7, Delivery::lossy), Error::none);
    EXPECT_EQ(check_counter(1000, 7, Delivery::lossy), Error::none);
    EXPECT_EQ(check_counter(wire::counter_limit - 1, 7, Delivery::lossy), Error::none);
}

TEST(CheckCounter, NothingIsTakenAtTheLimit) {
    for (const Delivery delivery : {Delivery::ordered, Delivery::lossy}) {
        EXPECT_EQ(check_counter(wire::counter_limit, wire::counter_limit, delivery),
                  Error::exhausted);
        EXPECT_EQ(check_counter(wire::counter_limit, 5, delivery), Error::exhausted);
        EXPECT_EQ(check_counter(~std::uint64_t{0}, 5, delivery), Error::exhausted);
        EXPECT_EQ(check_counter(wire::counter_limit - 1, wire::counter_limit - 1, delivery),
                  Error::none);
    }
}

RC_GTEST_PROP(CheckCounter, NeverTakesWhatWasTaken, ()) {
    std::uint64_t expected = 0;
    const auto delivery = *rc::gen::element(Delivery::ordered, Delivery::lossy);
    for (const std::uint64_t counter :
         *rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(0, 20))) {
        if (check_counter(counter, expected, delivery) == Error::none) {
            RC_ASSERT(counter >= expected);
            RC_ASSERT(delivery == Delivery::lossy || counter == expected);
            expected = counter + 1;
        }
    }
}

TEST_F(ConnectionTableTest, FindsWhatWasSetAndNothingElse) {
    ASSERT_EQ(set(terms(5)), Error::none);
    ASSERT_EQ(set(terms(6)), Error::none);
    EXPECT_EQ(table_->find(5)->terms.channel, 5);
    EXPECT_EQ(table_->find(6)->terms.channel, 6);
    EXPECT_EQ(table_->find(5)->terms.channel, 5);
    EXPECT_EQ(table_->find(0), nullptr);
    EXPECT_EQ(table_->find(7), nullptr);
    EXPECT_EQ(table_->find(0xFFFF), nullptr);
}

TEST_F(ConnectionTableTest, SameOrderTwiceIsDoneOnce) {
    ASSERT_EQ(set(terms(5)), Error::none);
    table_->find(5)->next_in = 9;
    EXPECT_EQ(set(terms(5)), Error::none);
    EXPECT_EQ(table_->find(5)->next_in, 9U);
}

// P15
TEST_F(ConnectionTableTest, SameEpochWithAnythingElseIsAMismatch) {
    ASSERT_EQ(set(terms(5)), Error::none);
    table_->find(5)->next_in = 9;
    std::array<wire::SetConnection, 5> others;
    others.fill(terms(5));
    others[0].endpoint = 77;
    others[1].role = wire::Role::source;
    others[2].algorithm = crypto::Algorithm::spongent_128;
    others[3].delivery = Delivery::lossy;
    others[4].key[15] ^= 1U;
    for (const wire::SetConnection& other : others) {
        EXPECT_EQ(set(other), Error::key_mismatch);
        EXPECT_EQ(table_->find(5)->next_in, 9U);
    }
}

// P15
TEST_F(ConnectionTableTest, NewerEpochReplacesOlderDoesNot) {
    ASSERT_EQ(set(terms(5, 3)), Error::none);
    table_->find(5)->next_in = 9;
    EXPECT_EQ(set(terms(5, 2)), Error::old_epoch);
    EXPECT_EQ(table_->find(5)->next_in, 9U);
    EXPECT_EQ(set(terms(5, 4)), Error::none);
    EXPECT_EQ(table_->find(5)->next_in, 0U);
    EXPECT_EQ(table_->find(5)->terms.epoch, 4U);
    EXPECT_EQ(table_->slots().size(), 1U);
}

TEST_F(ConnectionTableTest, FullTableRefusesOneMoreAndTakesItAfterARemoval) {
    for (std::size_t i = 0; i < max_connections; ++i) {
        ASSERT_EQ(set(terms(static_cast<std::uint16_t>(i))), Error::none);
    }
    EXPECT_EQ(set(terms(max_connections)), Error::no_space);
    EXPECT_EQ(set(terms(3, 2)), Error::none); // a new epoch needs no new slot
    ConnectionTable::remove(*table_->find(7));
    EXPECT_EQ(set(terms(max_connections)), Error::none);
    EXPECT_EQ(table_->find(7), nullptr);
    EXPECT_EQ(table_->slots().size(), max_connections);
}

TEST_F(ConnectionTableTest, AlgorithmOutsideTheBuildIsRefusedAndLeavesTheSlot) {
    ASSERT_EQ(set(terms(5)), Error::none);
    wire::SetConnection other = terms(5, 2);
    other.algorithm = static_cast<crypto::Algorithm>(9);
    EXPECT_EQ(set(other), Error::unsupported);
    EXPECT_EQ(table_->find(5)->terms.epoch, 1U);
}

TEST_F(ConnectionTableTest, KeyOfAnotherLengthIsRefused) {
    wire::SetConnection other = terms(5);
    other.algorithm = crypto::Algorithm::aes_256_gcm;
    EXPECT_EQ(set(other), Error::malformed);
    EXPECT_EQ(table_->find(5), nullptr);
}

TEST_F(ConnectionTableTest, RemovedAndClearedKeysAreWiped) {
    ASSERT_EQ(set(terms(5)), Error::none);
    ASSERT_EQ(set(terms(6)), Error::none);
    Connection& five = *table_->find(5);
    Connection& six = *table_->find(6);
    ConnectionTable::remove(five);
    EXPECT_EQ(table_->find(5), nullptr);
    EXPECT_FALSE(five.keys[0].is_set());
    EXPECT_EQ(five.terms.key, (std::array<std::uint8_t, 16>{}));
    table_->clear();
    EXPECT_EQ(table_->find(6), nullptr);
    EXPECT_EQ(six.terms.key, (std::array<std::uint8_t, 16>{}));
}

} // namespace
} // namespace authex::runtime
