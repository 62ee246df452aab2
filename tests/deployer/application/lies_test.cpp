// Nodes that lie are found out, and told by name.
#include <gtest/gtest.h>

#include "world.hpp"

namespace authex::test {
namespace {

using Octets = std::vector<std::uint8_t>;

class LyingNode : public testing::Test {
  protected:
    std::string code_of_up() { return first_code(world_.application()->up({})); }
    World world_;
};

TEST_F(LyingNode, ForgedEvidenceIsRefused) {
    world_.network.tamper = [](const std::string& module, Octets evidence) {
        if (module == "second") {
            evidence.back() ^= 1U;
        }
        return evidence;
    };
    EXPECT_EQ(code_of_up(), "evidence-forged");
}

TEST_F(LyingNode, EvidenceOfAnotherImageIsRefused) {
    world_.network.tamper = [](const std::string& module, Octets evidence) {
        static Octets first;
        if (module == "second" && first.empty()) {
            first = evidence;
        }
        return module == "second" ? first : evidence;
    };
    ASSERT_TRUE(world_.application()->up({}));
    world_.change_code("second");
    EXPECT_EQ(code_of_up(), "evidence-identity");
}

TEST_F(LyingNode, ReplayedEvidenceIsRefused) {
    world_.network.tamper = [](const std::string& module, Octets evidence) {
        static Octets recorded;
        if (module == "second") {
            std::swap(recorded, evidence);
            if (evidence.empty()) {
                evidence = recorded;
            }
        }
        return evidence;
    };
    ASSERT_TRUE(world_.application()->up({}));
    world_.network.nodes.at("b")->restart_module("second");
    EXPECT_EQ(code_of_up(), "evidence-stale");
}

TEST_F(LyingNode, AnotherEvidenceKeyThanThePinnedOneIsRefused) {
    ASSERT_TRUE(world_.application()->up({}));
    world_.network.nodes.at("b")->new_evidence_key(world_.folder.path() / "elsewhere");
    world_.network.nodes.at("b")->restart_module("second");
    EXPECT_EQ(code_of_up(), "evidence-key-changed");
}

TEST_F(LyingNode, SimulationIsRefusedWhereTheDescriptorDoesNotAllowIt) {
    world_.replace("simulation: allowed\n", "");
    EXPECT_EQ(code_of_up(), "simulation-refused");
}

TEST_F(LyingNode, UnknownEndpointsAreTheDescriptorsError) {
    world_.replace("second.in }", "second.inn }");
    const auto outcome = world_.application()->up({});
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().front().where.line, 9U);
}

} // namespace
} // namespace authex::test
