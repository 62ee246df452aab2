// Each example does what its README says.
#include <csignal>
#include <fstream>
#include <iterator>
#include <regex>

#include <gmock/gmock.h>

#include "page.hpp"
#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

std::string logs_of(World& world, const std::string& module) {
    return world.authex({"logs", module}).out;
}

/// The same sources on nodes of each kind.
class OnTee : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Examples,
                         OnTee,
                         testing::Values("native", "sgx", "trustzone"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(OnTee, ButtonLedCountsPressesAndSwitchesTheLight) {
    World world("button-led", std::string(GetParam()) + ".yaml");
    world.start_managers();
    world.must({"up"});
    Page page(world);

    for (unsigned presses = 1; presses <= 3; ++presses) {
        world.must({"output", "trigger-btn"});
        EXPECT_TRUE(eventually([&] { return world.request_u32("get-presses") == presses; }));
        const std::string light = presses % 2 == 1 ? "01  = 1\n" : "00  = 0\n";
        EXPECT_TRUE(eventually([&] { return world.authex({"request", "get-led"}).out == light; }));
    }
    EXPECT_THAT(logs_of(world, "led"), HasSubstr("LED is on"));

    EXPECT_TRUE(page.becomes("3\n")) << page.error();
    // The page is answered each time, and the number follows.
    world.must({"output", "trigger-btn"});
    EXPECT_TRUE(page.becomes("4\n")) << page.error();
}

void module_update_counts_on(const std::string& tee) {
    const std::string descriptor = tee + ".yaml";
    World world("module-update", descriptor);
    world.start_managers();
    world.must({"up"});
    const auto reads = [&](unsigned value) {
        return eventually([&] { return world.request_u32("read") == value; });
    };
    for (int i = 0; i < 3; ++i) {
        world.must({"output", "blink"});
    }
    EXPECT_TRUE(reads(3));
    world.replace(descriptor, "meter.cpp]", "meter_2.cpp]");
    world.must({"up"});
    EXPECT_TRUE(reads(30));
    world.must({"output", "blink"});
    EXPECT_TRUE(reads(40));
    world.replace(descriptor, "meter_2.cpp]", "meter.cpp]");
    const Result back = world.authex({"up"});
    EXPECT_EQ(back.status, 1);
    EXPECT_THAT(back.err, HasSubstr("AUTHEX_MIGRATE"));
    EXPECT_TRUE(reads(40));
}

TEST_P(OnTee, ModuleUpdateCountsOnInOtherUnits) {
    module_update_counts_on(GetParam());
}

TEST(Examples, ModuleUpdateCountsOnInOtherUnitsOnAMicrocontroller) {
    module_update_counts_on("sancus");
}

TEST(Examples, StateTransferGoesThroughEveryTee) {
    World world("state-transfer", "all.yaml");
    world.start_managers();
    world.must({"up"});
    unsigned count = 0;
    EXPECT_EQ(world.request_u32("add"), ++count);
    for (const char* node : {"cloud", "phone", "field", "server", "field", "phone", "cloud"}) {
        world.must({"update", "counter", "--node", node});
        EXPECT_EQ(world.module("counter").at("node"), node);
        EXPECT_EQ(world.request_u32("add"), ++count);
    }
}

TEST_P(OnTee, PingPongPlaysAllBalls) {
    World world("ping-pong", std::string(GetParam()) + ".yaml");
    world.start_managers();
    world.must({"up"});
    // 1,000 balls of 64 bytes.
    world.must({"output", "start", "--hex", "e8030000 4000"});
    EXPECT_TRUE(eventually([&] { return world.request_u32("score") == 1000; }));
    EXPECT_EQ(world.request_u32("score", 4), 0U);
    EXPECT_THAT(logs_of(world, "ping"), HasSubstr("game over"));
}

TEST(Examples, PlayWithoutLookingBeforeTheySleep) {
    World world("ping-pong");
    world.start_managers({"--spin", "0"});
    world.must({"up"});
    std::ifstream file("/proc/" + std::to_string(world.module_process("ping")) + "/cmdline");
    const std::string words((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
    ASSERT_GT(words.size(), 3U);
    EXPECT_EQ(words.substr(words.size() - 3), std::string({0, '0', 0})) << "its host's last word";
}

TEST(Examples, ParkingTellsEveryDisplayWhatAllSensorsSay) {
    World world("parking");
    world.start_managers();
    world.must({"up"});
    const auto both_show = [&](const std::string& free_and_changes) {
        return eventually([&] {
            return world.authex({"request", "read-in"}).out == free_and_changes &&
                   world.authex({"request", "read-up"}).out == free_and_changes;
        });
    };
    world.must({"output", "car-0", "--u8", "1"});
    EXPECT_TRUE(both_show("0101000000\n"));
    world.must({"output", "car-1", "--u8", "1"});
    EXPECT_TRUE(both_show("0002000000\n"));
    world.must({"output", "car-0", "--u8", "0"});
    EXPECT_TRUE(both_show("0103000000\n"));
}

TEST(Examples, IrrigationWithoutATeeWatersDrySoil) {
    World world("irrigation");
    world.start_managers();
    world.must({"up"});
    const auto becomes = [&](std::uint32_t openings, const std::string& open) {
        return eventually([&] {
            return world.request_u32("read", 1) == openings &&
                   world.authex({"request", "read"}).out.starts_with(open);
        });
    };
    world.must({"output", "measure", "--u16", "20"});
    world.must({"output", "ask"});
    EXPECT_TRUE(becomes(1, "01"));
    EXPECT_THAT(logs_of(world, "tap"), HasSubstr("the tap is open"));
    world.must({"output", "measure", "--u16", "45"});
    world.must({"output", "ask"});
    EXPECT_TRUE(becomes(1, "00"));
    Page page(world);
    EXPECT_TRUE(page.becomes("the tap is closed, opened 1 times\n")) << page.error();
}

TEST(Examples, StateMachineInCRefusesWhatTheStateDoesNotAllow) {
    World world("state-machine-c");
    world.start_managers();
    world.must({"up"});
    const auto shows = [&](const std::string& state_done_refused) {
        return eventually([&] {
            return world.authex({"request", "read"}).out == state_done_refused + "\n";
        });
    };
    world.must({"output", "press", "--u8", "3"}); // lock
    EXPECT_TRUE(shows("020100000000000000"));
    world.must({"output", "press", "--u8", "1"}); // open: it is locked
    EXPECT_TRUE(shows("020100000001000000"));
    world.must({"output", "press", "--u8", "4"}); // unlock
    world.must({"output", "press", "--u8", "1"}); // open
    EXPECT_TRUE(shows("010300000001000000"));
}

TEST(Examples, RunFromASourceTreeThatCannotBeWritten) {
    World world("ping-pong");
    world.start_managers();
    const std::filesystem::path folder = world.folder();
    std::filesystem::remove_all(folder / ".authex");
    std::filesystem::permissions(folder, std::filesystem::perms(0555));
    const TemporaryFolder state;
    const std::string directory = state.path() / "state";
    world.must({"--state", directory, "up"});
    world.must({"--state", directory, "output", "start", "--hex", "0a0000000100"});
    EXPECT_TRUE(eventually([&] {
        return world.authex({"--state", directory, "request", "score"}).out == "0a00000000000000\n";
    }));
    EXPECT_FALSE(std::filesystem::exists(folder / ".authex"));
    std::filesystem::permissions(folder, std::filesystem::perms(0755));
}

} // namespace
} // namespace authex::test
