// The state is given to a delegate, who heals and attests with less rights, and comes home.
#include "deployer/delegation.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/kdf.hpp"
#include "deployer/delegation_end.hpp"
#include "deployer/journal.hpp"
#include "fake_world.hpp"

namespace authex::deployer {
namespace {

namespace fs = std::filesystem;
using test::FakeWorld;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* chain = R"(
application: chain
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001, certificate: certs/left.pem }
  right: { tee: native, address: 127.0.0.1:6002 }
modules:
  first:  { node: left,  sources: [first.cpp], config: { limit: 5 },
            secrets: { salt: { generate: 32 }, token: { env: TOKEN } } }
  middle: { node: right, sources: [middle.cpp], persist: true }
  last:   { node: left,  sources: [last.cpp] }
connections:
  - { name: a, from: first.out,  to: middle.relay }
  - { name: b, from: middle.out, to: last.in }
  - { name: q, from: first.ask,  to: last.answer }
  - { name: poke, direct: true, to: first.relay }
)";

template <typename T>
std::string code(const Expected<T>& result) {
    return result ? "" : result.error().code;
}
template <typename T>
std::string code(const Outcome<T>& result) {
    return result ? "" : result.error().at(0).code;
}

class DelegationTest : public testing::Test {
  protected:
    void SetUp() override {
        fs::create_directories(home_);
        fs::permissions(home_, fs::perms::owner_all);
        world.database = std::move(*Database::open(home_ / "state.db"));
        world.environment["TOKEN"] = "4711";
        fs::create_directories(world.folder() / "certs");
        std::ofstream(world.folder() / "certs/left.pem") << "a certificate";
        ASSERT_TRUE(make_delegate_key(home_));
        std::ifstream file(home_ / "delegate.pub");
        std::string text;
        std::getline(file, text);
        world.owner.delegate_key = parse_key(text);
        world.owner_keys.insert(world.owner_keys.end(),
                                world.owner.delegate_key->begin(),
                                world.owner.delegate_key->end());
        owner_ = world.owner;
    }
    void TearDown() override { EXPECT_THAT(world.used_twice, IsEmpty()); }

    void delegate() {
        const auto made = world.open()->delegate({.folder = folder_});
        ASSERT_TRUE(made) << to_text(made.error().at(0));
        EXPECT_EQ(made->role, rpc::Role::operating);
    }
    void be_delegate() {
        world.database = std::move(*Database::open(folder_ / "state.db"));
        const auto key = open_owner_key(folder_);
        ASSERT_TRUE(key) << to_text(key.error());
        world.owner = *key;
        auto values = delegated_values(folder_);
        ASSERT_TRUE(values) << to_text(values.error());
        world.values = std::make_shared<const ValuesOfModules>(std::move(*values));
        world.environment.clear();
    }
    void be_owner() {
        world.database = std::move(*Database::open(home_ / "state.db"));
        world.owner = owner_;
        world.values = nullptr;
        world.environment["TOKEN"] = "4711";
    }
    /// What a watch does when it finds something. @return what went wrong
    std::vector<std::string> heal() {
        const auto healed = world.open_deployed()->heal({.remove_stale = false, .heal = true}, {});
        std::vector<std::string> problems;
        for (const Diagnostic& each : healed.errors) {
            problems.push_back(to_text(each));
        }
        return problems;
    }
    void up() {
        const auto done = world.open()->up({});
        EXPECT_TRUE(done) << to_text(done.error().at(0));
    }
    std::vector<std::string> planned() {
        const auto plan = world.open()->plan({});
        std::vector<std::string> words;
        for (const PlannedStep& step : plan ? plan->steps : std::vector<PlannedStep>()) {
            words.push_back(step.action + " " + step.subject);
        }
        return words;
    }
    void expect_flow() {
        const std::uint64_t before = world.module("last").taken;
        world.go("first");
        EXPECT_EQ(world.module("last").taken, before + 1);
    }
    ConnectionRecord connection(const std::string& name) {
        return *(*State::open(world.database))->connection(name);
    }
    ModuleRecord module(const std::string& name) {
        return *(*State::open(world.database))->module(name);
    }

