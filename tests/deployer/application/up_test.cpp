// `up` makes nodes and descriptor agree, and does what `plan` says.
#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using deployer::Application;
using ::testing::Contains;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

std::uint32_t count(Application& application) {
    const auto reply = application.request("count", {});
    EXPECT_TRUE(reply) << problems(reply);
    return reply && reply->size() == 4 ? Reader(*reply).u32() : ~0U;
}

void press(Application& application) {
    const auto sent = application.output("press", {});
    EXPECT_TRUE(sent) << problems(sent);
}

class Up : public testing::Test {
  protected:
    deployer::Plan up() {
        auto done = world_.application()->up({});
        EXPECT_TRUE(done) << problems(done);
        return done ? *done : deployer::Plan();
    }
    World world_;
};

TEST_F(Up, LoadsAttestsAndConnectsSoThatEventsFlow) {
    up();
    const auto application = world_.application();
    press(*application);
    press(*application);
    EXPECT_EQ(count(*application), 2U);
}

TEST_F(Up, ASecondTimeDoesNothing) {
    up();
    EXPECT_THAT(words(up()), IsEmpty());
}

TEST_F(Up, DoesWhatPlanPrinted) {
    const auto planned = world_.application()->plan({});
    ASSERT_TRUE(planned) << problems(planned);
    EXPECT_THAT(words(up()), UnorderedElementsAreArray(words(*planned)));
}

TEST_F(Up, PhasesFollowTheWindowRule) {
    const auto planned = world_.application()->plan({});
    ASSERT_TRUE(planned) << problems(planned);
    deployer::Phase last = deployer::Phase::remove;
    for (const deployer::PlannedStep& step : planned->steps) {
        EXPECT_GE(step.phase, last) << step.action << " " << step.subject;
        last = step.phase;
    }
}

TEST_F(Up, PlanChangesNothing) {
    ASSERT_TRUE(world_.application()->plan({}));
    EXPECT_FALSE(world_.network.nodes.at("a")->has_module("first"));
}

TEST_F(Up, ChangedCodeReloadsThatModuleAndTurnsItsConnections) {
    up();
    world_.change_code("second");
    const auto done = words(up());
    EXPECT_THAT(done, Contains("load second"));
    EXPECT_THAT(done, Not(Contains("load first")));
    EXPECT_THAT(done, Contains("connect first.out->second.in"));
    EXPECT_THAT(done, Not(Contains("connect press")));
    const auto application = world_.application();
    press(*application);
    EXPECT_EQ(count(*application), 1U);
}

TEST_F(Up, ARestartedModuleIsAttestedAndConnectedAnew) {
    up();
    world_.network.nodes.at("b")->restart_module("second");
    const auto done = words(up());
    EXPECT_THAT(done, Contains("attest second"));
    EXPECT_THAT(done, Not(Contains("attest first")));
    const auto application = world_.application();
    press(*application);
    EXPECT_EQ(count(*application), 1U);
}

TEST_F(Up, AConnectionThatIsGoneFromTheDescriptorIsRemoved) {
    up();
    world_.replace("  - { from: first.out, to: second.in }\n", "");
    EXPECT_THAT(words(up()), Contains("disconnect first.out->second.in"));
    const auto application = world_.application();
    press(*application);
    EXPECT_EQ(count(*application), 0U);
}

TEST_F(Up, AModuleMovesToAnotherNode) {
    up();
    world_.replace("second: { node: b", "second: { node: a");
    up();
    EXPECT_TRUE(world_.network.nodes.at("a")->has_module("second"));
    EXPECT_FALSE(world_.network.nodes.at("b")->has_module("second"));
    const auto application = world_.application();
    press(*application);
    EXPECT_EQ(count(*application), 1U);
}

TEST_F(Up, AnUnreachableNodeIsNamedAndTheRestIsDone) {
    world_.network.nodes.at("b")->reachable = false;
    const auto outcome = world_.application()->up({});
    EXPECT_EQ(first_code(outcome), "node-unreachable") << problems(outcome);
    world_.network.nodes.at("b")->reachable = true;
    up();
    const auto application = world_.application();
    press(*application);
    EXPECT_EQ(count(*application), 1U);
}

TEST_F(Up, DownForgetsAndUpBeginsAnew) {
    up();
    ASSERT_TRUE(world_.application()->down());
    EXPECT_FALSE(world_.network.nodes.at("a")->has_module("first"));
    up();
    const auto application = world_.application();
    press(*application);
    EXPECT_EQ(count(*application), 1U);
}

TEST_F(Up, ADisabledModuleTakesNothing) {
    up();
    const auto disabled = world_.application()->disable("second");
    ASSERT_TRUE(disabled) << problems(disabled);
    const auto application = world_.application();
    press(*application);
    EXPECT_FALSE(application->request("count", {}));
    EXPECT_EQ(world_.network.nodes.at("b")->module("second").taken, 0U);
}

TEST_F(Up, StatusTellsWhatModulesSay) {
    up();
    const auto application = world_.application();
    press(*application);
    const auto status = application->status();
    ASSERT_TRUE(status) << problems(status);
    ASSERT_EQ(status->connections.size(), 3U);
    EXPECT_EQ(status->connections[0].sent, 1U);
    EXPECT_EQ(status->connections[0].accepted, 1U);
    EXPECT_TRUE(status->connections[0].window_open_since);
    EXPECT_EQ(status->modules[0].state, "running");
    EXPECT_TRUE(status->modules[0].simulated);
}

TEST_F(Up, TheExportedStateHasSecretsOnlyIfAsked) {
    up();
    const auto without = world_.application()->export_state(false);
    const auto with = world_.application()->export_state(true);
    ASSERT_TRUE(without);
    ASSERT_TRUE(with);
    EXPECT_GT(with->size(), without->size());
}

} // namespace
} // namespace authex::test
