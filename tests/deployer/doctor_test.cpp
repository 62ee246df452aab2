#include "deployer/doctor.hpp"

#include <algorithm>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "deployer/certificates.hpp"
#include "support/temporary_folder.hpp"
#include "tee/sgx/verifier/scene.hpp"
#include "tee/sgx/verifier/utc.hpp"

namespace authex::deployer {
namespace {

using Level = Examined::Level;
using testing::HasSubstr;
using Time = std::chrono::system_clock::time_point;
constexpr auto day = std::chrono::hours(24);

Examined found(const std::vector<Examined>& all, const std::string& what) {
    const auto each =
        std::find_if(all.begin(), all.end(), [&](const Examined& one) { return one.what == what; });
    EXPECT_NE(each, all.end()) << what;
    return each == all.end() ? Examined{} : *each;
}

/// PATH as a test wants it, and then as it was.
class Path {
  public:
    explicit Path(const std::string& value) : before_(std::getenv("PATH")) {
        ::setenv("PATH", value.c_str(), 1);
    }
    Path(const Path&) = delete;
    Path& operator=(const Path&) = delete;
    ~Path() { ::setenv("PATH", before_.c_str(), 1); }

  private:
    std::string before_;
};

TEST(ExamineMachine, FindsWhatThisBuildWasMadeWith) {
    const test::TemporaryFolder folder;
    const auto all = examine_machine(folder.path(), nullptr);
    for (const char* what :
         {"clang++-14", "clang-14", "ld.lld-14", "BearSSL", "seccomp", "memfd"}) {
        EXPECT_EQ(found(all, what).level, Level::ok) << what << ": " << found(all, what).text;
        EXPECT_EQ(found(all, what).fix, "");
    }
    EXPECT_THAT(found(all, "clang++-14").text, HasSubstr("14."));
}

TEST(ExamineMachine, SaysHowToGetACompilerThatIsMissing) {
    const test::TemporaryFolder folder;
    const Path path(folder.path());
    const Examined compiler = found(examine_machine(folder.path(), nullptr), "clang++-14");
    EXPECT_EQ(compiler.level, Level::failure);
    EXPECT_EQ(compiler.fix, "apt-get install clang-14");
}

TEST(ExamineMachine, RefusesACompilerOfAnotherVersion) {
    const test::TemporaryFolder folder;
    const auto program = folder.write("clang++-14", "#!/bin/sh\necho clang version 15.0.7\n");
    ::chmod(program.c_str(), 0755);
    const Path path(folder.path().string() + ":/usr/bin:/bin");
    const Examined compiler = found(examine_machine(folder.path(), nullptr), "clang++-14");
    EXPECT_EQ(compiler.level, Level::failure);
    EXPECT_THAT(compiler.text, HasSubstr("15.0.7"));
}

TEST(ExamineMachine, MissesADeviceOnlyWhereANodeOfThisMachineNeedsIt) {
    const test::TemporaryFolder folder;
    if (std::filesystem::exists("/dev/sgx_enclave")) {
        EXPECT_EQ(found(examine_machine(folder.path(), nullptr), "/dev/sgx_enclave").level,
                  Level::ok);
        return;
    }
    descriptor::Descriptor descriptor;
    descriptor.nodes.push_back({.name = "n",
                                .tee = descriptor::Tee::sgx,
                                .address = {.host = "example.org", .port = 1, .where = {}},
                                .events = {},
                                .vendor = {},
                                .certificate = {},
                                .where = {}});
    EXPECT_EQ(found(examine_machine(folder.path(), &descriptor), "/dev/sgx_enclave").level,
              Level::ok);
    descriptor.nodes[0].address.host = "127.0.0.1";
    EXPECT_EQ(found(examine_machine(folder.path(), &descriptor), "/dev/sgx_enclave").level,
              Level::warning);
}

TEST(ExamineMachine, LooksAtTheDiskOfAFolderThatIsNotThereYet) {
    const test::TemporaryFolder folder;
    const Examined disk = found(examine_machine(folder.path() / "a/b", nullptr), "state");
    EXPECT_THAT(disk.text, HasSubstr(folder.path().string()));
}

TEST(ExamineKeys, MissesTheOwnerKeyAndMakesNone) {
    const test::TemporaryFolder folder;
    const auto all = examine_keys(folder.path(), std::chrono::system_clock::now());
    EXPECT_EQ(found(all, "owner key").level, Level::warning);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(ExamineKeys, OfAGuestNeedNoOwnerKey) {
    const test::TemporaryFolder folder;
    ASSERT_TRUE(open_deployer_tls(folder.path()));
    std::filesystem::remove(folder.path() / "tls/ca.key");
    const auto now = std::chrono::system_clock::now();
    EXPECT_EQ(found(examine_keys(folder.path(), now), "owner key").level, Level::ok);
    const auto late = examine_keys(folder.path(), now + (certificate_days - 1) * day);
    EXPECT_THAT(found(late, "deployer.crt").fix, HasSubstr("authex role add"));
}

TEST(ExamineKeys, RefusesAnOwnerKeyThatOthersMayRead) {
    const test::TemporaryFolder folder;
    ::chmod(folder.write("owner.key", "x").c_str(), 0644);
    const auto all = examine_keys(folder.path(), std::chrono::system_clock::now());
    EXPECT_EQ(found(all, "owner key").level, Level::failure);
    EXPECT_THAT(found(all, "owner key").fix, HasSubstr("chmod 600"));
}

class Certificates : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(open_deployer_tls(folder.path())); }
    Level at(Time now) { return found(examine_keys(folder.path(), now), "deployer.crt").level; }
    test::TemporaryFolder folder;
};

TEST_F(Certificates, EndWhenTheySay) {
    const auto end = end_of_certificate(folder.path() / "tls/deployer.crt");
    ASSERT_TRUE(end);
    const auto left = *end - std::chrono::system_clock::now();
    EXPECT_GT(left, (certificate_days - 1) * day);
    EXPECT_LE(left, certificate_days * day);
}

TEST_F(Certificates, AreWarnedOfThirtyDaysBeforeTheirEnd) {
    const Time end = *end_of_certificate(folder.path() / "tls/deployer.crt");
    EXPECT_EQ(at(end - 31 * day), Level::ok);
    EXPECT_EQ(at(end - 29 * day), Level::warning);
    EXPECT_EQ(at(end), Level::failure);
    EXPECT_EQ(at(end + day), Level::failure);
}

TEST_F(Certificates, ThatCannotBeReadAreNamed) {
    folder.write("tls/ca.crt", "no certificate");
    EXPECT_EQ(found(examine_keys(folder.path(), std::chrono::system_clock::now()), "ca.crt").level,
              Level::failure);
    EXPECT_EQ(end_of_certificate(folder.path() / "none").error().code, "file-unreadable");
}

class ExamineCollateral : public testing::Test {
  protected:
    ExamineCollateral() {
        descriptor_.directory = folder_.path();
        descriptor_.nodes.push_back({.name = "cloud",
                                     .tee = descriptor::Tee::sgx,
                                     .address = {},
                                     .events = {},
                                     .vendor = {},
                                     .certificate = {},
                                     .board = {},
                                     .where = {}});
    }
    /// Below the folder, as it is served; its root beside it.
    void keep() {
        const auto& chain = evidence_.collateral.files.at("tcb_chain.pem");
        folder_.write("root.pem", chain.substr(chain.rfind("-----BEGIN")));
        EXPECT_TRUE(
            tee::sgx::write_collateral(evidence_.collateral, folder_.path() / "collateral"));
        descriptor_.policy.collateral = "collateral";
        descriptor_.policy.root = "root.pem";
    }
    [[nodiscard]] Examined only(Time now = at(tee::sgx::Scene::now)) const {
        const auto all = examine_collateral(descriptor_, now);
        EXPECT_EQ(all.size(), 1U);
        return all.empty() ? Examined{} : all.front();
    }
    static Time at(tee::sgx::UnixTime time) { return Time(std::chrono::seconds(time)); }