    FakeWorld world{chain};
    const fs::path home_ = world.folder() / ".authex";
    const fs::path folder_ = world.folder() / "delegate";
    OwnerKey owner_;
};

TEST_F(DelegationTest, TheDelegateTakesUpWhatRunsAndLoadsAndKeysNothingAnew) {
    up();
    expect_flow();
    delegate();
    const std::uint32_t instance = world.module("middle").status.instance();
    be_delegate();
    EXPECT_THAT(heal(), IsEmpty());
    EXPECT_EQ(world.module("middle").status.instance(), instance);
    EXPECT_EQ(connection("a").epoch, 1U);
    expect_flow();
    EXPECT_TRUE(world.open()->output("poke", {}));
}

TEST_F(DelegationTest, TheDelegateHealsAndGivesTheSameValues) {
    delegate();
    const std::vector<GivenValue> given = module("first").given;
    ASSERT_EQ(given.size(), 3U);
    be_delegate();
    ASSERT_THAT(heal(), IsEmpty());
    for (const char* name : {"first", "last"}) {
        world.crash(name);
        EXPECT_THAT(heal(), IsEmpty());
        expect_flow();
    }
    for (const GivenValue& each : given) {
        EXPECT_THAT(module("first").given,
                    Contains(testing::AllOf(testing::Field(&GivenValue::name, each.name),
                                            testing::Field(&GivenValue::mac, each.mac))));
    }
}

TEST_F(DelegationTest, TheDelegateRestoresAStateThatIsKept) {
    delegate();
    be_delegate();
    ASSERT_THAT(heal(), IsEmpty());
    for (int i = 0; i < 3; ++i) {
        world.crash("middle");
        world.go("first");
        EXPECT_THAT(heal(), IsEmpty());
        world.pump();
    }
    EXPECT_EQ(world.module("last").taken, 3U) << "what waited is not lost";
    EXPECT_EQ(connection("a").epoch, 1U);
}

TEST_F(DelegationTest, ItKnowsAKeyOnlyWhereAModulesStateIsKept) {
    delegate();
    be_delegate();
    EXPECT_FALSE(connection("a").key.empty());
    EXPECT_FALSE(connection("b").key.empty());
    EXPECT_TRUE(connection("q").key.empty());
    EXPECT_TRUE(connection("poke").key.empty());
    EXPECT_TRUE(module("first").session.empty());
    EXPECT_EQ(module("first").attested_at_us, 0U);
}

TEST_F(DelegationTest, TheDelegateAttestsAndTurnsKeys) {
    delegate();
    be_delegate();
    ASSERT_THAT(heal(), IsEmpty());
    EXPECT_TRUE(world.open()->up({.load = false, .connect = false, .attest_again = true}));
    const auto turned = world.open()->up(
        {.load = false, .attest = false, .register_periodic = false, .turn_keys = true});
    EXPECT_TRUE(turned) << to_text(turned.error().at(0));
    EXPECT_EQ(connection("q").turn, 1U);
    expect_flow();
}

TEST_F(DelegationTest, TheDelegateRefusesWhatTheOwnerAloneDoes) {
    delegate();
    be_delegate();
    const auto application = world.open();
    EXPECT_EQ(code(application->build({})), "owners-alone");
    EXPECT_EQ(code(application->plan({})), "owners-alone");
    EXPECT_EQ(code(application->up({})), "owners-alone");
    EXPECT_EQ(code(application->recover(0)), "owners-alone");
    EXPECT_EQ(code(application->disable("last")), "owners-alone");
    EXPECT_EQ(code(application->reset()), "owners-alone");
    EXPECT_EQ(code(application->down()), "owners-alone");
    EXPECT_EQ(code(application->set_secret("first", "salt", std::nullopt)), "owners-alone");
    EXPECT_EQ(code(application->record({.module = "last", .file = folder_ / "recording"})),
              "owners-alone");
    EXPECT_EQ(code(application->delegate({.folder = folder_ / "further"})), "owners-alone");
}

