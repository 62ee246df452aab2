// Who may do what, with the real programs over TLS; and the deployer's folder lost and recovered.
#include <filesystem>

#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class Trust : public ::testing::Test {
  protected:
    void SetUp() override {
        world_.must({"recovery-key", recovery_});
        world_.must({"node", "bundle", "bank", "--out", bundle_});
        world_.start_managers({"--tls", bundle_});
        // TLS on loopback too: the descriptor says whom to trust for the node.
        const std::string address = "127.0.0.1:" + std::to_string(world_.control_port("bank"));
        world_.replace("native.yaml", address, address + ", certificate: .authex/tls/ca.crt");
        world_.must({"secret", "set", "vault", "code", "--text", "4711"});
        world_.must({"up"});
    }
    int open() { return world_.authex({"request", "open", "--text", "4711"}).status; }
    std::string role(const std::string& name, const std::string& kind) {
        const std::string folder = world_.folder() / (name + ".role");
        world_.must({"role", "add", name, "--role", kind, "--out", folder});
        return folder;
    }
    World world_{"vault"};
    const std::string outside_ = world_.folder().parent_path();
    const std::string recovery_ = outside_ + "/recovery.key";
    const std::string bundle_ = outside_ + "/bank.tls";
};

TEST_F(Trust, ObserverLooksAndChangesNothing) {
    const std::string anna = role("anna", "observer");
    EXPECT_FALSE(fs::exists(anna + "/owner.key"));
    const Result status = world_.authex({"--state", anna, "status"});
    EXPECT_EQ(status.status, 0) << status.err;
    EXPECT_THAT(status.out, HasSubstr("vault"));
    EXPECT_EQ(world_.authex({"--state", anna, "logs"}).status, 0);
    const pid_t process = world_.module_process("vault");
    const Result restart = world_.authex({"--state", anna, "restart", "vault"});
    EXPECT_EQ(restart.status, 1);
    EXPECT_THAT(restart.err, HasSubstr("for the role operator"));
    EXPECT_EQ(world_.authex({"--state", anna, "reset"}).status, 1);
    const Result up = world_.authex({"--state", anna, "up"});
    EXPECT_EQ(up.status, 1);
    EXPECT_THAT(up.err, HasSubstr("no owner key"));
    EXPECT_EQ(world_.module_process("vault"), process);
    EXPECT_THAT(world_.manager("bank").err(), HasSubstr("refused: Stop"));
    EXPECT_EQ(open(), 0);
}

TEST_F(Trust, OperatorRestartsAndTheOwnerHeals) {
    const std::string otto = role("otto", "operator");
    const pid_t process = world_.module_process("vault");
    const Result restart = world_.authex({"--state", otto, "restart", "vault"});
    EXPECT_EQ(restart.status, 0) << restart.err;
    EXPECT_TRUE(eventually([&] {
        const pid_t now = world_.module_process("vault");
        return now != 0 && now != process;
    }));
    EXPECT_EQ(open(), 1) << "it has no keys";
    world_.must({"up"});
    EXPECT_EQ(open(), 0);
    EXPECT_EQ(world_.authex({"--state", otto, "reset"}).status, 1);
}

TEST_F(Trust, CertificateTakesThePlaceOfNoOther) {
    const Result own =
        world_.authex({"role", "add", "anna", "--role", "observer", "--out", ".authex"});
    EXPECT_EQ(own.status, 1);
    EXPECT_THAT(own.err, HasSubstr("has a certificate already"));
    EXPECT_EQ(world_.authex({"role", "list"}).out.find("anna"), std::string::npos);
    EXPECT_EQ(open(), 0) << "the owner's own is as it was";
}

TEST_F(Trust, RevokedCertificateIsTakenByNoNodeAnyMore) {
    const std::string otto = role("otto", "operator");
    const std::string anna = role("anna", "observer");
    ASSERT_EQ(world_.authex({"--state", otto, "status"}).status, 0);
    world_.must({"role", "revoke", "otto"});
    const Result status = world_.authex({"--state", otto, "restart", "vault"});
    EXPECT_EQ(status.status, 1);
    EXPECT_THAT(status.err, HasSubstr("revoked"));
    EXPECT_EQ(world_.authex({"--state", anna, "status"}).status, 0);
    EXPECT_THAT(world_.authex({"role", "list"}).out, HasSubstr("revoked"));
    world_.restart_manager("bank");
    EXPECT_EQ(world_.authex({"--state", otto, "restart", "vault"}).status, 1);
    EXPECT_EQ(open(), 0);
}

