// The deployer's logic over nodes whose modules are real runtimes.
#include "deployer/application.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using test::FakeWorld;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* nodes = R"(
application: chain
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001 }
  right: { tee: native, address: 127.0.0.1:6002 }
)";
constexpr const char* chain = R"(
modules:
  first:  { node: left,  sources: [first.cpp] }
  middle: { node: right, sources: [middle.cpp] }
  last:   { node: left,  sources: [last.cpp] }
connections:
  - { name: a, from: first.out,  to: middle.relay }
  - { name: b, from: middle.out, to: last.in }
  - { name: poke, direct: true, to: first.relay }
  - { name: ask,  direct: true, to: last.answer }
)";

std::vector<std::string> words(const Plan& plan) {
    std::vector<std::string> all;
    for (const PlannedStep& step : plan.steps) {
        all.push_back(step.action + " " + step.subject);
    }
    return all;
}
template <typename T>
std::vector<std::string> codes(const Outcome<T>& outcome) {
    std::vector<std::string> all;
    for (const Diagnostic& each : outcome ? std::vector<Diagnostic>() : outcome.error()) {
        all.push_back(each.code);
    }
    return all;
}

class ApplicationTest : public testing::Test {
  protected:
    Plan up(const Selection& selection = {}) {
        const auto planned = world.open()->plan(selection);
        const auto done = world.open()->up(selection);
        EXPECT_TRUE(done) << to_text(done.error().at(0));
        if (!planned || !done) {
            return {};
        }
        EXPECT_THAT(words(*done), testing::UnorderedElementsAreArray(words(*planned)))
            << "up does what plan says";
        return *done;
    }
    std::vector<std::string> errors_of_up(const Selection& selection = {}) {
        return codes(world.open()->up(selection));
    }
    /// One event through the chain.
    void expect_flow(std::uint64_t count = 1) {
        const std::uint64_t before = world.module("last").taken;
        for (std::uint64_t i = 0; i < count; ++i) {
            world.go("first");
        }
        EXPECT_EQ(world.module("last").taken, before + count);
    }
    ConnectionStatus connection(const std::string& name) {
        const auto status = world.open()->status();
        for (const ConnectionStatus& each : status->connections) {
            if (each.name == name) {
                return each;
            }
        }
        return {};
    }
    void TearDown() override { EXPECT_THAT(world.used_twice, IsEmpty()); }

    FakeWorld world{std::string(nodes) + chain};
};

TEST_F(ApplicationTest, BringsUpWhatIsNotThereInTheOrderOfTheWindow) {
    const Plan plan = up();
    EXPECT_THAT(words(plan),
                ElementsAre("load first",
                            "load middle",
                            "load last",
                            "attest first",
                            "attest middle",
                            "attest last",
                            "connect b",
                            "connect a",
                            "connect poke",
                            "connect ask"));
    expect_flow(3);
}

/// What the nodes were asked to be deployed under.
std::uint32_t deployment_of(FakeWorld& world) {
    return world.module("first").spec.deployment();
}

TEST_F(ApplicationTest, TakesAnotherDeploymentIdWhereTheFirstIsSomebodyElses) {
    up();
    const std::uint32_t first_choice = deployment_of(world);
    FakeWorld again(std::string(nodes) + chain); // the same seed, so the same first choice
    again.node("right").taken = {first_choice};
    const auto done = again.open()->up({});
    ASSERT_TRUE(done) << to_text(done.error().at(0));
    EXPECT_NE(deployment_of(again), first_choice);
    again.go("first");
    EXPECT_EQ(again.module("last").taken, 1U);
}

TEST_F(ApplicationTest, TakesNoDeploymentIdUnderWhichModulesOfOthersRun) {
    up();
    const std::uint32_t first_choice = deployment_of(world);
    FakeWorld again(std::string(nodes) + chain);
    test::FakeModule& other = again.node("left").modules["somebody-elses"];
    other.spec.set_deployment(first_choice);
    other.status.set_name("somebody-elses");
    const auto done = again.open()->up({});
    ASSERT_TRUE(done) << to_text(done.error().at(0));
    EXPECT_NE(deployment_of(again), first_choice);
    EXPECT_TRUE(again.node("left").modules.contains("somebody-elses"));
}

