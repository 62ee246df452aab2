#include "tee/native/loader.hpp"

#include <fcntl.h>
#include <fstream>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "tee/native/native_modules.hpp"
#include "tee/native/verifier.hpp"
#include "tee/process/link.hpp"
#include "tee/process/spawn.hpp"

namespace authex::tee::native {
namespace {

using test::frame;
using wire::Kind;

template <typename T>
std::string code_of(const Expected<T>& value) {
    return value ? "" : value.error().code;
}

class LoaderTest : public testing::Test {
  protected:
    static const Image& echo_image() {
        static const Image image = test::build_module(test::echo_source);
        return image;
    }
    ModuleSpec spec(const std::string& name = "echo") { return test::spec_of(echo_image(), name); }
    std::filesystem::path directory(const std::string& name = "echo") {
        return test::module_folder(folder_, name, echo_image().path);
    }
    std::unique_ptr<ModuleLink> start(const std::string& name = "echo") {
        return test::require(loader_->start(spec(name), directory(name)));
    }
    process::ProcessRecord record(const std::string& name = "echo") {
        return test::require(process::ProcessLink::open(folder_.path() / name))->record();
    }
    static void end(ModuleLink& link) {
        link.kill();
        EXPECT_TRUE(test::wait_exit(link));
    }
    /// Starts a file of any content under its true hash.
    std::string start_content(const std::string& content) {
        folder_.write("odd/image", content);
        ModuleSpec odd = spec("odd");
        const std::vector<std::uint8_t> hash = compile::sha256(content);
        std::copy(hash.begin(), hash.end(), odd.image_sha256.begin());
        return code_of(loader_->start(odd, folder_.path() / "odd"));
    }
    /// Not even a zombie.
    static bool gone(std::uint32_t process) {
        return !std::filesystem::exists("/proc/" + std::to_string(process));
    }

    test::TemporaryFolder folder_;
    std::unique_ptr<NativeLoader> loader_ = test::open_loader(folder_);
};

TEST_F(LoaderTest, SaysThatItIsSimulatedAndHowItsEvidenceIsChecked) {
    const TeeInfo info = loader_->info();
    EXPECT_EQ(info.name, "native");
    EXPECT_TRUE(info.simulated);
    EXPECT_EQ(info.evidence_key.size(), 32U);
    EXPECT_GE(info.max_body_bytes, 65'536U);
}

TEST_F(LoaderTest, RefusesWithoutAHostProgram) {
    EXPECT_EQ(code_of(NativeLoader::open(
                  {.state_directory = folder_.path(), .host_program = folder_.path() / "nothing"})),
              "host-missing");
}

TEST_F(LoaderTest, RefusesAMissingImageAndAnotherImage) {
    std::filesystem::create_directory(folder_.path() / "empty");
    EXPECT_EQ(code_of(loader_->start(spec(), folder_.path() / "empty")), "image-unreadable");
    ModuleSpec other = spec();
    other.image_sha256[0] ^= 1U;
    EXPECT_EQ(code_of(loader_->start(other, directory())), "image-mismatch");
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "echo/process"));
}

TEST_F(LoaderTest, HostRefusesAnImageThatChangedAfterItWasChecked) {
    const Expected<bool> spawned = process::spawn_host(
        {.program = std::filesystem::path(AUTHEX_BINARY_DIR) / "bin/authex-host",
         .arguments = {"echo", std::string(64, '0'), "65536", "0"},
         .directory = directory(),
         .ring_bytes = process::ring_bytes_min});
    EXPECT_EQ(code_of(spawned), "image-mismatch");
}

TEST_F(LoaderTest, HostRefusesOtherArguments) {
    const std::string hash(64, '0');
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{},
                                               {"echo"},
                                               {"echo", hash, "65536"},
                                               {"echo", hash, "65536", "0", "more"},
                                               {"echo", hash, "65536", "0", "recorded", "more"},
                                               {"echo", hash.substr(1), "65536", "0"},
                                               {"echo", std::string(64, 'g'), "65536", "0"},
                                               {"echo", hash, "65537", "0"},
                                               {"echo", hash, "0", "0"},
                                               {"echo", hash, "-4096", "0"},
                                               {"echo", hash, "4096x", "0"},
                                               {"echo", hash, "18446744073709551616", "0"},
                                               {"echo", hash, "65536", "1000001"}}) {
        EXPECT_EQ(code_of(process::spawn_host(
                      {.program = std::filesystem::path(AUTHEX_BINARY_DIR) / "bin/authex-host",
                       .arguments = arguments,
                       .directory = directory(),
                       .ring_bytes = process::ring_bytes_min})),
                  "host-usage");
    }
}

