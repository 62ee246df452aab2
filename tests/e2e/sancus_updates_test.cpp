// A module on a microcontroller, and away from it, hands over while it numbers events by a clock.
#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

class SancusUpdates : public ::testing::Test {
  protected:
    void SetUp() override {
        world_.replace("sancus.yaml",
                       "ticker: { node: field, sources: [ticker.cpp] }",
                       "ticker: { node: field, sources: [ticker.cpp], readable_state: true }");
        world_.replace("sancus.yaml",
                       "from: ticker.numbered, to: sink.take }",
                       "from: ticker.numbered, to: sink.take, encryption: spongent-128 }");
        world_.start_managers();
        world_.must({"up"});
        expect_ticks();
    }
    /// Events, and the number after the last; gaps, and what came twice or too late.
    std::array<std::uint32_t, 4> taken() {
        const std::string out = world_.authex({"request", "taken"}).out;
        std::array<std::uint32_t, 4> all{};
        for (std::size_t at = 0; at < 32 && at + 2 <= out.size(); at += 2) {
            const auto byte =
                static_cast<std::uint32_t>(std::stoul(out.substr(at, 2), nullptr, 16));
            all[at / 8] |= byte << (at % 8 * 4);
        }
        return all;
    }
    /// More arrive, and each that was ever numbered once.
    void expect_ticks() {
        const std::uint32_t before = taken()[0];
        EXPECT_TRUE(eventually([&] { return taken()[0] >= before + 5; }))
            << world_.authex({"status"}).out;
        const auto now = taken();
        EXPECT_EQ(now[0], now[1]) << "it goes on counting where it was";
        EXPECT_EQ(now[2], 0U) << "lost";
        EXPECT_EQ(now[3], 0U) << "doubled or reordered";
    }
    void change() {
        world_.replace("ticker.cpp",
                       "#include <authex/module.hpp>\n",
                       "#include <authex/module.hpp>\nAUTHEX_ENTRY(round_" +
                           std::to_string(++rounds_) + ", call) {}\n");
    }

    World world_{AUTHEX_TEST_DIR "/ticking", "sancus.yaml"};
    int rounds_ = 0;
};

TEST_F(SancusUpdates, NewCodeGoesOnWithStateAndConnections) {
    for (int i = 0; i < 3; ++i) {
        change();
        const Result updated = world_.authex({"up"});
        EXPECT_EQ(updated.status, 0) << updated.err;
        EXPECT_THAT(updated.err, HasSubstr("events waited for"));
        expect_ticks();
    }
    EXPECT_EQ(world_.connection("ticks").at("epoch"), 1) << "no key was new";
    EXPECT_TRUE(world_.json({"plan", "--json"}).at("steps").empty());
}

TEST_F(SancusUpdates, AModuleMovesAwayFromTheBoardAndBack) {
    for (const char* node : {"cloud", "field"}) {
        world_.must({"update", "ticker", "--node", node});
        EXPECT_EQ(world_.module("ticker").at("node"), node);
        expect_ticks();
    }
    EXPECT_EQ(world_.connection("ticks").at("epoch"), 1) << "no key was new";
}

TEST_F(SancusUpdates, WhatDoesNotFitBesideTheOneThatRunsLeavesThatGoing) {
    world_.replace("ticker.cpp",
                   "AUTHEX_STATE static std::uint16_t next;",
                   "AUTHEX_STATE static std::uint16_t next;\n"
                   "AUTHEX_STATE static std::uint8_t much[4500];\n"
                   "AUTHEX_ENTRY(more, call) { call.result.u8(++much[call.data.size()]); }");
    world_.must({"up"});
    change();
    const Result refused = world_.authex({"up"});
    EXPECT_NE(refused.status, 0);
    EXPECT_THAT(refused.err, HasSubstr("room"));
    expect_ticks();
}

} // namespace
} // namespace authex::test
