// Keys of connections with a microcontroller are turned while events go over it.
#include <csignal>

#include <gmock/gmock.h>

#include "counted.hpp"
#include "powered_board.hpp"
#include "support/temporary_folder.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

class BoardKeys : public ::testing::Test {
  protected:
    void start() {
        world_.set_line("field", board_.device());
        world_.start_managers();
        world_.must({"up"});
    }
    std::uint32_t arrived() {
        const auto shown = world_.display("across");
        return shown ? shown->events : 0;
    }
    void expect_whole(std::uint32_t events) {
        EXPECT_TRUE(eventually([&] { return arrived() >= events; })) << arrived();
        const Taken taken = world_.display("across").value_or(Taken{});
        EXPECT_EQ(taken.events, events);
        EXPECT_EQ(taken.gaps, 0U) << "lost";
        EXPECT_EQ(taken.behind, 0U) << "doubled or reordered";
    }
    void press_and_see(bool light, const std::string& button = "button0") {
        ASSERT_TRUE(board_.press(button));
        EXPECT_EQ(board_.control({"wait", "led0", light ? "on" : "off", "--timeout", "20"}).status,
                  0);
    }

    Counted world_{AUTHEX_TEST_DIR "/counted", "sancus.yaml"};
    TemporaryFolder folder_;
    PoweredBoard board_{folder_.path(), world_.folder() / "board.yaml"};
};

TEST_F(BoardKeys, TurnUnderLoadAndNothingWaitsOrIsLost) {
    start();
    constexpr std::uint32_t events = 300;
    world_.begin_beside({.events = events, .bytes = 16, .batch = 4, .pause_us = 50'000});
    int turned = 0;
    int under_load = 0;
    for (int round = 0; round < 8; ++round) {
        const Result result = world_.authex({"connect", "--turn"});
        // What was sealed under the key before may be on its way still.
        EXPECT_TRUE(result.status == 0 || result.err.find("turned last") != std::string::npos)
            << result.err;
        turned += result.status == 0 ? 1 : 0;
        under_load += arrived() < events ? 1 : 0;
        press_and_see(round % 2 == 0);
        if (round == 4) {
            ::kill(world_.module_process("beside"), SIGKILL);
            world_.must({"up"});
        }
    }
    EXPECT_GT(under_load, 0) << "there was load";
    EXPECT_GT(turned, 1);
    expect_whole(events);
    for (const char* name : {"beside", "beyond", "press", "light"}) {
        EXPECT_EQ(world_.connection(name).at("epoch"), 1) << name;
    }
}

TEST_F(BoardKeys, TurnByThemselves) {
    start();
    const auto watch = world_.start_authex({"watch", "--turn-keys-every", "3s"});
    world_.begin_beside({.events = 60, .bytes = 16, .batch = 1, .pause_us = 100'000});
    for (const char* name : {"beside", "beyond", "press", "light"}) {
        EXPECT_TRUE(eventually([&] {
            return world_.authex({"journal"}).out.find("turn       key " + std::string(name)) !=
                   std::string::npos;
        })) << name
            << world_.authex({"journal"}).out;
    }
    watch->signal(SIGTERM);
    EXPECT_EQ(watch->wait(), 0);
    press_and_see(true);
    expect_whole(60);
}

TEST_F(BoardKeys, TurnBetweenTwoModulesOfTheBoard) {
    world_.replace("sancus.yaml",
                   "from: lamp.light,      to: led.set }",
                   "from: button.pressed,  to: led.set_pins }");
    start();
    for (int round = 0; round < 4; ++round) {
        world_.must({"connect", "--turn", "--connection", "light"});
        const bool light = round % 2 == 0;
        press_and_see(light, light ? "button0" : "button1");
    }
    EXPECT_EQ(world_.connection("light").at("epoch"), 1);
}

TEST_F(BoardKeys, StayWhereAModuleHasRoomForOne) {
    world_.replace("sancus.yaml",
                   "echo:   { node: field, sources: [echo.cpp] }",
                   "echo:   { node: field, sources: [echo.cpp], max: { keys: 1 } }");
    start();
    const Result refused = world_.authex({"connect", "--turn", "--connection", "beside"});
    EXPECT_NE(refused.status, 0);
    EXPECT_THAT(refused.err, HasSubstr("module echo has room for one (`max: { keys: 1 }`)"));
    EXPECT_EQ(world_.authex({"connect", "--turn"}).status, 0) << "the others";
    press_and_see(true);
    world_.begin_beside({.events = 10, .bytes = 16, .batch = 1, .pause_us = 1000});
    expect_whole(10);
}

} // namespace
} // namespace authex::test