TEST_F(DelegationTest, NobodyElseChangesTheStateMeanwhile) {
    delegate();
    const auto refused = State::open(home_, StateUse::change);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "state-delegated");
    EXPECT_THAT(to_text(refused.error()),
                HasSubstr("the state is with the delegate delegate since"));
    EXPECT_TRUE(State::open(home_, StateUse::look));
    EXPECT_TRUE(State::open(folder_, StateUse::change));
}

TEST_F(DelegationTest, TheStateComesHome) {
    delegate();
    be_delegate();
    ASSERT_THAT(heal(), IsEmpty());
    world.crash("middle");
    world.crash("last");
    ASSERT_THAT(heal(), IsEmpty());
    expect_flow();
    ASSERT_TRUE(Journal(folder_).add({.time = {}, .act = "heal", .subject = "module middle"}));
    const std::uint32_t instance = world.module("middle").status.instance();

    ASSERT_TRUE(take_back(home_, folder_));
    EXPECT_EQ(code(State::open(folder_, StateUse::change)), "state-returned");
    EXPECT_TRUE(State::open(home_, StateUse::change));
    ASSERT_EQ(Journal(home_).last(10).size(), 1U);
    be_owner();
    EXPECT_THAT(
        planned(),
        testing::UnorderedElementsAre(
            "attest first", "attest middle", "attest last", "configure first", "connect poke"));
    up();
    EXPECT_EQ(world.module("middle").status.instance(), instance);
    EXPECT_THAT(planned(), IsEmpty());
    expect_flow();
    const std::uint64_t before = world.module("last").taken;
    world.crash("middle");
    world.go("first");
    up();
    world.pump();
    EXPECT_EQ(world.module("last").taken, before + 1) << "also its kept state can be restored here";
    EXPECT_EQ(list_roles(home_)->at(0).revoked, true);
    EXPECT_EQ(code(take_back(home_, folder_)), "not-delegated");
    fs::remove_all(folder_);
    delegate();
}

TEST_F(DelegationTest, ATakingBackThatWasKilledIsDoneAgain) {
    delegate();
    std::ofstream(returned_mark(folder_)) << "to its owner";
    EXPECT_TRUE(take_back(home_, folder_));
}

TEST_F(DelegationTest, OnlyTheFolderOfThisDelegationIsTakenBack) {
    EXPECT_EQ(code(take_back(home_, folder_)), "not-delegated");
    delegate();
    EXPECT_EQ(code(take_back(home_, world.folder())), "file-unreadable");
    Delegation other = *read_delegation(folder_ / "delegation.json");
    other.id += "0";
    ASSERT_TRUE(write_delegation(folder_ / "delegation.json", other));
    EXPECT_EQ(code(take_back(home_, folder_)), "other-delegation");
}

