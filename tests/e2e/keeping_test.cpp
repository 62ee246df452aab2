// Modules whose state is kept are killed while numbered events flow through them.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>

#include "counted.hpp"
#include "powered_board.hpp"
#include "support/temporary_folder.hpp"

namespace authex::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::array modules = {"source", "relay", "sink"};

class Keeping : public ::testing::Test {
  protected:
    void SetUp() override {
        for (const char* place :
             {"source: { node: left,  ", "relay:  { node: right, ", "sink:   { node: left,  "}) {
            world_.replace("native.yaml", place, std::string(place) + "persist: true, ");
        }
    }
    void start(const std::vector<std::string>& more_options = {}) {
        world_.start_managers(more_options);
        world_.must({"up"});
    }
    void kill_module(const std::string& name) {
        const pid_t process = world_.module_process(name);
        ASSERT_NE(process, 0) << name;
        ::kill(process, SIGKILL);
        ASSERT_TRUE(eventually([&] { return world_.module(name).at("state") == "failed"; }));
    }
    /// What a node has kept of a module.
    [[nodiscard]] fs::path kept(const std::string& node, const std::string& module) const {
        for (const auto& deployment : fs::directory_iterator(world_.state(node) / "modules")) {
            return deployment.path() / module / "state";
        }
        return {};
    }
    static std::string content(const fs::path& file) {
        std::ifstream stream(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    static void put(const fs::path& file, const std::string& content) {
        std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
    }
    Counted world_;
};

TEST_F(Keeping, UnderLoadModulesDieAgainAndAgainAndNothingIsLostOrDoubled) {
    start();
    constexpr std::uint32_t events = 120'000;
    world_.begin({.events = events, .bytes = 64, .batch = 8, .pause_us = 400});
    int under_load = 0;
    for (int round = 0; round < 3; ++round) {
        for (const char* module : modules) {
            kill_module(module);
            world_.must({"up"});
            under_load += world_.sent() < events ? 1 : 0;
        }
    }
    EXPECT_GT(under_load, 0) << "there was load";
    EXPECT_TRUE(world_.arrives(events));
    EXPECT_EQ(world_.connection("there").at("epoch"), 1);
    EXPECT_TRUE(world_.json({"plan", "--json"}).at("steps").empty());
}

/// A module on a microcontroller has room for two keys of a connection; or for one, and then what
/// waits for it is taken under that.
class KeepingBesideABoard : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Keys, KeepingBesideABoard, ::testing::Values("", ", max: { keys: 1 }"));

TEST_P(KeepingBesideABoard, WhatASenderHasSaidBeforeItDiesIsTaken) {
    Counted world(AUTHEX_TEST_DIR "/counted", "sancus.yaml");
    world.replace("sancus.yaml",
                  "sources: [echo.cpp] }",
                  std::string("sources: [echo.cpp]") + GetParam() + " }");
    TemporaryFolder folder;
    PoweredBoard board(folder.path(), world.folder() / "board.yaml");
    world.set_line("field", board.device());
    world.start_managers();
    world.must({"up"});
    constexpr std::uint32_t events = 40;
    const auto taken = [&] {
        const auto shown = world.display("across");
        return shown ? *shown : Taken{};
    };
    world.begin_beside({.events = events, .bytes = 16, .batch = 4});
    ASSERT_TRUE(eventually([&] { return taken().events == events; }));
    for (std::uint32_t round = 2; round <= 3; ++round) {
        ::kill(board.pid(), SIGSTOP);
        world.begin_beside({.events = events, .bytes = 16, .batch = 4});
        ASSERT_TRUE(eventually([&] { return world.connection("beside").at("waiting") == events; }))
            << world.connection("beside");
        const pid_t process = world.module_process("beside");
        ASSERT_GT(process, 0);
        ::kill(process, SIGKILL);
        const auto up = world.start_authex({"up"});
        ::kill(board.pid(), SIGCONT);
        // It may have asked before the board was heard again.
        EXPECT_TRUE(up->wait() == 0 || eventually([&] { return world.authex({"up"}).status == 0; }))
            << up->err();
        EXPECT_TRUE(eventually([&] { return taken().events == events * round; }))
            << taken().events << " of " << events * round;
        EXPECT_EQ(taken().gaps, 0U) << "lost";
        EXPECT_EQ(taken().behind, 0U) << "doubled or reordered";
    }
}

/// Of nodes that wait for their disks, or do not.
class KeepingNodes : public Keeping, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Durable, KeepingNodes, ::testing::Bool());