TEST_F(ApplicationTest, KeepsItsDeploymentIdOnceSomethingIsDeployedUnderIt) {
    up();
    world.node("right").taken = {deployment_of(world)};
    EXPECT_THAT(errors_of_up(), Contains("deployment-taken"));
    world.node("right").taken.clear();
    EXPECT_TRUE(up().empty());
}

TEST_F(ApplicationTest, HasNothingToDoASecondTime) {
    up();
    world.calls.clear();
    EXPECT_THAT(words(up()), IsEmpty());
    EXPECT_THAT(world.calls,
                testing::Each(testing::AnyOf(HasSubstr("hello"), HasSubstr("status"))));
}

TEST_F(ApplicationTest, PlansWithoutChangingAnything) {
    ASSERT_TRUE(world.open()->plan({}));
    EXPECT_TRUE(world.node("left").modules.empty());
    const auto state = State::open(world.database);
    EXPECT_TRUE((*state)->nodes().empty());
}

TEST_F(ApplicationTest, ReloadsOnlyTheModuleWhoseCodeChanged) {
    up();
    world.change_code("last");
    Selection afresh;
    afresh.afresh.all = true;
    EXPECT_THAT(words(up(afresh)),
                UnorderedElementsAre("load last", "attest last", "connect b", "connect ask"));
    EXPECT_EQ(connection("b").epoch, 2U);
    EXPECT_EQ(connection("a").epoch, 1U);
    expect_flow();
}

TEST_F(ApplicationTest, AttestsAndKeysAModuleThatRestarted) {
    up();
    world.restart("middle");
    EXPECT_THAT(words(up()), UnorderedElementsAre("attest middle", "connect a", "connect b"));
    expect_flow();
}

TEST_F(ApplicationTest, StartsAModuleThatCrashed) {
    up();
    world.crash("first");
    const Plan plan = up();
    EXPECT_THAT(plan.steps.at(0).reason, HasSubstr("SIGSEGV"));
    EXPECT_THAT(words(plan),
                UnorderedElementsAre("load first", "attest first", "connect a", "connect poke"));
    expect_flow();
}

TEST_F(ApplicationTest, LeavesModulesAloneWhoseManagerRestarted) {
    up();
    ++world.node("left").boot;
    EXPECT_THAT(words(up()), IsEmpty());
}

TEST_F(ApplicationTest, KeysAnewWhatAManagerLost) {
    up();
    world.node("right").routes.clear();
    EXPECT_THAT(words(up()), UnorderedElementsAre("connect a", "connect b"));
    expect_flow();
}

TEST_F(ApplicationTest, AddsAndRemovesConnections) {
    up();
    world.set_descriptor(std::string(nodes) + R"(
modules:
  first:  { node: left,  sources: [first.cpp] }
  middle: { node: right, sources: [middle.cpp] }
  last:   { node: left,  sources: [last.cpp] }
connections:
  - { name: a, from: first.out,  to: middle.relay }
  - { name: straight, from: first.out, to: last.in }
  - { name: poke, direct: true, to: first.relay }
)");
    EXPECT_THAT(words(up()),
                UnorderedElementsAre("disconnect b", "disconnect ask", "connect straight"));
    world.go("first");
    EXPECT_EQ(world.module("last").taken, 1U);
    EXPECT_FALSE(world.node("right").routes.contains(2));
}

TEST_F(ApplicationTest, AConnectionThatJoinsOtherEndpointsIsAnotherOne) {
    up();
    std::string changed = chain;
    changed.replace(changed.find("to: last.in"), 11, "to: last.relay");
    world.set_descriptor(std::string(nodes) + changed);
    EXPECT_THAT(words(up()), UnorderedElementsAre("disconnect b", "connect b"));
    expect_flow();
}

