#include "deployer/database.hpp"

#include <gtest/gtest.h>

namespace authex::deployer {
namespace {

class DatabaseTest : public testing::Test {
  protected:
    DatabaseTest() {
        EXPECT_TRUE(database_->execute(
            "CREATE TABLE number (value INTEGER); INSERT INTO number VALUES (1), (2), (3)"));
    }
    Statement all() { return std::move(*database_->prepare("SELECT value FROM number")); }

    std::unique_ptr<Database> database_ = std::move(*Database::in_memory());
};

TEST_F(DatabaseTest, StatementsOfOneTextDoNotDisturbEachOther) {
    Statement first = all();
    Statement second = all();
    ASSERT_TRUE(*first.step());
    ASSERT_TRUE(*first.step());
    ASSERT_TRUE(*second.step());
    EXPECT_EQ(first.integer(), 2);
    EXPECT_EQ(second.integer(), 1);
}

TEST_F(DatabaseTest, AStatementThatIsLeftHalfWayBeginsAnewAndHoldsNothing) {
    {
        Statement left = all();
        ASSERT_TRUE(*left.step());
    }
    EXPECT_TRUE(database_->execute("DROP TABLE number")) << "it is not read any more";
    EXPECT_TRUE(database_->execute(
        "CREATE TABLE number (value INTEGER); INSERT INTO number VALUES (4), (5)"));
    Statement again = all();
    ASSERT_TRUE(*again.step());
    EXPECT_EQ(again.integer(), 4);
}

TEST_F(DatabaseTest, WhatAStatementWasGivenIsForgottenWithIt) {
    const std::string sql = "SELECT ? IS NULL";
    {
        Statement given = std::move(*database_->prepare(sql));
        given.bind(std::string("secret"));
        ASSERT_TRUE(*given.step());
        EXPECT_EQ(given.integer(), 0);
    }
    Statement next = std::move(*database_->prepare(sql));
    ASSERT_TRUE(*next.step());
    EXPECT_EQ(next.integer(), 1);
}

} // namespace
} // namespace authex::deployer
