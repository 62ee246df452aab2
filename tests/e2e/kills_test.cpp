// Any program is killed with signal 9 while events flow as fast as they can.
#include <csignal>
#include <thread>

#include <gmock/gmock.h>

#include "counted.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

class Kills : public ::testing::Test {
  protected:
    void kill_manager(const std::string& node) {
        world_.manager(node).signal(SIGKILL);
        EXPECT_EQ(world_.manager(node).wait(), -SIGKILL);
    }
    void kill_module(const std::string& name) {
        const pid_t process = world_.module_process(name);
        ASSERT_NE(process, 0) << name;
        ::kill(process, SIGKILL);
        ASSERT_TRUE(eventually([&] { return world_.module(name).at("state") == "failed"; }));
    }
    /// Waits until more events have come through than before.
    [[nodiscard]] bool flows() {
        const std::uint32_t before = world_.taken().events;
        return eventually([&] { return world_.taken().events > before; });
    }
    Counted world_;
};

TEST_F(Kills, EitherManagerUnderLoadLosesDoublesAndReordersNothing) {
    world_.start_managers();
    world_.must({"up"});
    constexpr std::uint32_t events = 1'000'000;
    world_.begin({.events = events, .bytes = 100, .batch = 64, .pause_us = 0});
    int kills = 0;
    for (const char* node : {"left", "right", "left", "right"}) {
        const std::uint32_t before = world_.taken().events;
        ASSERT_TRUE(eventually([&] {
            const std::uint32_t now = world_.taken().events;
            return now > before || now == events;
        })) << "after "
            << before;
        kills += world_.sent() < events ? 1 : 0;
        kill_manager(node);
        world_.restart_manager(node);
    }
    EXPECT_GT(kills, 0) << "there was load";
    EXPECT_TRUE(world_.arrives(events));
}

// A module's timer is a promise of its manager: of the one that comes after it, too.
TEST_F(Kills, AModulesTimerOutlivesItsManager) {
    world_.start_managers();
    world_.must({"up"});
    world_.begin({.events = 2, .batch = 1, .pause_us = 3'000'000}); // one now, one later
    kill_manager("left");
    world_.restart_manager("left");
    EXPECT_TRUE(world_.arrives(2));
}

TEST_F(Kills, AModuleUnderLoadIsHealedByUpAndNothingComesTwiceOrOutOfOrder) {
    world_.start_managers();
    world_.must({"up"});
    world_.begin({.events = 100'000'000, .bytes = 100, .batch = 16, .pause_us = 500});
    ASSERT_TRUE(flows());
    // What was in a dead module's hands is gone with it: a gap, and nothing else.
    kill_module("relay");
    world_.must({"up"});
    ASSERT_TRUE(flows());
    EXPECT_LE(world_.taken().gaps, 1U);
    EXPECT_EQ(world_.taken().behind, 0U);

    kill_module("sink");
    world_.must({"up"});
    ASSERT_TRUE(flows());
    EXPECT_LE(world_.taken().gaps, 1U) << "it begins where it was connected";
    EXPECT_EQ(world_.taken().behind, 0U);

    kill_module("source");
    world_.must({"up"});
    const Taken before = world_.taken();
    world_.begin({.events = 1000, .batch = 16, .pause_us = 0});
    EXPECT_TRUE(eventually([&] { return world_.taken().expected == 1000; }));
    const Taken after = world_.taken();
    EXPECT_EQ(after.events, before.events + 1000) << "a new source counts from 0";
    EXPECT_EQ(after.behind, before.behind + 1);
    EXPECT_EQ(after.gaps, before.gaps);
}

/// Starts `up`, and acts once it has told of so many steps. @return false: there were fewer
template <typename Action>
bool at_step(Counted& world, std::size_t step, const Action& action) {
    const auto up = world.start_authex({"-v", "up"});
    const auto lines = [&] {
        const std::string said = up->out() + up->err();
        return static_cast<std::size_t>(std::count(said.begin(), said.end(), '\n'));
    };
    const bool reached =
        eventually([&] { return lines() >= step || !up->running(); }) && up->running();
    action(*up);
    (void)up->wait();
    return reached;
}

class KillsAtEachStep : public Kills {
  protected:
    void SetUp() override {
        world_.start_managers();
        // Without what is brought up later, and with what flows all the time.
        whole_ = world_.read("native.yaml");
        std::string part = whole_;
        for (const char* line : {"  beside: {", "  across: {", "  - { name: beside,"}) {
            erase_line(part, line);
        }
        for (const char* line : {"begin-beside", "sent-beside", "taken-beside"}) {
            erase_line(part, std::string("  - { name: ") + line);
        }
        part_ = part;
        world_.must({"build"});
        world_.write("native.yaml", part_);
        world_.must({"up"});
        world_.begin({.events = 100'000'000, .bytes = 100, .batch = 16, .pause_us = 500});
        ASSERT_TRUE(flows());
    }
    static void erase_line(std::string& text, const std::string& begin) {
        const std::size_t at = text.find(begin);
        ASSERT_NE(at, std::string::npos) << begin;
        text.erase(at, text.find('\n', at) + 1 - at);
    }
    /// What flowed all the time is whole.
    void expect_nothing_lost() {
        EXPECT_TRUE(flows());
        const Taken taken = world_.taken();
        EXPECT_EQ(taken.events, taken.expected);
        EXPECT_EQ(taken.gaps, 0U);
        EXPECT_EQ(taken.behind, 0U);
    }
    std::string whole_;
    std::string part_;
};

TEST_F(KillsAtEachStep, ADeployerKilledUnderLoadHarmsNothingAndTheNextOneGoesOn) {
    for (std::size_t step = 0;; ++step) {
        world_.write("native.yaml", whole_);
        const bool reached = at_step(world_, step, [](Process& up) { up.signal(SIGKILL); });
        world_.must({"up"});
        world_.begin_beside({.events = 10, .batch = 10});
        ASSERT_TRUE(world_.arrives_beside(10));
        if (!reached) {
            EXPECT_GT(step, 3U) << "`up` told of its steps";
            break;
        }
        world_.write("native.yaml", part_);
        world_.must({"up"});
    }
    expect_nothing_lost();
}

TEST_F(KillsAtEachStep, AManagerKilledUnderLoadIsNamedByUpWhichLaterGoesOn) {
    for (std::size_t step = 0; step < 20; step += 2) {
        const std::string node = step % 4 == 0 ? "right" : "left";
        world_.write("native.yaml", whole_);
        const bool reached = at_step(world_, step, [&](Process& up) {
            kill_manager(node);
            if (up.wait() != 0) {
                EXPECT_THAT(up.err(), HasSubstr("node " + node));
            }
        });
        world_.restart_manager(node);
        world_.must({"up"});
        world_.begin_beside({.events = 10, .batch = 10});
        ASSERT_TRUE(world_.arrives_beside(10));
        if (!reached) {
            break;
        }
        world_.write("native.yaml", part_);
        world_.must({"up"});
    }
    expect_nothing_lost();
}

} // namespace
} // namespace authex::test