TEST_F(ApplicationTest, RemovesModulesThatTheDescriptorDoesNotName) {
    up();
    world.set_descriptor(std::string(nodes) + R"(
modules:
  first:  { node: left,  sources: [first.cpp] }
  last:   { node: left,  sources: [last.cpp] }
connections:
  - { name: straight, from: first.out, to: last.in }
)");
    up();
    EXPECT_TRUE(world.node("right").modules.empty());
    EXPECT_TRUE(world.node("right").routes.empty());
    world.go("first");
    EXPECT_EQ(world.module("last").taken, 1U);
}

TEST_F(ApplicationTest, MovesAModuleToAnotherNode) {
    up();
    std::string changed = chain;
    changed.replace(changed.find("node: right"), 11, "node: left ");
    world.set_descriptor(std::string(nodes) + changed);
    Selection afresh;
    afresh.afresh.all = true;
    EXPECT_THAT(words(up(afresh)),
                UnorderedElementsAre(
                    "remove middle", "load middle", "attest middle", "connect a", "connect b"));
    EXPECT_TRUE(world.node("right").modules.empty());
    expect_flow();
}

TEST_F(ApplicationTest, TurnsEpochsWhereAsked) {
    up();
    Selection selection;
    selection.connections = {"b"};
    selection.turn_epoch = true;
    EXPECT_THAT(words(up(selection)), ElementsAre("connect b"));
    EXPECT_EQ(connection("b").epoch, 2U);
    expect_flow();
}

TEST_F(ApplicationTest, AnotherAlgorithmTurnsTheEpochBetweenImagesThatHaveIt) {
    up();
    std::string changed = chain;
    changed.replace(changed.find("to: last.in }"), 13, "to: last.in, encryption: spongent-128 }");
    world.set_descriptor(std::string(nodes) + changed);
    EXPECT_THAT(words(up()),
                AllOf(Contains("update middle"), Contains("update last"), Contains("connect b")));
    EXPECT_EQ(connection("b").epoch, 2U);
    expect_flow();
}

TEST_F(ApplicationTest, AnotherAddressIsToldWithoutANewKey) {
    up();
    std::string moved = nodes;
    moved.replace(moved.find("127.0.0.1:6002"), 14, "127.0.0.2:6002");
    world.set_descriptor(moved + chain);
    EXPECT_THAT(words(up()), UnorderedElementsAre("connect a", "connect b"));
    EXPECT_EQ(connection("a").epoch, 1U);
    EXPECT_EQ(world.node("left").routes.at(connection("a").id).destination_address(),
              "127.0.0.2:7000");
    expect_flow();
}

TEST_F(ApplicationTest, GivenIdsAreKept) {
    std::string numbered = chain;
    numbered.replace(numbered.find("{ name: a,"), 10, "{ name: a, id: 1000,");
    world.set_descriptor(std::string(nodes) + numbered);
    up();
    EXPECT_EQ(connection("a").id, 1000);
    expect_flow();
}

TEST_F(ApplicationTest, AGivenIdTakesTheNumberOfAnother) {
    up();
    ASSERT_EQ(connection("a").id, 1);
    std::string numbered = chain;
    numbered.replace(numbered.find("{ name: b,"), 10, "{ name: b, id: 1,");
    world.set_descriptor(std::string(nodes) + numbered);
    up();
    EXPECT_EQ(connection("b").id, 1);
    EXPECT_NE(connection("a").id, 1);
    expect_flow();
}

TEST_F(ApplicationTest, NeverUsesAGivenKeyTwice) {
    std::string keyed = chain;
    keyed.replace(
        keyed.find("to: last.in }"), 13, "to: last.in, key: 000102030405060708090a0b0c0d0e0f }");
    world.set_descriptor(std::string(nodes) + keyed);
    up();
    expect_flow();
    world.restart("last");
    EXPECT_THAT(errors_of_up(), Contains("key-used"));
    EXPECT_THAT(errors_of_up(), Contains("key-used"));
    ASSERT_TRUE(world.open()->down());
    EXPECT_THAT(errors_of_up(), Contains("key-used"));
}

