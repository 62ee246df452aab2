// Modules get new code or another node while numbered events flow through them.
#include <thread>

#include <gmock/gmock.h>

#include "counted.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

class Updates : public ::testing::Test {
  protected:
    /// The code of the module is another one, and its endpoints have other numbers.
    void change(const std::string& source) {
        world_.replace(source,
                       "#include <authex/module.hpp>\n",
                       "#include <authex/module.hpp>\nAUTHEX_ENTRY(round_" +
                           std::to_string(++rounds_) + ", call) {}\n");
    }
    void start() {
        world_.start_managers();
        world_.must({"up"});
    }
    void set_tee(const std::string& node, const std::string& tee) {
        world_.replace("native.yaml", node + " { tee: native", node + " { tee: " + tee);
    }
    Counted world_;

  private:
    int rounds_ = 0;
};

TEST_F(Updates, UnderLoadEveryModuleGetsNewCodeAgainAndAgain) {
    start();
    constexpr std::uint32_t events = 150'000;
    world_.begin({.events = events, .bytes = 64, .batch = 8, .pause_us = 300});
    world_.begin_beside({.events = 1000, .batch = 1, .pause_us = 2000});
    int under_load = 0;
    for (int round = 0; round < 4; ++round) {
        for (const char* source : {"source.cpp", "relay.cpp", "sink.cpp"}) {
            change(source);
        }
        world_.must({"up"});
        under_load += world_.sent() < events ? 1 : 0;
    }
    EXPECT_GT(under_load, 0) << "there was load";
    EXPECT_TRUE(world_.arrives(events));
    EXPECT_TRUE(world_.arrives_beside(1000));
    EXPECT_EQ(world_.connection("there").at("epoch"), 1) << "no key was new";
    const auto plan = world_.json({"plan", "--json"});
    EXPECT_TRUE(plan.at("steps").empty()) << plan;
}

TEST_F(Updates, UnderLoadAModuleMovesFromNodeToNode) {
    start();
    constexpr std::uint32_t events = 100'000;
    world_.begin({.events = events, .bytes = 64, .batch = 8, .pause_us = 300});
    int under_load = 0;
    for (const char* node : {"left", "right", "left", "right"}) {
        world_.must({"update", "relay", "--node", node});
        EXPECT_EQ(world_.module("relay").at("node"), node);
        EXPECT_THAT(world_.read("native.yaml"), HasSubstr(std::string("relay:  { node: ") + node));
        under_load += world_.sent() < events ? 1 : 0;
    }
    EXPECT_GT(under_load, 0) << "there was load";
    for (const char* node : {"right", "left"}) {
        world_.must({"update", "sink", "--node", node});
    }
    EXPECT_TRUE(world_.arrives(events));
    EXPECT_TRUE(world_.json({"plan", "--json"}).at("steps").empty());
}

class UpdatesOnTee : public Updates, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tees, UpdatesOnTee, ::testing::Values("sgx", "trustzone"));

TEST_P(UpdatesOnTee, GoOnWithStateAndConnections) {
    set_tee("right:", GetParam());
    set_tee("left: ", GetParam());
    start();
    constexpr std::uint32_t events = 20'000;
    world_.begin({.events = events, .bytes = 64, .batch = 8, .pause_us = 1000});
    for (int round = 0; round < 2; ++round) {
        for (const char* source : {"source.cpp", "relay.cpp", "sink.cpp"}) {
            change(source);
        }
        world_.must({"up"});
    }
    EXPECT_TRUE(world_.arrives(events));
    EXPECT_TRUE(world_.json({"plan", "--json"}).at("steps").empty());
}

TEST_F(Updates, AModuleMovesFromTeeToTee) {
    world_.replace("native.yaml",
                   "modules:\n",
                   "  cloud: { tee: sgx, address: 127.0.0.1:6113 }\n"
                   "  phone: { tee: trustzone, address: 127.0.0.1:6114 }\n"
                   "modules:\n");
    start();
    constexpr std::uint32_t events = 60'000;
    world_.begin({.events = events, .bytes = 64, .batch = 4, .pause_us = 500});
    for (const char* node : {"cloud", "phone", "left", "cloud", "right"}) {
        world_.must({"update", "relay", "--node", node});
        world_.must({"update", "sink", "--node", node});
        EXPECT_EQ(world_.module("sink").at("node"), node);
    }
    EXPECT_TRUE(world_.arrives(events));
}

TEST_F(Updates, AChangedLayoutIsRefusedUnlessTheModuleTakesIt) {
    start();
    world_.begin({.events = 100, .batch = 100});
    ASSERT_TRUE(world_.arrives(100));
    world_.replace("sink.cpp",
                   "AUTHEX_STATE static std::uint32_t taken;",
                   "AUTHEX_STATE static std::uint64_t taken;");
    const Result refused = world_.authex({"update", "sink"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("`taken` has 4 bytes, and 8 in the new source"));
    EXPECT_THAT(refused.err, HasSubstr("AUTHEX_MIGRATE"));
    EXPECT_EQ(world_.taken().events, 100U) << "nothing was stopped";

    world_.replace("sink.cpp",
                   "AUTHEX_INPUT(take, event) {",
                   "AUTHEX_MIGRATE(1, old) {\n"
                   "    if (old.is(\"taken\")) {\n"
                   "        taken = 1000 + old.number<std::uint64_t>().value_or(0);\n"
                   "    }\n"
                   "    return old.version == 0 && !old.is(\"gaps\");\n"
                   "}\n"
                   "AUTHEX_INPUT(take, event) {");
    world_.replace("sink.cpp", "u32(taken)", "u32(static_cast<std::uint32_t>(taken))");
    const Result failed = world_.authex({"update", "sink"});
    EXPECT_EQ(failed.status, 1);
    EXPECT_THAT(failed.err, HasSubstr("the instance before goes on"));
    EXPECT_EQ(world_.taken().events, 100U);

    world_.replace("sink.cpp", " && !old.is(\"gaps\")", "");
    world_.must({"update", "sink"});
    EXPECT_EQ(world_.taken().events, 1100U);
    EXPECT_EQ(world_.taken().expected, 0U) << "what it did not take it does not have";
}

TEST_F(Updates, WhatCannotHandOverIsSaid) {
    start();
    const Result unknown = world_.authex({"update", "nobody"});
    EXPECT_EQ(unknown.status, 1);
    EXPECT_THAT(unknown.err, HasSubstr("the descriptor has no module nobody"));
    const Result nowhere = world_.authex({"update", "sink", "--node", "nowhere"});
    EXPECT_EQ(nowhere.status, 2);
    EXPECT_THAT(world_.read("native.yaml"), HasSubstr("sink:   { node: left"));
    const Result nothing = world_.authex({"update", "sink"});
    EXPECT_EQ(nothing.status, 0);
    EXPECT_THAT(nothing.out, HasSubstr("nothing to do"));
    const Result shown = world_.authex({"update", "sink", "--node", "right", "--dry-run"});
    EXPECT_EQ(shown.status, 0);
    EXPECT_THAT(shown.out, HasSubstr("takes over from left"));
    EXPECT_THAT(world_.read("native.yaml"), HasSubstr("sink:   { node: left"));
    EXPECT_EQ(world_.module("sink").at("node"), "left");
    world_.manager("right").signal(SIGTERM);
    (void)world_.manager("right").wait();
    const Result away = world_.authex({"update", "sink", "--node", "right"});
    EXPECT_EQ(away.status, 1);
    EXPECT_THAT(world_.read("native.yaml"), HasSubstr("sink:   { node: left"));
}

} // namespace
} // namespace authex::test
