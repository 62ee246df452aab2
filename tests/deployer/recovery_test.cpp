// The deployer's folder is lost, and the recovery key takes the application over.
#include "deployer/recovery.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deployer/credentials.hpp"
#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using test::FakeWorld;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace fs = std::filesystem;

constexpr const char* recovery_chain = R"(
application: chain
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001 }
  right: { tee: native, address: 127.0.0.1:6002 }
modules:
  first:  { node: left,  sources: [first.cpp], secrets: { salt: { generate: 32 } } }
  middle: { node: right, sources: [middle.cpp] }
  last:   { node: left,  sources: [last.cpp] }
connections:
  - { name: a, from: first.out,  to: middle.relay }
  - { name: b, from: middle.out, to: last.in }
  - { name: poke, direct: true, to: first.relay }
)";

template <typename T>
std::vector<std::string> codes(const Outcome<T>& outcome) {
    std::vector<std::string> all;
    for (const Diagnostic& each : outcome ? std::vector<Diagnostic>() : outcome.error()) {
        all.push_back(each.code);
    }
    return all;
}

class RecoveryTest : public testing::Test {
  protected:
    void SetUp() override {
        const auto done = world.open()->up({});
        ASSERT_TRUE(done) << to_text(done.error().at(0));
        thief = world.owner;
        stolen = world.database;
    }
    void lose_the_folder() {
        world.lose_state();
        world.owner = world.recovery;
    }
    void recover() {
        const auto done = world.open()->recover(0);
        ASSERT_TRUE(done) << to_text(done.error().at(0));
    }
    FakeWorld world{recovery_chain};
    OwnerKey thief;
    std::shared_ptr<Database> stolen;
};

// P40
TEST_F(RecoveryTest, ModulesRunOnAndServeTheNewOwner) {
    world.go("first");
    ASSERT_EQ(world.module("last").taken, 1U);
    const std::uint32_t instance = world.module("last").status.instance();
    lose_the_folder();
    recover();
    EXPECT_EQ(world.module("last").status.instance(), instance) << "it was not started anew";
    world.go("first");
    EXPECT_EQ(world.module("last").taken, 2U) << "with the state that it had";
    EXPECT_TRUE(world.open()->output("poke", {}));
    EXPECT_THAT(world.used_twice, IsEmpty());
    EXPECT_TRUE(world.open()->plan({})->empty());
}

TEST_F(RecoveryTest, EpochsGoOnWhereTheNodesAre) {
    ASSERT_TRUE(world.open()->up({.load = false, .attest = false, .turn_epoch = true}));
    const std::uint32_t before = world.node("left").routes.begin()->second.epoch();
    ASSERT_GT(before, 1U);
    lose_the_folder();
    recover();
    EXPECT_GT(world.node("left").routes.begin()->second.epoch(), before);
}

TEST_F(RecoveryTest, ANodeCannotUseTheEpochsUp) {
    lose_the_folder();
    for (auto& [channel, route] : world.node("left").routes) {
        route.set_epoch(UINT32_MAX);
    }
    recover();
    world.go("first");
    EXPECT_EQ(world.module("last").taken, 1U);
}

// P41
TEST_F(RecoveryTest, TheOwnerBeforeIsRefusedWithAllThatItHad) {
    lose_the_folder();
    recover();
    world.go("first");
    const std::shared_ptr<Database> recovered = world.database;
    world.owner = thief;
    world.database = stolen;
    EXPECT_THAT(codes(world.open()->up({.load = false, .attest_again = true})),
                Contains("order-refused"));
    EXPECT_FALSE(world.open()->disable("last"));
    EXPECT_FALSE(world.open()->output("poke", {}));
    world.owner = world.recovery;
    world.database = recovered;
    world.go("first");
    EXPECT_EQ(world.module("last").taken, 2U) << "nothing that the thief tried has disturbed it";
}

TEST_F(RecoveryTest, SecretsThatWereGeneratedAreOthers) {
    const auto salt = [&] {
        const std::string name = "salt";
        ByteView value;
        EXPECT_EQ(world.module("first").runtime->value(
                      AUTHEX_SECRET,
                      {reinterpret_cast<const std::uint8_t*>(name.data()), name.size()},
                      value),
                  AUTHEX_OK);
        return std::vector<std::uint8_t>(value.begin(), value.end());
    };
    const auto before = salt();
    lose_the_folder();
    recover();
    EXPECT_NE(salt(), before) << "the owner before could make them again";
}

