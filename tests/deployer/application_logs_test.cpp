// Which lines are shown, and how following them ends.
#include <algorithm>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deployer/application.hpp"
#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using test::FakeWorld;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* descriptor = R"(
application: logs
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001 }
  right: { tee: native, address: 127.0.0.1:6002 }
modules:
  a: { node: left,  sources: [a.cpp] }
  b: { node: right, sources: [b.cpp] }
  c: { node: right, sources: [c.cpp] }
connections:
  - { direct: true, to: a.in }
  - { direct: true, to: b.in }
  - { direct: true, to: c.in }
)";

class Logs : public testing::Test {
  protected:
    void SetUp() override {
        say("left", "a", 2, "one", 10);
        say("right", "b", 0, "two", 20);
        say("left", "a", 3, "three", 30);
        say("right", "c", 1, "four", 40);
        say("right", "b", 2, "five", 50);
    }
    v1::LogLine line(const std::string& module,
                     std::uint32_t level,
                     const std::string& text,
                     std::uint64_t time_us) {
        v1::LogLine made;
        made.set_module(module);
        made.set_level(level);
        made.set_text(text);
        made.set_time_us(time_us);
        made.set_sequence(++sequence);
        return made;
    }
    void say(const std::string& node,
             const std::string& module,
             std::uint32_t level,
             const std::string& text,
             std::uint64_t time_us) {
        world.node(node).log.push_back(line(module, level, text, time_us));
    }
    std::vector<std::string> texts(const LogQuery& query) {
        std::vector<std::string> all;
        const auto done = world.open()->logs(query, [&](const LogEntry& entry) {
            all.push_back(entry.text);
            return true;
        });
        EXPECT_TRUE(done);
        return all;
    }
    std::string problem(const LogQuery& query) {
        const auto done = world.open()->logs(query, [](const LogEntry&) { return true; });
        return done ? "none" : done.error().front().code;
    }

    FakeWorld world{descriptor};
    std::uint64_t sequence = 0;
};

TEST_F(Logs, OfAllNodesAreInTheOrderOfTheirTimes) {
    EXPECT_THAT(texts({}), ElementsAre("one", "two", "three", "four", "five"));
}

TEST_F(Logs, AreOfTheModulesAndNodesThatWereNamed) {
    EXPECT_THAT(texts({.modules = {"b"}}), ElementsAre("two", "five"));
    EXPECT_THAT(texts({.modules = {"a", "c"}}), ElementsAre("one", "three", "four"));
    EXPECT_THAT(texts({.nodes = {"left"}}), ElementsAre("one", "three"));
    EXPECT_THAT(texts({.modules = {"a"}, .nodes = {"right"}}), IsEmpty());
}

TEST_F(Logs, AreOfTheLevelOrWorse) {
    EXPECT_THAT(texts({.level = LogLevel::error}), ElementsAre("two"));
    EXPECT_THAT(texts({.level = LogLevel::warning}), ElementsAre("two", "four"));
    EXPECT_THAT(texts({.level = LogLevel::info}), ElementsAre("one", "two", "four", "five"));
}

TEST_F(Logs, AreSinceATime) {
    const std::chrono::system_clock::time_point since(std::chrono::microseconds(30));
    EXPECT_THAT(texts({.since = since}), ElementsAre("three", "four", "five"));
}

TEST_F(Logs, MatchTheExpression) {
    EXPECT_THAT(texts({.grep = "^t"}), ElementsAre("two", "three"));
    EXPECT_THAT(texts({.grep = "f.*e"}), ElementsAre("five"));
}

TEST_F(Logs, TheLastOfEachModuleAreThoseThatFit) {
    EXPECT_THAT(texts({.last = 1}), ElementsAre("three", "four", "five"));
    EXPECT_THAT(texts({.grep = "^t", .last = 1}), ElementsAre("two", "three"));
}

TEST_F(Logs, RefuseWhatIsNotThere) {
    EXPECT_EQ(problem({.modules = {"x"}}), "unknown-module");
    EXPECT_EQ(problem({.nodes = {"x"}}), "unknown-node");
    EXPECT_EQ(problem({.grep = "("}), "pattern-invalid");
    world.node("left").reachable = false;
    EXPECT_EQ(problem({}), "node-unreachable");
    EXPECT_EQ(problem({.nodes = {"right"}}), "none");
}

TEST_F(Logs, FollowedShowEachLineOnce) {
    world.node("left").later_log = {line("a", 2, "six", 60)};
    std::stop_source stop;
    std::vector<std::string> seen;
    const auto done =
        world.open()->logs({.follow = true, .stop = stop.get_token()}, [&](const LogEntry& entry) {
            seen.push_back(entry.text);
            if (entry.text == "six") {
                stop.request_stop();
            }
            return true;
        });
    EXPECT_TRUE(done);
    EXPECT_THAT(seen, ElementsAre("one", "two", "three", "four", "five", "six"));
}

TEST_F(Logs, FollowedEndForAllNodesWithTheLineThatIsNotWanted) {
    world.node("left").later_log = {line("a", 2, "six", 60)};
    // The other node never says anything more.
    const auto done = world.open()->logs({.follow = true},
                                         [](const LogEntry& entry) { return entry.text != "six"; });
    EXPECT_TRUE(done);
}

TEST_F(Logs, FollowedWaitForANodeThatIsNotThere) {
    world.node("left").reachable = false;
    world.node("right").later_log = {line("b", 2, "six", 60)};
    std::vector<std::string> seen;
    const auto done =
        world.open()->logs({.modules = {"b", "a"}, .follow = true}, [&](const LogEntry& entry) {
            seen.push_back(entry.text);
            return entry.text != "six";
        });
    EXPECT_TRUE(done);
    EXPECT_THAT(seen, ElementsAre("two", "five", "six"));
}

} // namespace
} // namespace authex::deployer
