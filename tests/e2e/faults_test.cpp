// Programs die at any moment; events neither get lost nor come twice.
#include <csignal>
#include <random>

#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

/// Little-endian: number of balls, size of each.
std::string game(std::uint32_t balls, std::uint16_t size) {
    char text[16];
    std::snprintf(text,
                  sizeof text,
                  "%02x%02x%02x%02x%02x%02x",
                  balls & 0xFFU,
                  balls >> 8U & 0xFFU,
                  balls >> 16U & 0xFFU,
                  balls >> 24U,
                  size & 0xFFU,
                  static_cast<unsigned>(size) >> 8U);
    return text;
}

TEST(Faults, AManagerKilledUnderLoadLosesNothing) {
    World world("ping-pong");
    world.start_managers();
    world.must({"up"});
    constexpr std::uint32_t balls = 20000;
    world.must({"output", "start", "--hex", game(balls, 64)});
    std::uint32_t score = 0;
    for (const char* node : {"right", "left", "right"}) {
        const std::uint32_t before = score;
        (void)eventually([&] { return (score = world.request_u32("score")) > before; });
        world.manager(node).signal(SIGKILL);
        EXPECT_EQ(world.manager(node).wait(), -SIGKILL);
        world.restart_manager(node);
    }
    // The game has one ball: lost, it would stop; doubled, there would be more rallies than balls.
    EXPECT_TRUE(
        eventually([&] { return world.request_u32("score") == balls; }, std::chrono::seconds(60)))
        << world.request_u32("score");
    EXPECT_EQ(world.request_u32("score", 4), 0U);
    for (const char* name : {"ping.ping->pong.ping", "pong.pong->ping.pong"}) {
        const auto connection = world.connection(name);
        EXPECT_EQ(connection.at("sent"), balls);
        EXPECT_EQ(connection.at("accepted"), balls);
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