// As when a machine is switched off: managers and modules are gone at once.
TEST_P(KeepingNodes, EverythingDiesAtOnceAndGoesOn) {
    start(GetParam() ? std::vector<std::string>{"--durable"} : std::vector<std::string>());
    constexpr std::size_t durable_at = 24; // kept_area.hpp
    EXPECT_EQ(content(kept("right", "relay")).at(durable_at) != 0, GetParam());
    const std::uint32_t events =
        GetParam() ? 15'000 : 60'000; // a busy disk takes a thousand a second
    world_.begin({.events = events, .bytes = 64, .batch = 8, .pause_us = 400});
    int under_load = 0;
    for (int round = 0; round < 2; ++round) {
        ASSERT_TRUE(eventually(
            [&, before = world_.taken().events] { return world_.taken().events > before; }));
        under_load += world_.sent() < events ? 1 : 0;
        std::vector<pid_t> processes;
        for (const char* module : {"source", "relay", "sink", "beside", "across"}) {
            processes.push_back(world_.module_process(module));
        }
        for (const char* node : {"left", "right"}) {
            world_.manager(node).signal(SIGKILL);
        }
        for (const pid_t process : processes) {
            ::kill(process, SIGKILL);
        }
        for (const char* node : {"left", "right"}) {
            EXPECT_EQ(world_.manager(node).wait(), -SIGKILL);
            world_.restart_manager(node);
        }
        world_.must({"up"});
    }
    EXPECT_GT(under_load, 0) << "there was load";
    EXPECT_TRUE(world_.arrives(events));
}

