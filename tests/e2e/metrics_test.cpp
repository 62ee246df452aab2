// What nodes and the owner say in numbers.
#include <csignal>

#include <gmock/gmock.h>

#include "support/exposition.hpp"
#include "world.hpp"

namespace authex::test {
namespace {

std::string scrape_text(World& world, const std::string& node) {
    const Result got = run({.words = {"/usr/bin/curl",
                                      "-sS",
                                      "--max-time",
                                      "20",
                                      "http://" + world.metrics_address(node) + "/metrics"},
                            .folder = {},
                            .input = {}});
    EXPECT_EQ(got.status, 0) << got.err;
    return got.out;
}

Scrape scrape(World& world, const std::string& node) {
    Scrape scrape = read_exposition(scrape_text(world, node));
    EXPECT_EQ(scrape.problem, "");
    return scrape;
}

TEST(Metrics, CountEventsAndTheirDeliveryOnEachNode) {
    adopt_orphans();
    World world("ping-pong");
    world.start_managers({"--metrics", "0"});
    world.must({"up"});
    EXPECT_EQ(scrape(world, "left").sum("authex_connection_forwarded_total"), 0);
    constexpr int balls = 10;
    constexpr int ball_bytes = 64;
    world.must({"output", "start", "--hex", "0a0000004000"});
    ASSERT_TRUE(eventually([&] { return world.request_u32("score") == balls; }));
    // The start, the balls that left and those that came back.
    for (const char* node : {"left", "right"}) {
        const Scrape now = scrape(world, node);
        EXPECT_EQ(now.sum("authex_module_up"), 1) << node;
        EXPECT_GT(now.sum("authex_module_entries_total"), 0) << node;
        EXPECT_GE(now.sum("authex_connection_forwarded_total"), 2 * balls) << node;
        EXPECT_GE(now.sum("authex_connection_forwarded_bytes_total"), 2 * balls * ball_bytes)
            << node;
        EXPECT_EQ(now.sum("authex_connection_refused_total"), 0) << node;
        EXPECT_EQ(now.sum("authex_link_up"), 1) << node;
    }
    // The start was delivered by the node that took it, the balls by the node of their sender.
    EXPECT_TRUE(eventually([&] {
        return scrape(world, "left").value("authex_delivery_seconds_count").value_or(0) >= 2;
    }));
    for (const char* node : {"left", "right"}) {
        EXPECT_TRUE(eventually([&] {
            return scrape(world, node).sum("authex_connection_waiting_frames") == 0;
        })) << node;
    }
    EXPECT_GT(scrape(world, "left").value("authex_delivery_seconds_sum").value_or(0), 0);
}

TEST(Metrics, ShowALinkThatIsLost) {
    adopt_orphans();
    World world("ping-pong");
    world.start_managers({"--metrics", "127.0.0.1:0"});
    world.must({"up"});
    ASSERT_TRUE(eventually([&] { return scrape(world, "left").sum("authex_link_up") == 1; }));
    world.manager("right").signal(SIGKILL);
    EXPECT_TRUE(eventually([&] {
        const Scrape now = scrape(world, "left");
        return now.sum("authex_link_up") == 0 && now.sum("authex_link_drops_total") >= 1;
    }));
}

TEST(Metrics, OfTheOwnerSayWhatModulesSay) {
    adopt_orphans();
    World world("ping-pong");
    world.start_managers();
    world.must({"up"});
    world.must({"output", "start", "--hex", "030000004000"});
    ASSERT_TRUE(eventually([&] { return world.request_u32("score") == 3; }));
    const Result owner = world.authex({"metrics"});
    ASSERT_EQ(owner.status, 0) << owner.err;
    const Scrape mine = read_exposition(owner.out);
    EXPECT_EQ(mine.problem, "");
    EXPECT_EQ(mine.sum("authex_node_reachable"), 2);
    EXPECT_EQ(mine.sum("authex_application_module_running"), 2);
    EXPECT_GE(mine.sum("authex_application_accepted_total"), 7);
}

TEST(Metrics, CannotBeServedWhereOthersReachThemUnlessSaid) {
    const TemporaryFolder folder;
    const Result refused = run({.words = {program("authex-em"),
                                          "--listen",
                                          "127.0.0.1:0",
                                          "--state",
                                          folder.path() / "state",
                                          "--metrics",
                                          "0.0.0.0:0"},
                                .folder = {},
                                .input = {}});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, ::testing::HasSubstr("--insecure"));
}

} // namespace
} // namespace authex::test