TEST_F(ApplicationTest, LoadsInTheOrderOfAfter) {
    std::string ordered = chain;
    ordered.replace(
        ordered.find("sources: [first.cpp]"), 20, "sources: [first.cpp], after: [last]");
    world.set_descriptor(std::string(nodes) + ordered);
    up();
    const auto at = [&](const char* call) {
        return std::find(world.calls.begin(), world.calls.end(), call) - world.calls.begin();
    };
    EXPECT_LT(at("left load last"), at("left load first"));
}

TEST_F(ApplicationTest, RegistersPeriodicEventsAndKeepsThem) {
    const std::string periodic = std::string(nodes) + chain +
                                 "periodic:\n  - { name: tick, module: first, entry: go, every: ";
    world.set_descriptor(periodic + "500ms }\n");
    EXPECT_THAT(words(up()), Contains("register tick"));
    EXPECT_THAT(words(up()), IsEmpty());
    world.set_descriptor(periodic + "1s }\n");
    EXPECT_THAT(words(up()), ElementsAre("unregister tick", "register tick"));
    EXPECT_EQ(world.node("left").periodic.at("tick").every_us(), 1'000'000U);
    world.set_descriptor(std::string(nodes) + chain);
    EXPECT_THAT(words(up()), ElementsAre("unregister tick"));
}

TEST_F(ApplicationTest, SendsAndAsksOnDirectConnections) {
    up();
    const auto application = world.open();
    ASSERT_TRUE(application->output("poke", {}));
    ASSERT_TRUE(world.open()->output("poke", {}));
    EXPECT_EQ(world.module("last").taken, 2U);
    const std::vector<std::uint8_t> question{1, 2, 3};
    for (int i = 0; i < 3; ++i) {
        const auto answer = world.open()->request("ask", question);
        ASSERT_TRUE(answer) << to_text(answer.error().at(0));
        EXPECT_EQ(*answer, question);
    }
    EXPECT_EQ(connection("poke").sent, 2U);
    EXPECT_EQ(connection("poke").accepted, 2U);
}

TEST_F(ApplicationTest, AMessageThatDidNotArriveGoesBeforeTheNextOne) {
    up();
    world.node("left").reachable = false;
    EXPECT_THAT(codes(world.open()->output("poke", {})), ElementsAre("node-unreachable"));
    world.node("left").reachable = true;
    ASSERT_TRUE(world.open()->output("poke", {}));
    EXPECT_EQ(world.module("last").taken, 2U);
}

TEST_F(ApplicationTest, RefusesToSendWhereItCannot) {
    EXPECT_THAT(codes(world.open()->output("poke", {})), ElementsAre("not-connected"));
    up();
    EXPECT_THAT(codes(world.open()->output("none", {})), ElementsAre("unknown-connection"));
    EXPECT_THAT(codes(world.open()->output("a", {})), ElementsAre("not-direct"));
    EXPECT_THAT(codes(world.open()->output("ask", {})), ElementsAre("wrong-role"));
    EXPECT_THAT(codes(world.open()->request("poke", {})), ElementsAre("wrong-role"));
    world.restart("first");
    EXPECT_THAT(codes(world.open()->output("poke", {})), ElementsAre("message-refused"));
}

TEST_F(ApplicationTest, CallsEntriesByNameAndNumber) {
    up();
    ASSERT_TRUE(world.open()->call("first", "go", {}));
    ASSERT_TRUE(world.open()->call("first", "4", {}));
    EXPECT_EQ(world.module("last").taken, 2U);
    EXPECT_THAT(codes(world.open()->call("first", "in", {})), ElementsAre("unknown-entry"));
    EXPECT_THAT(codes(world.open()->call("nobody", "go", {})), ElementsAre("unknown-module"));
}

TEST_F(ApplicationTest, OneNodeThatIsAwayDoesNotStopTheOthers) {
    world.node("right").reachable = false;
    EXPECT_THAT(errors_of_up(), ElementsAre("node-unreachable"));
    EXPECT_EQ(world.node("left").modules.size(), 2U);
    EXPECT_TRUE(world.open()->output("poke", {}));
    world.node("right").reachable = true;
    up();
    expect_flow();
}