TEST_F(Trust, NodeThatWasNotThereIsToldOfRevocationsLater) {
    const std::string otto = role("otto", "operator");
    world_.manager("bank").signal(SIGTERM);
    (void)world_.manager("bank").wait();
    EXPECT_EQ(world_.authex({"role", "revoke", "otto"}).status, 1);
    world_.restart_manager("bank");
    world_.must({"status"});
    const Result restart = world_.authex({"--state", otto, "restart", "vault"});
    EXPECT_EQ(restart.status, 1);
    EXPECT_THAT(restart.err, HasSubstr("revoked"));
}

TEST_F(Trust, CertificateOfANodeOpensNoNode) {
    const std::string stolen = outside_ + "/stolen-node";
    fs::create_directories(stolen + "/tls");
    fs::copy_file(bundle_ + "/ca.crt", stolen + "/tls/ca.crt");
    fs::copy_file(bundle_ + "/node.crt", stolen + "/tls/deployer.crt");
    fs::copy_file(bundle_ + "/node.key", stolen + "/tls/deployer.key");
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"status"}, {"restart", "vault"}, {"logs"}, {"reset"}}) {
        std::vector<std::string> all = {"--state", stolen};
        all.insert(all.end(), words.begin(), words.end());
        const Result result = world_.authex(all);
        EXPECT_EQ(result.status, 1) << words.front();
        EXPECT_THAT(result.err, HasSubstr("is no client's")) << words.front();
    }
    EXPECT_EQ(open(), 0);
}

TEST_F(Trust, DeployersFolderIsLostAndTheRecoveryKeyTakesTheApplicationOver) {
    EXPECT_EQ(world_.authex({"request", "open", "--text", "1"}).status, 1);
    EXPECT_TRUE(eventually([&] {
        return world_.authex({"request", "read"}).out == "0001000000\n";
    }));
    const pid_t process = world_.module_process("alarm");
    // A thief has a copy of all; the owner has lost it.
    fs::rename(world_.folder() / ".authex", outside_ + "/stolen");
    EXPECT_EQ(world_.authex({"request", "read"}).status, 1);
    fs::remove_all(world_.folder() / ".authex");

    const Result recovered = world_.authex({"recover", recovery_});
    ASSERT_EQ(recovered.status, 0) << recovered.out << recovered.err;
    EXPECT_EQ(world_.module_process("alarm"), process) << "modules run on";
    EXPECT_EQ(world_.authex({"request", "read"}).out, "0001000000\n") << "with their state";
    EXPECT_EQ(open(), 0);
    EXPECT_EQ(world_.authex({"request", "open", "--text", "1"}).status, 1);
    EXPECT_TRUE(eventually([&] {
        return world_.authex({"request", "read"}).out == "0002000000\n";
    }));
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));

    const std::string stolen = outside_ + "/stolen";
    const Result attest = world_.authex({"--state", stolen, "attest"});
    EXPECT_EQ(attest.status, 1);
    EXPECT_THAT(attest.err, HasSubstr("superseded"));
    EXPECT_EQ(world_.authex({"--state", stolen, "request", "open", "--text", "4711"}).status, 1);
    EXPECT_EQ(world_.authex({"--state", stolen, "disable", "vault"}).status, 1);
    EXPECT_EQ(open(), 0) << "nothing of it has disturbed the new owner";
}

TEST_F(Trust, RecoveryIsRefusedWithTheWrongFileAndIntoAnOwnersFolder) {
    EXPECT_THAT(world_.authex({"recover", recovery_}).err, HasSubstr("there already"));
    const std::string damaged = outside_ + "/damaged";
    world_.write("../damaged", "{}");
    fs::permissions(damaged, fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_THAT(world_.authex({"--state", outside_ + "/new", "recover", damaged}).err,
                HasSubstr("no recovery file"));
    EXPECT_EQ(open(), 0);
}

} // namespace
} // namespace authex::test