TEST_F(LoaderTest, RefusesFilesThatAreNoImages) {
    EXPECT_EQ(start_content(""), "image-malformed");
    EXPECT_EQ(start_content("#!/bin/sh\n"), "image-malformed");
    EXPECT_EQ(start_content(std::string(100'000, '\0')), "image-malformed");
    const std::string whole = *compile::read_file(echo_image().path);
    EXPECT_EQ(start_content(whole.substr(0, 63)), "image-malformed");
    EXPECT_EQ(start_content(whole.substr(0, 4096)), "image-malformed");
    EXPECT_EQ(start_content(*compile::read_file("/proc/self/exe")), "image-malformed");
}

TEST_F(LoaderTest, RefusedImageLeavesNoProcess) {
    EXPECT_EQ(start_content("no image"), "image-malformed");
    const auto link = process::ProcessLink::open(folder_.path() / "odd");
    ASSERT_TRUE(link) << to_text(link.error());
    const std::optional<Exit> exit = (*link)->exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(to_text(*exit), "exit status 1");
}

TEST_F(LoaderTest, RefusesStacksOutOfRange) {
    for (const std::uint32_t bytes : {1U, 16'383U, (64U << 20U) + 1U, ~0U}) {
        ModuleSpec odd = spec();
        odd.stack_bytes = bytes;
        EXPECT_EQ(code_of(loader_->start(odd, directory())), "stack-size") << bytes;
    }
}

TEST_F(LoaderTest, RefusesToStartAModuleThatRuns) {
    const auto link = start();
    EXPECT_EQ(code_of(loader_->start(spec(), directory())), "already-running");
    ASSERT_TRUE(test::send(*link, frame(Kind::hello, 0, 0)));
    EXPECT_FALSE(test::receive(*link).empty());
    end(*link);
}

TEST_F(LoaderTest, StartsAgainWhereAModuleEnded) {
    end(*start());
    const auto link = start();
    ASSERT_TRUE(test::send(*link, frame(Kind::hello, 0, 0)));
    EXPECT_FALSE(test::receive(*link).empty());
    end(*link);
}

TEST_F(LoaderTest, AdoptsAModuleWithTheFramesThatWereOnTheirWay) {
    constexpr std::uint64_t first = 2'000;
    constexpr std::uint64_t all = 3'000;
    auto link = start();
    for (std::uint64_t i = 0; i < first; ++i) {
        ASSERT_TRUE(test::send(*link, frame(Kind::call, test::echo, i)));
    }
    for (std::uint64_t i = 0; i < 500; ++i) {
        ASSERT_FALSE(test::receive(*link).empty());
    }
    // The manager is gone, its successor knows nothing but the folder.
    link.reset();
    loader_ = test::open_loader(folder_);
    link = test::require(loader_->adopt(spec(), folder_.path() / "echo"));
    for (std::uint64_t i = first; i < all; ++i) {
        ASSERT_TRUE(test::send(*link, frame(Kind::call, test::echo, i)));
    }
    for (std::uint64_t i = 500; i < all; ++i) {
        wire::FrameView view;
        const std::vector<std::uint8_t> result = test::receive(*link);
        ASSERT_EQ(wire::parse_frame(result, view), Error::none);
        ASSERT_EQ(view.header.counter, i);
    }
    end(*link);
}

TEST_F(LoaderTest, AdoptsAModuleThatEndedMeanwhileAndKnowsHow) {
    auto link = start();
    ASSERT_TRUE(test::send(*link, frame(Kind::call, test::trap, 1)));
    ASSERT_TRUE(test::wait_exit(*link));
    link.reset();
    link = test::require(loader_->adopt(spec(), folder_.path() / "echo"));
    const std::optional<Exit> exit = test::wait_exit(*link);
    ASSERT_TRUE(exit);
    EXPECT_EQ(to_text(*exit), "killed by signal 4 (SIGILL)");
    link->kill(); // nobody is there: nothing happens
}

TEST_F(LoaderTest, DeathOfTheSupervisorEndsTheModule) {
    const auto link = start();
    const process::ProcessRecord processes = record();
    const process::Descriptor module(
        static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(processes.module), 0)));
    ASSERT_TRUE(module.open());
    ASSERT_EQ(::kill(static_cast<pid_t>(processes.supervisor), SIGKILL), 0);
    const std::optional<Exit> exit = test::wait_exit(*link);
    ASSERT_TRUE(exit);
    EXPECT_EQ(to_text(*exit), "killed by signal 9 (SIGKILL)");
    EXPECT_TRUE(test::wait_readable(module.get()));
}

TEST_F(LoaderTest, KillsAModuleAndASupervisorThatWereStopped) {
    const auto link = start();
    const process::ProcessRecord processes = record();
    ASSERT_EQ(::kill(static_cast<pid_t>(processes.module), SIGSTOP), 0);
    ASSERT_EQ(::kill(static_cast<pid_t>(processes.supervisor), SIGSTOP), 0);
    end(*link);
    EXPECT_TRUE(gone(processes.module));
}

TEST_F(LoaderTest, SurvivesTheSignalsOfATerminal) {
    const auto link = start();
    EXPECT_NE(::getpgid(static_cast<pid_t>(record().supervisor)), ::getpgrp());
    EXPECT_NE(::getsid(static_cast<pid_t>(record().module)), ::getsid(0));
    end(*link);
}

TEST_F(LoaderTest, FiftyModulesLeaveNothingBehind) {
    std::vector<std::unique_ptr<ModuleLink>> links;
    std::vector<process::ProcessRecord> processes;
    for (int i = 0; i < 50; ++i) {
        const std::string name = "m" + std::to_string(i);
        links.push_back(start(name));
        processes.push_back(record(name));
    }
    for (const auto& link : links) {
        ASSERT_TRUE(test::send(*link, frame(Kind::hello, 0, 0)));
        EXPECT_FALSE(test::receive(*link).empty());
        end(*link);
    }
    for (const process::ProcessRecord& each : processes) {
        EXPECT_TRUE(gone(each.module) && gone(each.supervisor));
    }
}

TEST_F(LoaderTest, ModuleHasNoOpenFilesButItsDoorbell) {
    const auto link = start();
    const auto files = "/proc/" + std::to_string(record().module) + "/fd";
    std::vector<std::string> open;
    for (const auto& file : std::filesystem::directory_iterator(files)) {
        open.push_back(std::filesystem::read_symlink(file).filename());
    }
    EXPECT_THAT(open, testing::ElementsAre("doorbell"));
    std::ifstream environment("/proc/" + std::to_string(record().module) + "/environ");
    EXPECT_EQ(environment.peek(), std::ifstream::traits_type::eof());
    end(*link);
}

TEST_F(LoaderTest, AdoptRefusesAFolderWithoutAProcess) {
    EXPECT_EQ(code_of(loader_->adopt(spec(), directory())), "not-running");
    EXPECT_EQ(code_of(loader_->adopt(spec(), folder_.path() / "nowhere")), "not-running");
}

TEST_F(LoaderTest, AdoptRefusesAnotherImage) {
    const auto link = start();
    ModuleSpec other = spec();
    other.image_sha256[5] ^= 1U;
    EXPECT_EQ(code_of(loader_->adopt(other, folder_.path() / "echo")), "image-mismatch");
    end(*link);
}

class DamagedFilesTest : public LoaderTest {
  protected:
    DamagedFilesTest() { end(*start()); }
    std::string adopt() { return code_of(loader_->adopt(spec(), folder_.path() / "echo")); }
    void write_record(const process::ProcessRecord& changed) {
        const auto bytes = process::encode(changed);
        folder_.write("echo/process", std::string(bytes.begin(), bytes.end()));
    }
};

TEST_F(DamagedFilesTest, RecordIsRefused) {
    folder_.write("echo/process", "");
    EXPECT_EQ(adopt(), "module-files");
    folder_.write("echo/process", std::string(96, 'x'));
    EXPECT_EQ(adopt(), "module-files");
}

TEST_F(DamagedFilesTest, RecordOfAnEarlierRunOfTheMachineIsNoProcess) {
    process::ProcessRecord changed = record();
    changed.boot[3] ^= 1U;
    write_record(changed);
    EXPECT_EQ(adopt(), "not-running");
}

TEST_F(DamagedFilesTest, ProcessIdThatBelongsToAnotherNowIsNeitherWatchedNorKilled) {
    process::ProcessRecord changed = record();
    changed.state = process::State::running;
    changed.supervisor = static_cast<std::uint32_t>(::getpid());
    changed.module = static_cast<std::uint32_t>(::getpid());
    write_record(changed);
    const auto link = test::require(loader_->adopt(spec(), folder_.path() / "echo"));
    link->kill();
    const std::optional<Exit> exit = test::wait_exit(*link);
    ASSERT_TRUE(exit);
    EXPECT_EQ(to_text(*exit), "killed by signal 9 (SIGKILL)");
}

TEST_F(DamagedFilesTest, ProcessIdsThatCannotBeAreAnEnd) {
    for (const std::uint32_t id : {0U, 1U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
        process::ProcessRecord changed = record();
        changed.state = process::State::running;
        changed.supervisor = id;
        changed.module = id;
        write_record(changed);
        const auto link = test::require(loader_->adopt(spec(), folder_.path() / "echo"));
        EXPECT_TRUE(link->exit()) << id;
        link->kill();
    }
}

TEST_F(DamagedFilesTest, RingsAreRefused) {
    folder_.write("echo/rings", "short");
    EXPECT_EQ(adopt(), "module-files");
    std::filesystem::remove(folder_.path() / "echo/rings");
    EXPECT_EQ(adopt(), "module-files");
}

TEST_F(DamagedFilesTest, DoorbellThatIsNoPipeIsRefused) {
    std::filesystem::remove(folder_.path() / "echo/doorbell");
    EXPECT_EQ(adopt(), "module-files");
    folder_.write("echo/doorbell", "");
    EXPECT_EQ(adopt(), "module-files");
}

class SpawnTest : public LoaderTest {
  protected:
    std::string spawn(const std::filesystem::path& program,
                      std::vector<std::string> arguments,
                      std::chrono::milliseconds deadline = std::chrono::seconds(20)) {
        return code_of(process::spawn_host({.program = program,
                                            .arguments = std::move(arguments),
                                            .directory = directory(),
                                            .ring_bytes = process::ring_bytes_min,
                                            .deadline = deadline}));
    }
};

TEST_F(SpawnTest, TellsWhatIsWrongWithOtherPrograms) {
    EXPECT_EQ(spawn(folder_.path() / "nothing", {}), "host-missing");
    EXPECT_EQ(spawn("/bin/false", {}), "host-failed");
    EXPECT_EQ(spawn("/bin/echo", {"no colon"}), "host-failed");
    EXPECT_EQ(spawn("/bin/echo", {"some-code: some reason"}), "some-code");
    EXPECT_EQ(spawn("/bin/sleep", {"100"}, std::chrono::milliseconds(200)), "host-timeout");
}

TEST_F(SpawnTest, RefusesAFolderThatIsNotThere) {
    EXPECT_EQ(code_of(process::spawn_host({.program = "/bin/true",
                                           .arguments = {},
                                           .directory = folder_.path() / "nowhere",
                                           .ring_bytes = process::ring_bytes_min})),
              "module-files");
}

TEST_F(LoaderTest, EvidenceOfARunningModuleIsVerified) {
    const auto link = start();
    const std::vector<std::uint8_t> report(32, 7);
    const auto evidence = test::require(loader_->evidence(spec(), report));
    const Expected<Claims> claims =
        NativeVerifier().verify(evidence,
                                {.identity = echo_image().identity,
                                 .report_data = report,
                                 .evidence_key = loader_->info().evidence_key,
                                 .simulation_allowed = true});
    EXPECT_TRUE(claims) << to_text(claims.error());
    end(*link);
}

TEST_F(LoaderTest, EvidenceIsRefusedForWhatDoesNotRunHere) {
    const std::vector<std::uint8_t> report(32, 7);
    EXPECT_EQ(code_of(loader_->evidence(spec(), report)), "not-running");
    const auto link = start();
    ModuleSpec other = spec();
    other.image_sha256[0] ^= 1U;
    EXPECT_EQ(code_of(loader_->evidence(other, report)), "not-running");
    other = spec();
    other.deployment = 2;
    EXPECT_EQ(code_of(loader_->evidence(other, report)), "not-running");
    EXPECT_EQ(code_of(loader_->evidence(spec(), ByteView(report).first(31))), "report-data");
    end(*link);
}

} // namespace
} // namespace authex::tee::native