TEST_F(DelegationTest, AStateThatIsNoSuccessorStaysAway) {
    delegate();
    const auto here = State::open(home_, StateUse::look);
    const auto copied = [&] {
        auto database = Database::in_memory();
        auto state = State::open(std::shared_ptr<Database>(std::move(*database)));
        (void)(*state)->set_deployment((*here)->deployment());
        Change change;
        change.descriptor = (*here)->descriptor();
        for (const auto& [name, node] : (*here)->nodes()) {
            change.nodes.push_back(node);
        }
        for (const auto& [name, each] : (*here)->modules()) {
            change.modules.push_back(each);
        }
        for (const auto& [id, each] : (*here)->connections()) {
            change.connections.push_back(each);
        }
        (void)(*state)->commit(change);
        return std::move(*state);
    };
    EXPECT_TRUE(come_home(**here, *copied()));
    const auto refused = [&](const Change& change) {
        const auto there = copied();
        EXPECT_TRUE(there->commit(change));
        return code(come_home(**here, *there));
    };
    const auto of_module = [&](const std::function<void(ModuleRecord&)>& alter) {
        Change change;
        change.modules = {*(*here)->module("middle")};
        alter(change.modules[0]);
        return refused(change);
    };
    const auto of_connection = [&](const std::function<void(ConnectionRecord&)>& alter) {
        Change change;
        change.connections = {*(*here)->connection("a")};
        alter(change.connections[0]);
        return refused(change);
    };
    const std::string no = "not-a-successor";
    EXPECT_EQ(of_module([](auto& each) { each.identity[0] ^= 1U; }), no);
    EXPECT_EQ(of_module([](auto& each) { each.image_sha256[0] ^= 1U; }), no);
    EXPECT_EQ(of_module([](auto& each) { each.node = "left"; }), no);
    EXPECT_EQ(of_module([](auto& each) { each.on_node = "other"; }), no);
    EXPECT_EQ(of_module([](auto& each) { each.placement = {1}; }), no);
    EXPECT_EQ(of_module([](auto& each) { each.module_key = Secret(std::vector<std::uint8_t>{1}); }),
              no);
    EXPECT_EQ(of_module([](auto& each) { --each.incarnation; }), no);
    EXPECT_EQ(of_module([](auto& each) { ++each.incarnation; }), "");
    EXPECT_EQ(of_connection([](auto& each) { --each.epoch; }), no);
    EXPECT_EQ(of_connection([](auto& each) { each.to.module = "last"; }), no);
    EXPECT_EQ(of_connection([](auto& each) { each.from.id = 7; }), no);
    EXPECT_EQ(of_connection([](auto& each) { each.given_key = true; }), no);
    EXPECT_EQ(of_connection([](auto& each) { each.within_us = 1; }), no);
    EXPECT_EQ(of_connection([](auto& each) { each.destination_node = "left"; }), no);
    EXPECT_EQ(of_connection([](auto& each) { ++each.turn; }), "");
    Change change;
    change.nodes = {*(*here)->node("left")};
    change.nodes[0].evidence_key[0] ^= 1U;
    EXPECT_EQ(refused(change), no);
    change = {};
    change.erased_modules = {"middle"};
    EXPECT_EQ(refused(change), no);
    change = {};
    change.erased_connections = {(*here)->connection("a")->id};
    EXPECT_EQ(refused(change), no);
    change = {};
    change.descriptor = "another";
    EXPECT_EQ(refused(change), no);
}

TEST_F(DelegationTest, TheOwnerGoesOnWithoutADelegateThatIsLost) {
    delegate();
    be_delegate();
    ASSERT_THAT(heal(), IsEmpty());
    ASSERT_TRUE(world.open()->up(
        {.load = false, .attest = false, .register_periodic = false, .turn_keys = true}));
    world.crash("middle");
    ASSERT_THAT(heal(), IsEmpty());
    expect_flow();

    ASSERT_TRUE(revoke_delegate(home_));
    EXPECT_FALSE(fs::exists(home_ / "delegate.key"));
    EXPECT_FALSE(fs::exists(home_ / "delegate.pub"));
    EXPECT_TRUE(list_roles(home_)->at(0).revoked);
    be_owner();
    up();
    for (const char* name : {"a", "b", "q", "poke"}) {
        EXPECT_GT(connection(name).epoch, 1U) << name;
    }
    EXPECT_THAT(planned(), IsEmpty());
    expect_flow();
    world.crash("middle");
    world.go("first");
    up();
    world.pump();
    EXPECT_EQ(world.module("last").taken, 3U) << "it keeps its state under a key of the owner's";
    EXPECT_EQ(code(revoke_delegate(home_)), "no-delegate");
}