TEST_F(ApplicationTest, ANodeThatIsGoneAndNotNamedAnyMoreIsForgotten) {
    up();
    world.node("right").reachable = false;
    world.set_descriptor(R"(
application: chain
simulation: allowed
nodes: { left: { tee: native, address: 127.0.0.1:6001 } }
modules: { first: { node: left, sources: [first.cpp] } }
connections: [{ name: poke, direct: true, to: first.relay }]
)");
    up();
    EXPECT_THAT(words(up()), IsEmpty());
    const auto state = State::open(world.database);
    EXPECT_EQ((*state)->node("right"), nullptr);
    EXPECT_EQ((*state)->modules().size(), 1U);
}

// P24
TEST_F(ApplicationTest, RefusesANodeWithAnotherEvidenceKey) {
    up();
    world.node("right").key = test::evidence_key("set up anew");
    EXPECT_THAT(errors_of_up(), ElementsAre("evidence-key-changed"));
    ASSERT_TRUE(world.open()->down());
    up();
    expect_flow();
}

TEST_F(ApplicationTest, RefusesSimulationThatIsNotAllowed) {
    std::string strict = std::string(nodes) + chain;
    strict.erase(strict.find("simulation: allowed"), 19);
    world.set_descriptor(strict);
    EXPECT_THAT(errors_of_up(), ElementsAre("simulation-refused", "simulation-refused"));
    EXPECT_TRUE(world.node("left").modules.empty());
}

TEST_F(ApplicationTest, RefusesANodeOfAnotherTee) {
    world.node("right").tee = "sgx";
    EXPECT_THAT(errors_of_up(), ElementsAre("tee-mismatch"));
}

TEST_F(ApplicationTest, RefusesATeeThatThisVersionDoesNotKnow) {
    std::string other = std::string(nodes) + chain;
    other.replace(other.find("right: { tee: native"), 20, "right: { tee: sgx   ");
    world.set_descriptor(other);
    EXPECT_THAT(errors_of_up(), ElementsAre("tee-unsupported"));
}

TEST_F(ApplicationTest, ServersOnSgxGetEvidenceForTheirCertificatesAtEachAttestation) {
    std::string other = std::string(nodes) + chain;
    other.replace(other.find("right: { tee: native"), 20, "right: { tee: sgx   ");
    world.set_descriptor(other);
    world.knows_sgx = true;
    world.node("right").tee = "sgx";
    up();
    const std::vector<std::string> once = world.node("right").certified;
    EXPECT_FALSE(once.empty());
    EXPECT_THAT(world.node("left").certified, IsEmpty());
    up();
    EXPECT_EQ(world.node("right").certified, once) << "nothing was attested";
    world.restart(once.front());
    up();
    EXPECT_EQ(world.node("right").certified.size(), once.size() + 1);
    world.node("right").quotes_nothing = true;
    world.restart(once.front());
    EXPECT_THAT(errors_of_up(), testing::Contains("aesm-missing"));
    world.node("right").quotes_nothing = false;
    up();
}

TEST_F(ApplicationTest, RefusesAnotherImageThanTheOneThatWasLoaded) {
    Selection selection;
    selection.attest = selection.connect = false;
    ASSERT_TRUE(world.open()->up(selection));
    world.module("middle").identity.assign(32, 0x66);
    EXPECT_THAT(errors_of_up(), ElementsAre("evidence-identity"));
    EXPECT_EQ(connection("a").epoch, 0U);
    EXPECT_EQ(connection("poke").epoch, 1U) << "what does not depend on it is done";
}

TEST_F(ApplicationTest, AHiddenRestartIsFoundAndNoKeyIsSaidAgain) {
    up();
    expect_flow(2);
    world.node("left").hides_restarts = true;
    world.restart("first");
    EXPECT_THAT(words(up()), IsEmpty()) << "the node lies";
    EXPECT_EQ(connection("a").epoch, 0U) << "the module itself is asked";
    (void)errors_of_up(); // attests it anew and sees that it has lost its keys
    up();
    EXPECT_EQ(connection("a").epoch, 2U);
    expect_flow(2);
}

