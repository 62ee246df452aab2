// Events that are older than their connection allows.
#include <chrono>
#include <csignal>

#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

enum Which : std::size_t { marked, dropped, asked, timed, owned };

/// What the sink says of one connection.
struct Count {
    std::uint32_t taken = 0;
    std::uint32_t late = 0;
    std::uint32_t missed = 0;
    friend bool operator==(const Count&, const Count&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Count& count) {
        return out << count.taken << " taken, " << count.late << " late, " << count.missed
                   << " missed";
    }
};

class Deadlines : public ::testing::Test {
  protected:
    void start() {
        world_.start_managers();
        world_.must({"up"});
        set_clock("0100000000000000");
    }
    void set_clock(const std::string& hex) { world_.must({"output", "set", "--hex", hex}); }
    void say() {
        world_.must({"output", "say"});
        ++said_;
    }
    Count counted(Which which) {
        const std::size_t at = which * 12;
        return {world_.request_u32("counts", at),
                world_.request_u32("counts", at + 4),
                world_.request_u32("counts", at + 8)};
    }
    /// Both ends have taken what was said.
    bool settled() {
        return eventually([&] {
            const std::uint32_t replies =
                world_.request_u32("answers", 0) + world_.request_u32("answers", 4);
            return replies == said_ && world_.connection("timed").at("accepted") == said_;
        });
    }
    /// The sink stands still for longer than events may take, while one of each is said.
    void say_while_the_sink_sleeps() {
        const pid_t sink = world_.module_process("sink");
        ASSERT_NE(sink, 0);
        ::kill(sink, SIGSTOP);
        say();
        const auto asleep = std::chrono::steady_clock::now();
        EXPECT_TRUE(eventually([&] {
            return std::chrono::steady_clock::now() - asleep > std::chrono::milliseconds(2200);
        }));
        ::kill(sink, SIGCONT);
    }
    World world_{AUTHEX_TEST_DIR "/dated"};
    std::uint32_t said_ = 0;
};

TEST_F(Deadlines, WhatComesTooLateIsMarkedOrDroppedAndTheGapIsReported) {
    start();
    say();
    ASSERT_TRUE(settled());
    for (const Which each : {marked, dropped, asked, timed}) {
        EXPECT_EQ(counted(each), (Count{.taken = 1})) << each;
    }
    say_while_the_sink_sleeps();
    ASSERT_TRUE(settled());
    EXPECT_EQ(counted(marked), (Count{.taken = 2, .late = 1}));
    EXPECT_EQ(counted(dropped), (Count{.taken = 1}));
    EXPECT_EQ(counted(asked), (Count{.taken = 1}));
    EXPECT_EQ(counted(timed), (Count{.taken = 2})) << "by a clock that has stood still";
    EXPECT_EQ(world_.request_u32("answers", 4), 1U) << "a request that was dropped has failed";
    EXPECT_EQ(world_.connection("dropped").at("refused"), 1);
    EXPECT_EQ(world_.connection("dropped").at("accepted"), 2);
    EXPECT_EQ(world_.connection("dropped").at("deadline").at("late"), "dropped");
    say();
    ASSERT_TRUE(settled());
    EXPECT_EQ(counted(dropped), (Count{.taken = 2, .missed = 1}));
    EXPECT_EQ(counted(asked), (Count{.taken = 2, .missed = 1}));
    EXPECT_EQ(counted(marked), (Count{.taken = 3, .late = 1}));
}

TEST_F(Deadlines, ModulesGoByTheClockThatTheirOwnerChose) {
    start();
    world_.must({"output", "freeze"}); // the source's clock stands still from here on
    set_clock("8284200000000000");     // 2,131,074 µs
    ASSERT_TRUE(eventually(
        [&] { return world_.connection("watch.time->sink.clock").at("accepted") == 2; }));
    say();
    ASSERT_TRUE(settled());
    EXPECT_EQ(counted(timed), Count{});
    EXPECT_EQ(counted(dropped), (Count{.taken = 1})) << "that one goes by the nodes' clocks";
    world_.must({"output", "freeze"});
    set_clock("8384200000000000");
    ASSERT_TRUE(eventually(
        [&] { return world_.connection("watch.time->source.clock").at("accepted") == 3; }));
    say();
    ASSERT_TRUE(settled());
    EXPECT_EQ(counted(timed), (Count{.taken = 1, .missed = 1}));
}

TEST_F(Deadlines, TheOwnersMessagesHaveThemToo) {
    start();
    const pid_t sink = world_.module_process("sink");
    world_.must({"output", "owned", "--hex", "01"});
    EXPECT_EQ(counted(owned), (Count{.taken = 1}));
    ::kill(sink, SIGSTOP);
    const auto late = world_.start_authex({"--timeout", "20", "output", "owned", "--hex", "01"});
    const auto asleep = std::chrono::steady_clock::now();
    EXPECT_TRUE(eventually([&] {
        return std::chrono::steady_clock::now() - asleep > std::chrono::milliseconds(2500);
    }));
    ::kill(sink, SIGCONT);
    EXPECT_EQ(late->wait(), 0) << late->err();
    EXPECT_EQ(counted(owned), (Count{.taken = 1})) << "it was taken, and not given on";
    world_.must({"output", "owned", "--hex", "01"});
    EXPECT_EQ(counted(owned), (Count{.taken = 2, .missed = 1}));
}

TEST_F(Deadlines, ARecordedRunIsRepeatedWithItsTimes) {
    start();
    const auto recorded = world_.start_authex({"record", "sink"});
    ASSERT_TRUE(recorded->says("is recorded")) << recorded->err();
    say();
    say_while_the_sink_sleeps();
    say();
    ASSERT_TRUE(settled());
    recorded->signal(SIGINT);
    ASSERT_EQ(recorded->wait(), 0) << recorded->err();
    const nlohmann::json replayed = world_.json({"replay", "sink.recording"});
    EXPECT_EQ(replayed.at("identical"), true) << replayed;
}

TEST_F(Deadlines, AChangedDeadlineKeysTheConnectionAnew) {
    start();
    world_.replace(
        "native.yaml", "to: sink.marked,  deadline: 2s", "to: sink.marked, deadline: 3s");
    world_.must({"up"});
    EXPECT_EQ(world_.connection("marked").at("epoch"), 2);
    EXPECT_EQ(world_.connection("dropped").at("epoch"), 1);
    EXPECT_TRUE(world_.json({"plan", "--json"}).at("steps").empty());
    say();
    ASSERT_TRUE(settled());
    EXPECT_EQ(counted(marked), (Count{.taken = 1}));
}

class DeadlinesOnTee : public Deadlines, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tees, DeadlinesOnTee, ::testing::Values("sgx", "trustzone"));

TEST_P(DeadlinesOnTee, HoldThere) {
    const std::string tee = GetParam();
    const std::string machine = tee == "trustzone" ? ", machine: x86-64" : "";
    for (const std::string port : {"6121", "6122"}) {
        const std::string address = ", address: 127.0.0.1:" + port;
        world_.replace("native.yaml", "native" + address, tee + address + machine);
    }
    start();
    say();
    ASSERT_TRUE(settled());
    say_while_the_sink_sleeps();
    ASSERT_TRUE(settled());
    say();
    ASSERT_TRUE(settled());
    EXPECT_EQ(counted(marked), (Count{.taken = 3, .late = 1}));
    EXPECT_EQ(counted(dropped), (Count{.taken = 2, .missed = 1}));
}

} // namespace
} // namespace authex::test
