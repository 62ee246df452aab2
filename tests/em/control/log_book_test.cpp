#include "em/control/log_book.hpp"

#include <gtest/gtest.h>

namespace authex::em {
namespace {

using Lines = std::vector<std::string>;

const ModuleName a{1, "a"};
const ModuleName b{1, "b"};
const ModuleName foreign{2, "a"};

Lines all(const LogBook& book, const LogFilter& filter, std::uint64_t after = 0) {
    Lines lines;
    while (const auto line = book.after(after, filter)) {
        after = line->sequence;
        lines.push_back(line->text);
    }
    return lines;
}

TEST(LogBook, KeepsLinesInTheirOrderOverModules) {
    LogBook book({});
    book.add(a, 1, "one", 10);
    book.add(b, 2, "two", 20);
    book.add(a, 3, "three", 30);
    EXPECT_EQ(all(book, {1, ""}), (Lines{"one", "two", "three"}));
    EXPECT_EQ(all(book, {1, "a"}), (Lines{"one", "three"}));
    const auto second = book.after(1, {1, ""});
    ASSERT_TRUE(second);
    EXPECT_EQ(second->level, 2);
    EXPECT_EQ(second->time_us, 20U);
    EXPECT_EQ(second->module, b);
}

TEST(LogBook, ShowsNothingOfAnotherDeployment) {
    LogBook book({});
    book.add(foreign, 1, "secret", 0);
    EXPECT_TRUE(all(book, {1, ""}).empty());
    EXPECT_TRUE(all(book, {1, "a"}).empty());
    EXPECT_TRUE(book.last(a, 10).empty());
    EXPECT_EQ(all(book, {2, "a"}), Lines{"secret"});
}

TEST(LogBook, DropsTheOldestLinesOfAModuleThatLogsMuch) {
    LogBook book({.module_bytes = 4096, .total_bytes = 1 << 20, .line_bytes = 100});
    book.add(b, 1, "kept", 0);
    for (int i = 0; i < 1000; ++i) {
        book.add(a, 1, std::to_string(i), 0);
    }
    EXPECT_LE(book.bytes(), 8192U);
    EXPECT_EQ(all(book, {1, "b"}), Lines{"kept"});
    EXPECT_EQ(book.last(a, 1), Lines{"999"});
}

TEST(LogBook, DropsTheOldestLinesOfAllModulesAtTheTotalLimit) {
    LogBook book({.module_bytes = 1 << 20, .total_bytes = 8192, .line_bytes = 100});
    for (int i = 0; i < 500; ++i) {
        book.add({1, "m" + std::to_string(i)}, 1, std::to_string(i), 0);
    }
    EXPECT_LE(book.bytes(), 8192U);
    EXPECT_EQ(all(book, {1, ""}).back(), "499");
}

TEST(LogBook, CutsLongLines) {
    LogBook book({.module_bytes = 4096, .total_bytes = 8192, .line_bytes = 10});
    book.add(a, 1, std::string(100'000, 'x'), 0);
    EXPECT_EQ(book.last(a, 1), Lines{std::string(10, 'x')});
}

TEST(LogBook, FindsTheLastLines) {
    LogBook book({});
    for (int i = 0; i < 5; ++i) {
        book.add(i % 2 == 0 ? a : b, 1, std::to_string(i), 0);
    }
    EXPECT_EQ(all(book, {1, ""}, book.before_last(2, {1, ""})), (Lines{"3", "4"}));
    EXPECT_EQ(all(book, {1, "a"}, book.before_last(2, {1, "a"})), (Lines{"2", "4"}));
    EXPECT_EQ(all(book, {1, ""}, book.before_last(0, {1, ""})).size(), 5U);
    EXPECT_EQ(all(book, {1, ""}, book.before_last(99, {1, ""})).size(), 5U);
    EXPECT_EQ(book.last(a, 99), (Lines{"0", "2", "4"}));
    EXPECT_TRUE(all(book, {3, ""}, book.before_last(2, {3, ""})).empty());
}

TEST(LogBook, WakesFollowersOfTheLinesThatTheyTake) {
    LogBook book({});
    int woken = 0;
    auto follower = book.follow({1, "a"}, [&] { ++woken; });
    book.add(a, 1, "", 0);
    book.add(b, 1, "", 0);
    book.add(foreign, 1, "", 0);
    EXPECT_EQ(woken, 1);
    follower.reset();
    book.add(a, 1, "", 0);
    EXPECT_EQ(woken, 1);
}

TEST(LogBook, ForgetsAModule) {
    LogBook book({});
    book.add(a, 1, "gone", 0);
    book.add(b, 1, "kept", 0);
    book.forget(a);
    book.forget(foreign);
    EXPECT_EQ(all(book, {1, ""}), Lines{"kept"});
    book.forget(b);
    EXPECT_EQ(book.bytes(), 0U);
}

} // namespace
} // namespace authex::em