TEST_F(RecoveryTest, TheStateAloneMayBeLostToo) {
    world.lose_state();
    recover();
    world.go("first");
    EXPECT_EQ(world.module("last").taken, 1U);
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(RecoveryTest, KilledAnywhereItGoesOn) {
    for (int fuse = 1;; ++fuse) {
        FakeWorld killed(recovery_chain);
        ASSERT_TRUE(killed.open()->up({}));
        killed.lose_state();
        killed.owner = killed.recovery;
        killed.fuse = fuse;
        const bool survived = killed.survives([&] { (void)killed.open()->recover(0); });
        killed.fuse = -1;
        const auto done = killed.open()->recover(0);
        ASSERT_TRUE(done) << "killed at place " << fuse << ": " << to_text(done.error().at(0));
        killed.go("first");
        ASSERT_EQ(killed.module("last").taken, 1U) << "killed at place " << fuse;
        ASSERT_THAT(killed.used_twice, IsEmpty()) << "killed at place " << fuse;
        if (survived) {
            break;
        }
    }
}

TEST_F(RecoveryTest, NothingOrSeveralDeploymentsAreSaidSo) {
    lose_the_folder();
    const auto mine = world.node("left").deployments.begin()->first;
    world.node("right").deployments[mine == 1 ? 2 : 1] = "chain";
    world.node("right").deployments[77] = "another";
    EXPECT_THAT(codes(world.open()->recover(0)), ElementsAre("several-deployments"));
    EXPECT_THAT(codes(world.open()->recover(77)), ElementsAre("nothing-deployed"));
    EXPECT_TRUE(world.open()->recover(static_cast<std::uint16_t>(mine)));
    world.lose_state();
    for (auto& [name, node] : world.nodes) {
        node->deployments.clear();
    }
    EXPECT_THAT(codes(world.open()->recover(0)), ElementsAre("nothing-deployed"));
}

TEST_F(RecoveryTest, ANodeThatCannotBeAskedIsSaidSo) {
    lose_the_folder();
    world.node("right").reachable = false;
    EXPECT_THAT(codes(world.open()->recover(0)), ElementsAre("node-unreachable"));
}

class RecoveryFile : public testing::Test {
  protected:
    [[nodiscard]] static std::string code(const Expected<bool>& result) {
        return result ? "ok" : result.error().code;
    }
    test::TemporaryFolder folder;
    const fs::path state = folder.path() / "state";
    const fs::path other = folder.path() / "other";
    const fs::path file = folder.path() / "recovery.key";
};

TEST_F(RecoveryFile, MakesAnOwnerOfAnEmptyFolder) {
    const auto owner = open_owner_key(state);
    ASSERT_TRUE(owner);
    EXPECT_EQ(owner->index, 0);
    EXPECT_FALSE(owner->recovery_key);
    ASSERT_EQ(code(make_recovery_key(state, file)), "ok");
    EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    const auto with_recovery = open_owner_key(state);
    ASSERT_TRUE(with_recovery && with_recovery->recovery_key);
    ASSERT_EQ(code(use_recovery_key(other, file)), "ok");
    const auto recovered = open_owner_key(other);
    ASSERT_TRUE(recovered) << to_text(recovered.error());
    EXPECT_EQ(recovered->index, 1);
    EXPECT_EQ(recovered->public_key, owner->public_key) << "images are built as they were";
    EXPECT_EQ(recovered->recovery_key, with_recovery->recovery_key);
    EXPECT_NE(recovered->secret, owner->secret);
    EXPECT_TRUE(open_deployer_tls(other)) << "with the authority of the nodes";
    EXPECT_EQ(code(use_recovery_key(other, file)), "ok") << "once more";
}

TEST_F(RecoveryFile, SecretHalfIsNowhereInTheFolder) {
    ASSERT_EQ(code(make_recovery_key(state, file)), "ok");
    ASSERT_EQ(code(use_recovery_key(other, file)), "ok");
    std::ifstream stream(other / "owner.key");
    std::string secret;
    stream >> secret;
    for (const auto& entry : fs::recursive_directory_iterator(state)) {
        if (entry.is_regular_file()) {
            std::ifstream each(entry.path());
            const std::string text((std::istreambuf_iterator<char>(each)), {});
            EXPECT_THAT(text, Not(HasSubstr(secret))) << entry.path();
        }
    }
}

TEST_F(RecoveryFile, IsMadeOnceAndNeverOverwritesAnything) {
    ASSERT_EQ(code(make_recovery_key(state, file)), "ok");
    EXPECT_EQ(code(make_recovery_key(state, folder.path() / "another")), "recovery-key-exists");
    EXPECT_EQ(code(make_recovery_key(other, file)), "file-exists");
    ASSERT_TRUE(open_owner_key(other));
    EXPECT_EQ(code(use_recovery_key(other, file)), "owner-key-exists");
    EXPECT_EQ(open_owner_key(other)->index, 0);
    EXPECT_FALSE(fs::exists(other / "recovery.pub")) << "a folder of another is left as it is";
}

TEST_F(RecoveryFile, ThatIsDamagedOrReadableByOthersIsRefused) {
    for (const std::string text : {"",
                                   "{",
                                   "[]",
                                   "{}",
                                   R"({"authex-recovery": 1})",
                                   R"({"authex-recovery": 2, "secret": "00"})",
                                   "null",
                                   "7"}) {
        const fs::path damaged = folder.path() / "damaged";
        fs::remove(damaged);
        std::ofstream(damaged) << text;
        fs::permissions(damaged, fs::perms::owner_read | fs::perms::owner_write);
        EXPECT_EQ(code(use_recovery_key(other, damaged)), "recovery-file-damaged") << text;
        EXPECT_FALSE(fs::exists(other / "owner.key"));
    }
    ASSERT_EQ(code(make_recovery_key(state, file)), "ok");
    fs::permissions(file, fs::perms::group_read, fs::perm_options::add);
    EXPECT_EQ(code(use_recovery_key(other, file)), "file-readable-by-others");
    EXPECT_EQ(code(use_recovery_key(other, folder.path() / "none")), "file-unreadable");
}

TEST_F(RecoveryFile, AnOwnerKeyThatBelongsToNoPublicKeyIsRefused) {
    ASSERT_EQ(code(make_recovery_key(state, file)), "ok");
    std::ofstream(state / "owner.key", std::ios::trunc) << std::string(64, '7') << '\n';
    const auto refused = open_owner_key(state);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "owner-key-mismatch");
}

} // namespace
} // namespace authex::deployer
