#include "sancus_emulator/program/panel.hpp"

#include <gtest/gtest.h>

#include "sancus_emulator/board.hpp"

namespace authex::sancus_emulator::test {
namespace {

class PanelTest : public testing::Test {
  protected:
    PanelTest() : machine(Configuration{}, devices()), watcher(symbols, reporter, false) {
        // jmp to itself
        const std::array<std::uint8_t, 2> loop = {0xFF, 0x3F};
        machine.load(0x5C00, loop);
        const std::array<std::uint8_t, 2> entry = {0x00, 0x5C};
        machine.load(0xFFFE, entry);
        machine.reset();
        machine.observe(&watcher);
    }
    static std::vector<NamedDevice> devices() {
        const auto board = open_board("default");
        auto made = make_devices(*board, nullptr, RandomSeed{});
        return std::move(made->devices);
    }
    nlohmann::ordered_json ask(std::string_view line) { return panel.answer(line); }
    std::string error(std::string_view line) {
        const auto answer = ask(line);
        return answer["ok"] == false ? answer["error"]["code"].get<std::string>() : "none";
    }

    Machine machine;
    Symbols symbols{{{"loop", 0x5C00, 2}}};
    Reporter reporter{false, true};
    Watcher watcher;
    Panel panel{machine, symbols, watcher};
};

TEST_F(PanelTest, PressesAndShows) {
    EXPECT_EQ(ask("show button0").dump(), R"({"ok":true,"name":"button0","shown":"released"})");
    EXPECT_EQ(ask("press button0").dump(), R"({"ok":true})");
    EXPECT_EQ(ask("show button0")["shown"], "pressed");
    EXPECT_EQ(machine.devices().read(0x20, 0), 1U);
    EXPECT_EQ(ask("release button0\r")["ok"], true);
    EXPECT_EQ(machine.devices().read(0x20, 0), 0U);
}

TEST_F(PanelTest, SetsSensors) {
    EXPECT_EQ(ask("  set   temperature  21.5 ")["ok"], true);
    EXPECT_EQ(machine.devices().read(0x1A8, 0), 2150U);
    EXPECT_EQ(error("set temperature warm"), "input-unknown");
    EXPECT_EQ(error("set temperature"), "input-unknown");
}

TEST_F(PanelTest, ListsEachDevice) {
    const auto answer = ask("list");
    bool found = false;
    for (const auto& device : answer["devices"]) {
        found = found || (device["name"] == "led3" && device["shown"] == "off");
    }
    EXPECT_TRUE(found) << answer.dump();
}

TEST_F(PanelTest, TellsTheStatus) {
    const auto answer = ask("status");
    EXPECT_EQ(answer["pc"], 0x5C00);
    EXPECT_EQ(answer["symbol"], "loop");
    EXPECT_EQ(answer["paused"], false);
    EXPECT_EQ(answer["asleep"], false);
    EXPECT_TRUE(answer["modules"].empty());
}

TEST_F(PanelTest, HoldsTheMachineWhilePaused) {
    EXPECT_EQ(panel.run(machine, 10), Stop::limit);
    EXPECT_EQ(ask("pause")["ok"], true);
    EXPECT_EQ(panel.run(machine, 100), std::nullopt);
    EXPECT_LT(machine.core().cycle, 20U);
    EXPECT_EQ(ask("status")["paused"], true);
    EXPECT_EQ(ask("continue")["ok"], true);
    EXPECT_EQ(panel.run(machine, 100), Stop::limit);
}

TEST_F(PanelTest, ResetsAndStops) {
    machine.core().r[4] = 7;
    machine.core().r[reg::sr] = status::cpu_off;
    EXPECT_EQ(panel.run(machine, 10), Stop::off);
    EXPECT_EQ(ask("reset")["ok"], true);
    EXPECT_EQ(panel.run(machine, 20), Stop::limit);
    EXPECT_EQ(machine.core().r[4], 0U);
    EXPECT_EQ(watcher.resets(), 1U);
    EXPECT_EQ(panel.run(machine, 100), Stop::limit);
    EXPECT_EQ(watcher.resets(), 1U) << "it is over";
    EXPECT_EQ(error("release reset"), "input-unknown");
    EXPECT_FALSE(panel.stop_asked());
    EXPECT_EQ(ask("stop")["ok"], true);
    EXPECT_TRUE(panel.stop_asked());
}

TEST_F(PanelTest, RefusesWhatItDoesNotKnow) {
    for (const char* line : {"", " ", "prss button0", "list all", "stop now"}) {
        EXPECT_EQ(error(line), "usage") << line;
    }
    for (const char* line : {"press", "press buton0", "show nothing", "set nothing 1"}) {
        EXPECT_EQ(error(line), "device-unknown") << line;
    }
    EXPECT_EQ(error("press led0"), "input-unknown");
    EXPECT_EQ(error("press watchdog"), "input-unknown");
    EXPECT_NE(ask("press buton0")["error"]["fix"].dump().find("button0"), std::string::npos);
}

TEST_F(PanelTest, AnswersAnyBytesWithText) {
    EXPECT_EQ(error(std::string("show \xFF\xFE\0", 8)), "device-unknown");
}

} // namespace
} // namespace authex::sancus_emulator::test