TEST_F(Keeping, AnOldStateIsRefusedAndTheLastOneTaken) {
    start();
    world_.begin({.events = 100, .batch = 100});
    ASSERT_TRUE(world_.arrives(100));
    const std::string old = content(kept("right", "relay"));
    world_.begin({.events = 200, .batch = 100});
    ASSERT_TRUE(eventually([&] { return world_.taken().events == 300; }));
    kill_module("relay");
    const std::string last = content(kept("right", "relay"));
    put(kept("right", "relay"), old);
    const Result refused = world_.authex({"up"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("is not the last one: module sink has come to 300"));
    put(kept("right", "relay"), last);
    world_.must({"up"});
    world_.begin({.events = 50, .batch = 50});
    EXPECT_TRUE(eventually([&] { return world_.taken().events == 350; }));
    EXPECT_EQ(world_.connection("there").at("epoch"), 1);
}

TEST_F(Keeping, ADamagedFileIsNamedAndWhatToDo) {
    start();
    kill_module("relay");
    put(kept("right", "relay"), "no state");
    const Result refused = world_.authex({"up"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("damaged"));
    EXPECT_THAT(world_.authex({"up"}).err, HasSubstr("damaged")) << "it says so again";
    world_.must({"up", "--afresh"});
    EXPECT_TRUE(world_.json({"plan", "--json"}).at("steps").empty());

    kill_module("relay");
    fs::remove(kept("right", "relay"));
    fs::remove(kept("right", "relay").string() + ".damaged");
    const Result lost = world_.authex({"up"});
    EXPECT_EQ(lost.status, 1);
    EXPECT_THAT(lost.err, HasSubstr("node right has kept no state of module relay"));
    EXPECT_THAT(lost.err, HasSubstr("authex up --afresh relay"));
    EXPECT_THAT(world_.authex({"up", "--afresh", "really"}).err,
                HasSubstr("the descriptor has no module really"));
    world_.must({"up", "--afresh", "relay"});
    EXPECT_TRUE(world_.json({"plan", "--json"}).at("steps").empty());
}

TEST_F(Keeping, NewCodeOfADeadModuleGetsTheStateOfTheOldOne) {
    start();
    world_.begin({.events = 100, .batch = 100});
    ASSERT_TRUE(world_.arrives(100));
    kill_module("sink");
    world_.replace("sink.cpp",
                   "#include <authex/module.hpp>\n",
                   "#include <authex/module.hpp>\nAUTHEX_ENTRY(another, call) {}\n");
    world_.must({"up"});
    EXPECT_EQ(world_.taken().events, 100U);
    world_.begin({.events = 50, .batch = 50});
    EXPECT_TRUE(eventually([&] { return world_.taken().events == 150; }));
}

TEST_F(Keeping, AWatchBringsAModuleBack) {
    start();
    constexpr std::uint32_t events = 30'000;
    const auto watch = world_.start_authex({"watch"});
    world_.begin({.events = events, .bytes = 64, .batch = 4, .pause_us = 400});
    for (const char* module : modules) {
        const pid_t before = world_.module_process(module);
        ::kill(before, SIGKILL);
        ASSERT_TRUE(eventually([&] {
            const pid_t now = world_.module_process(module);
            return now != 0 && now != before && world_.module(module).at("state") == "running";
        }));
    }
    EXPECT_TRUE(world_.arrives(events));
    watch->signal(SIGTERM);
    EXPECT_EQ(watch->wait(), 0);
}

TEST_F(Keeping, KeysTurnUnderLoadAndNothingWaitsOrIsLost) {
    start();
    constexpr std::uint32_t events = 60'000;
    world_.begin({.events = events, .bytes = 64, .batch = 8, .pause_us = 400});
    int under_load = 0;
    for (int turn = 0; turn < 10; ++turn) {
        const Result turned = world_.authex({"connect", "--turn"});
        // What was sealed under the key before may be on its way still.
        EXPECT_TRUE(turned.status == 0 || turned.err.find("turned last") != std::string::npos)
            << turned.err;
        under_load += world_.sent() < events ? 1 : 0;
        if (turn == 5) {
            kill_module("relay");
            world_.must({"up"});
        }
    }
    EXPECT_GT(under_load, 0) << "there was load";
    EXPECT_TRUE(world_.arrives(events));
    EXPECT_EQ(world_.connection("there").at("epoch"), 1);
}

/// States that are sealed now and then, and not after each batch.
class KeepingNowAndThen : public Keeping, public ::testing::WithParamInterface<const char*> {
  protected:
    void SetUp() override {
        Keeping::SetUp();
        std::string text = world_.read("native.yaml");
        for (std::size_t at = 0; (at = text.find("persist: true", at)) != std::string::npos;) {
            text.replace(at, 13, "persist: { every: 20ms }");
        }
        for (std::size_t at = 0; (at = text.find("tee: native", at)) != std::string::npos;
             at += 5) {
            text.replace(at + 5, 6, GetParam());
        }
        world_.write("native.yaml", text);
    }
};
INSTANTIATE_TEST_SUITE_P(Tees, KeepingNowAndThen, ::testing::Values("native", "sgx", "trustzone"));

TEST_P(KeepingNowAndThen, ModulesDieInBetweenAndNothingIsLostOrDoubled) {
    start();
    constexpr std::uint32_t events = 20'000;
    world_.begin({.events = events, .bytes = 64, .batch = 64, .pause_us = 1000});
    for (int round = 0; round < 2; ++round) {
        for (const char* module : modules) {
            kill_module(module);
            world_.must({"up"});
        }
    }
    EXPECT_TRUE(world_.arrives(events));
    EXPECT_EQ(world_.connection("there").at("epoch"), 1);
}

class KeepingOnTee : public Keeping, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tees, KeepingOnTee, ::testing::Values("sgx", "trustzone"));

TEST_P(KeepingOnTee, ModulesComeBackWithStateAndConnections) {
    for (const char* node : {"right:", "left: "}) {
        world_.replace("native.yaml",
                       std::string(node) + " { tee: native",
                       std::string(node) + " { tee: " + GetParam());
    }
    start();
    constexpr std::uint32_t events = 20'000;
    world_.begin({.events = events, .bytes = 64, .batch = 8, .pause_us = 1000});
    for (const char* module : modules) {
        kill_module(module);
        world_.must({"up"});
    }
    EXPECT_TRUE(world_.arrives(events));
    EXPECT_EQ(world_.connection("there").at("epoch"), 1);
}

} // namespace
} // namespace authex::test
