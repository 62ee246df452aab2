#include "deployer/doctor.hpp"

#include <algorithm>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "deployer/certificates.hpp"
#include "support/temporary_folder.hpp"

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

} // namespace
} // namespace authex::deployer