    test::TemporaryFolder folder_;
    tee::sgx::Scene scene_;
    tee::sgx::Presented evidence_ = scene_.build();
    descriptor::Descriptor descriptor_;
};

TEST_F(ExamineCollateral, IsOnlyAboutNodesWithSgxThatAreNotSimulated) {
    EXPECT_EQ(only().level, Level::warning);
    EXPECT_THAT(only().fix, HasSubstr("pccs"));
    descriptor_.simulation_allowed = true;
    EXPECT_TRUE(examine_collateral(descriptor_, Time()).empty());
    descriptor_.simulation_allowed = false;
    descriptor_.nodes[0].tee = descriptor::Tee::native;
    EXPECT_TRUE(examine_collateral(descriptor_, Time()).empty());
}

TEST_F(ExamineCollateral, SaysUntilWhenAFolderHolds) {
    keep();
    EXPECT_EQ(only().level, Level::ok) << only().text;
    EXPECT_THAT(only().text, HasSubstr("holds until 2026-"));
    EXPECT_EQ(only(at(tee::sgx::Scene::now) + 500 * day).level, Level::failure);
    descriptor_.policy.root.reset(); // Intel's
    EXPECT_EQ(only().level, Level::failure);
    descriptor_.policy.root = "nowhere.pem";
    EXPECT_THAT(only().text, HasSubstr("nowhere.pem"));
}

TEST_F(ExamineCollateral, WarnsAWeekBeforeTheEnd) {
    keep();
    const std::string text = only().text;
    const auto end = tee::sgx::parse_utc(text.substr(text.find("until ") + 6));
    ASSERT_TRUE(end) << text;
    EXPECT_EQ(only(at(*end) - 8 * day).level, Level::ok);
    EXPECT_EQ(only(at(*end) - 6 * day).level, Level::warning);
    EXPECT_EQ(only(at(*end) + day).level, Level::failure);
}

TEST_F(ExamineCollateral, NamesWhatIsMissingAndAServiceThatDoesNotAnswer) {
    keep();
    std::filesystem::remove(folder_.path() / "collateral/pck_crl.der");
    EXPECT_THAT(only().text, HasSubstr("pck_crl.der"));
    descriptor_.policy.collateral.reset();
    descriptor_.policy.pccs = {.url = "https://127.0.0.1:1", .authority = {}};
    EXPECT_EQ(only().level, Level::failure);
    EXPECT_THAT(only().text, HasSubstr("https://127.0.0.1:1"));
}

} // namespace
} // namespace authex::deployer
