#include "cli/status_changes.hpp"

#include <gmock/gmock.h>

namespace authex::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

deployer::Status usual_status() {
    deployer::Status status;
    status.nodes = {{.name = "n", .reachable = true}};
    status.modules = {{.name = "m", .state = "running"}};
    status.connections = {{.name = "c", .epoch = 1, .sent = 5, .accepted = 5}};
    return status;
}

TEST(StatusChanges, OfTheSameAreNone) {
    EXPECT_THAT(status_changes(usual_status(), usual_status()), IsEmpty());
}

TEST(StatusChanges, OfANodeSayWhy) {
    auto after = usual_status();
    after.nodes[0].reachable = false;
    after.nodes[0].problem = "it does not answer";
    EXPECT_THAT(status_changes(usual_status(), after),
                ElementsAre("node n unreachable: it does not answer"));
    EXPECT_THAT(status_changes(after, usual_status()), ElementsAre("node n reachable"));
}

TEST(StatusChanges, OfAModuleSayWhatItWasAndIs) {
    auto after = usual_status();
    after.modules[0].state = "failed";
    after.modules[0].failure = "killed by signal 9";
    after.modules[0].attested_at = std::chrono::system_clock::time_point();
    EXPECT_THAT(status_changes(usual_status(), after),
                ElementsAre("module m running → failed: killed by signal 9", "module m attested"));
}

TEST(StatusChanges, OfAConnectionAreOneLine) {
    auto after = usual_status();
    after.connections[0].sent = 7;
    after.connections[0].accepted = 6;
    after.connections[0].waiting = 1;
    EXPECT_THAT(status_changes(usual_status(), after),
                ElementsAre("connection c sent 5 → 7, accepted 5 → 6, waiting 0 → 1"));
}

TEST(StatusChanges, WhatIsNewBeginsWithNothing) {
    auto after = usual_status();
    after.modules.push_back({.name = "x", .state = "absent"});
    EXPECT_THAT(status_changes(usual_status(), after), ElementsAre("module x unknown → absent"));
}

} // namespace
} // namespace authex::cli