TEST_F(DelegationTest, AKeptStateThatTheLostDelegateHasNotTouchedIsRestored) {
    delegate();
    expect_flow();
    world.crash("middle");
    world.go("first");
    ASSERT_TRUE(revoke_delegate(home_));
    be_owner();
    up();
    EXPECT_EQ(world.module("middle").taken, 1U);
}

TEST_F(DelegationTest, WhatFailsLeavesNoDelegate) {
    up();
    world.environment.clear();
    EXPECT_NE(code(world.open()->delegate({.folder = folder_})), "");
    world.environment["TOKEN"] = "4711";
    fs::remove(world.folder() / "certs/left.pem");
    EXPECT_EQ(code(world.open()->delegate({.folder = folder_})), "file-unreadable");
    EXPECT_FALSE(fs::exists(folder_));
    EXPECT_TRUE(State::open(home_, StateUse::change));
    EXPECT_TRUE(list_roles(home_)->at(0).revoked);
    fs::create_directories(folder_ / "something");
    EXPECT_EQ(code(world.open()->delegate({.folder = folder_})), "folder-not-empty");
}

TEST_F(DelegationTest, AnApplicationThatWasRecoveredHasNone) {
    up();
    world.owner = world.recovery;
    EXPECT_EQ(code(world.open()->delegate({.folder = folder_})), "recovered");
}

TEST_F(DelegationTest, FilesOfTheDescriptorAreThoseOfTheFolder) {
    delegate();
    std::vector<Diagnostic> warnings;
    auto descriptor = Application::check(world.folder() / "authex.yaml", warnings);
    ASSERT_TRUE(descriptor);
    use_delegated_files(*descriptor, folder_);
    std::ifstream file(descriptor->directory / *descriptor->nodes[0].certificate);
    std::string text;
    std::getline(file, text);
    EXPECT_EQ(text, "a certificate");
}

TEST_F(DelegationTest, AModulesKeyIsKnownForThePlaceWhereItLayAlone) {
    delegate();
    const std::vector<std::uint8_t> image = {1, 2, 3};
    const std::vector<std::uint8_t> placement = {7, 7};
    const crypto::Hash hash = crypto::sha256(image);
    {
        const auto state = State::open(folder_, StateUse::change);
        Change change;
        change.modules = {*(*state)->module("last")};
        change.modules[0].image_sha256.assign(hash.begin(), hash.end());
        change.modules[0].placement = placement;
        change.modules[0].identity = {9};
        change.modules[0].module_key = Secret(std::vector<std::uint8_t>(16, 5));
        ASSERT_TRUE((*state)->commit(change));
    }
    const auto placed = place_as_before(folder_, "left", image, placement);
    ASSERT_TRUE(placed);
    EXPECT_THAT(placed->identity, ElementsAre(9));
    EXPECT_EQ(placed->module_key, std::vector<std::uint8_t>(16, 5));
    EXPECT_EQ(code(place_as_before(folder_, "right", image, placement)), "placement-unknown");
    EXPECT_EQ(code(place_as_before(folder_, "left", image, {})), "placement-unknown");
    EXPECT_EQ(code(place_as_before(folder_, "left", placement, placement)), "placement-unknown");
}

TEST_F(DelegationTest, DamagedFilesAreSaidToBe) {
    delegate();
    std::ofstream(folder_ / "values") << "nothing of the kind";
    EXPECT_EQ(code(delegated_values(folder_)), "delegation-damaged");
    std::ofstream(home_ / "delegated") << "{}";
    EXPECT_EQ(code(read_delegation(home_ / "delegated")), "delegation-damaged");
    EXPECT_EQ(code(State::open(home_, StateUse::change)), "state-delegated");
    std::ofstream(folder_ / "delegate.pub") << std::string(64, 'a') << '\n';
    EXPECT_EQ(code(open_owner_key(folder_)), "owner-key-mismatch");
}

} // namespace
} // namespace authex::deployer
