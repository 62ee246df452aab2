// Programs die at any moment; events neither get lost nor come twice.
#include <csignal>
#include <random>

#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

TEST(Faults, AManagerKilledUnderLoadLosesNothing) {
    World world("ping-pong");
    world.start_managers();
    world.must({"up"});
    // More balls than can be played, so that the game goes on through all that follows.
    world.must({"output", "start", "--hex", "ffffffff 4000"});
    std::uint32_t rallies = 0;
    const auto goes_on = [&] {
        const std::uint32_t before = rallies;
        return eventually([&] { return (rallies = world.request_u32("score")) > before; });
    };
    for (const char* node : {"right", "left", "right"}) {
        ASSERT_TRUE(goes_on());
        world.manager(node).signal(SIGKILL);
        EXPECT_EQ(world.manager(node).wait(), -SIGKILL);
        world.restart_manager(node);
    }
    ASSERT_TRUE(goes_on());
    // With a game of one ball, this one's and the other's come home, and nothing is played on.
    world.must({"output", "start", "--hex", "01000000 4000"});
    ASSERT_TRUE(eventually([&] {
        const nlohmann::json there = world.connection("ping.ping->pong.ping");
        const nlohmann::json back = world.connection("pong.pong->ping.pong");
        return there.at("sent") == back.at("accepted") && world.request_u32("score", 4) == 0;
    })) << world.authex({"status"}).out;
    // A ball that was lost would be missing here, one that came twice be too many.
    rallies = world.request_u32("score");
    for (const char* name : {"ping.ping->pong.ping", "pong.pong->ping.pong"}) {
        const nlohmann::json connection = world.connection(name);
        EXPECT_EQ(connection.at("sent"), rallies) << name;
        EXPECT_EQ(connection.at("accepted"), rallies) << name;
        EXPECT_EQ(connection.at("waiting"), 0) << name;
    }
}

TEST(Faults, BothManagersKilledAtOnceComeBackWithAllThatWaited) {
    World world("button-led");
    world.start_managers();
    world.must({"up"});
    for (int i = 0; i < 5; ++i) {
        world.must({"output", "trigger-btn"});
    }
    for (const char* node : {"field", "cloud"}) {
        world.manager(node).signal(SIGKILL);
    }
    for (const char* node : {"field", "cloud"}) {
        (void)world.manager(node).wait();
        world.restart_manager(node);
    }
    for (int i = 0; i < 5; ++i) {
        world.must({"output", "trigger-btn"});
    }
    EXPECT_TRUE(eventually([&] { return world.request_u32("get-presses") == 10; }))
        << world.request_u32("get-presses");
}

TEST(Faults, EventsWaitWhileTheOtherNodeIsAway) {
    World world("button-led");
    world.start_managers();
    world.must({"up"});
    world.manager("cloud").signal(SIGKILL);
    (void)world.manager("cloud").wait();
    for (int i = 0; i < 7; ++i) {
        world.must({"output", "trigger-btn"});
    }
    world.restart_manager("cloud");
    EXPECT_TRUE(eventually([&] { return world.request_u32("get-presses") == 7; }))
        << world.request_u32("get-presses");
}

TEST(Faults, AKilledModuleIsShownWithItsSignalAndLastLinesAndUpHealsIt) {
    World world("button-led");
    world.start_managers();
    world.must({"up"});
    world.must({"output", "trigger-btn"});
    ASSERT_TRUE(eventually([&] {
        return world.authex({"request", "get-led"}).out == "01  = 1\n";
    }));
    const pid_t led = world.module_process("led");
    ASSERT_NE(led, 0);
    ::kill(led, SIGKILL);
    nlohmann::json module;
    ASSERT_TRUE(eventually([&] { return (module = world.module("led")).at("state") == "failed"; }));
    EXPECT_THAT(module.at("failure").get<std::string>(), HasSubstr("signal 9"));
    EXPECT_THAT(module.at("last_lines").dump(), HasSubstr("LED is on"));
    const Result text = world.authex({"status"});
    EXPECT_THAT(text.out, HasSubstr("failed"));
    EXPECT_THAT(text.out, HasSubstr("LED is on"));

    world.must({"up"});
    EXPECT_EQ(world.module("led").at("state"), "running");
    world.must({"output", "trigger-btn"});
    world.must({"output", "trigger-btn"});
    EXPECT_TRUE(eventually([&] {
        return world.authex({"request", "get-led"}).out == "01  = 1\n";
    }));
    EXPECT_TRUE(eventually([&] { return world.request_u32("get-presses") == 3; }));
}

TEST(Faults, UpGoesOnWhereAKilledUpHasStopped) {
    World world("button-led");
    world.start_managers();
    world.must({"build"});
    std::mt19937 random(20260711);
    for (int round = 0; round < 12; ++round) {
        const auto up = world.start_authex({"up"});
        const std::chrono::milliseconds moment(random() % 250);
        if (eventually([&] { return !up->running(); }, moment)) {
            world.must({"connect", "--again"}); // there is work again
            continue;
        }
        up->signal(SIGKILL);
        (void)up->wait();
    }
    world.must({"up"});
    world.must({"output", "trigger-btn"});
    EXPECT_TRUE(eventually([&] { return world.request_u32("get-presses") == 1; }));
    EXPECT_THAT(world.authex({"plan"}).out, HasSubstr("nothing to do"));
}

TEST(Faults, TwoDeployersAtOnceDoNotMix) {
    World world("button-led");
    world.start_managers();
    world.must({"build"});
    const auto first = world.start_authex({"up"});
    const auto second = world.start_authex({"up"});
    const int one = first->wait();
    const int other = second->wait();
    EXPECT_TRUE(one == 0 || other == 0) << first->err() << second->err();
    world.must({"up"});
    world.must({"output", "trigger-btn"});
    EXPECT_TRUE(eventually([&] { return world.request_u32("get-presses") == 1; }));
}

} // namespace
} // namespace authex::test