TEST_F(ApplicationTest, AConnectionWithoutAnAnswerIsNotConnected) {
    up();
    world.node("left").hides_restarts = true;
    world.restart("last");
    Selection turn;
    turn.connections = {"b"};
    turn.turn_epoch = true;
    EXPECT_THAT(errors_of_up(turn), ElementsAre("order-refused"));
    const auto state = State::open(world.database);
    EXPECT_FALSE((*state)->connection("b")->complete);
    EXPECT_EQ((*state)->connection("b")->window_open_since_us, 0U);
}

TEST_F(ApplicationTest, AttestingAgainReopensTheWindowAndKeepsKeys) {
    up();
    const auto before = connection("b").window_open_since;
    ASSERT_TRUE(before);
    EXPECT_FALSE(connection("a").window_open_since) << "no output driver";
    Selection again;
    again.attest_again = true;
    EXPECT_THAT(words(up(again)),
                UnorderedElementsAre("attest first", "attest middle", "attest last"));
    EXPECT_GT(*connection("b").window_open_since, *before);
    EXPECT_EQ(connection("b").epoch, 1U);
    expect_flow();
    EXPECT_THAT(words(up()), IsEmpty());
}

TEST_F(ApplicationTest, ADisabledModuleStaysDisabledUntilItIsDeployedByName) {
    up();
    ASSERT_TRUE(world.open()->disable("middle"));
    world.go("first");
    EXPECT_EQ(world.module("last").taken, 0U);
    world.warnings.clear();
    EXPECT_THAT(words(up()), IsEmpty());
    EXPECT_FALSE(world.warnings.empty());
    Selection selection;
    selection.modules = {"middle"};
    EXPECT_THAT(words(up(selection)),
                UnorderedElementsAre("load middle", "attest middle", "connect a", "connect b"));
    world.pump();
    expect_flow();
}

TEST_F(ApplicationTest, SelectedPartsAreDoneAlone) {
    Selection load;
    load.modules = {"first"};
    load.attest = load.connect = load.register_periodic = false;
    EXPECT_THAT(words(up(load)), ElementsAre("load first"));
    Selection attest;
    attest.load = attest.connect = false;
    attest.modules = {"first"};
    EXPECT_THAT(words(up(attest)), ElementsAre("attest first"));
    Selection connect;
    connect.load = connect.attest = false;
    connect.connections = {"poke"};
    EXPECT_THAT(words(up(connect)), ElementsAre("connect poke"));
    connect.connections = {"a"};
    EXPECT_THAT(errors_of_up(connect), ElementsAre("not-attested"));
    connect.connections = {"nothing"};
    EXPECT_THAT(errors_of_up(connect), ElementsAre("unknown-connection"));
}

TEST_F(ApplicationTest, ResetEmptiesTheNodesAndUpFillsThem) {
    up();
    ASSERT_TRUE(world.open()->reset());
    EXPECT_TRUE(world.node("left").modules.empty());
    EXPECT_FALSE(words(up()).empty());
    expect_flow();
}

TEST_F(ApplicationTest, DownForgetsTheDeployment) {
    up();
    ASSERT_TRUE(world.open()->down());
    const auto state = State::open(world.database);
    EXPECT_EQ((*state)->deployment(), 0);
    EXPECT_TRUE((*state)->nodes().empty());
    EXPECT_TRUE(world.open()->down()->empty());
}

TEST_F(ApplicationTest, StatusSaysWhatModulesProve) {
    up();
    expect_flow(4);
    const auto status = world.open()->status();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->modules.at(0).state, "running");
    EXPECT_TRUE(status->modules.at(0).simulated);
    EXPECT_TRUE(status->modules.at(0).attested_at.has_value());
    EXPECT_EQ(connection("a").sent, 4U);
    EXPECT_EQ(connection("a").accepted, 4U);
    world.node("right").reachable = false;
    const auto partly = world.open()->status();
    ASSERT_TRUE(partly);
    EXPECT_FALSE(partly->nodes.at(1).reachable);
    EXPECT_EQ(partly->modules.at(1).state, "unknown");
}

} // namespace
} // namespace authex::deployer
