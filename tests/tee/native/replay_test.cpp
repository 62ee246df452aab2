// The host's second way to run an image: on files, for a replay.
#include "tee/native/host/replay.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tee/native/native_modules.hpp"
#include "tee/process/link.hpp"

namespace authex::tee::native {
namespace {

using compile::CommandResult;
using test::frame;
using testing::StartsWith;
using wire::Kind;

using Octets = std::vector<std::uint8_t>;

const std::string host = std::string(AUTHEX_BINARY_DIR) + "/bin/authex-host";

class ReplayHost : public testing::Test {
  protected:
    static const Image& image() {
        static const Image image = test::build_module(test::echo_source);
        return image;
    }
    void SetUp() override {
        std::filesystem::copy_file(image().path, folder_.path() / "image");
        put("entropy", Octets(32, 5));
        give({});
    }
    void put(const std::string& name, const Octets& bytes) {
        std::ofstream file(folder_.path() / name, std::ios::binary);
        file.write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
    }
    void give(const std::vector<Octets>& frames) {
        Octets bytes;
        for (const Octets& each : frames) {
            const auto size = static_cast<std::uint32_t>(each.size());
            bytes.insert(bytes.end(), bytes_of(size).begin(), bytes_of(size).end());
            bytes.insert(bytes.end(), each.begin(), each.end());
        }
        put("frames", bytes);
    }
    CommandResult run(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {host, "--replay"});
        return test::require(compile::run_command(arguments, folder_.path()));
    }
    CommandResult run() { return run({identity(), "65536"}); }
    static std::string identity() { return compile::sha256_hex(*compile::read_file(image().path)); }
    test::TemporaryFolder folder_;
};

TEST_F(ReplayHost, GivesWhatTheImageGivesForEachFrame) {
    give({frame(Kind::call, test::echo, 1, Octets{7}), frame(Kind::call, test::echo, 2, Octets{})});
    const CommandResult result = run();
    EXPECT_EQ(result.status, 0);
    Reader reader(
        {reinterpret_cast<const std::uint8_t*>(result.output.data()), result.output.size()});
    for (const std::uint64_t counter : {1U, 2U}) {
        wire::FrameView view;
        ASSERT_EQ(wire::parse_frame(reader.take(reader.u32()), view), Error::none);
        EXPECT_EQ(view.header.counter, counter);
        EXPECT_EQ(view.header.kind, Kind::result);
    }
    EXPECT_TRUE(reader.done());
}

TEST_F(ReplayHost, EndsAsTheModuleWould) {
    give({frame(Kind::call, test::crash, 1, Octets{})});
    EXPECT_EQ(run().status, 128 + 11);
    give({frame(Kind::call, test::system_call, 1, Octets{39})});
    EXPECT_EQ(run().status, 128 + 31) << "it is confined";
}

TEST_F(ReplayHost, StopsForADebuggerBeforeTheFirstFrame) {
    give({frame(Kind::call, test::crash, 1, Octets{})});
    EXPECT_EQ(run({identity(), "65536", "debugged"}).status, 128 + 5);
}

TEST_F(ReplayHost, RefusesFramesThatAreNotWhole) {
    put("frames", {1, 0, 0});
    EXPECT_EQ(run().status, 71);
    put("frames", {200, 0, 0, 0, 1});
    EXPECT_EQ(run().status, 71);
    Octets cut = frame(Kind::call, test::echo, 1, Octets{7});
    cut.pop_back();
    give({cut});
    EXPECT_EQ(run().status, 71);
}

TEST_F(ReplayHost, RefusesOtherFilesAndArguments) {
    EXPECT_THAT(run({std::string(64, '0'), "65536"}).output, StartsWith("image-mismatch"));
    EXPECT_THAT(run({identity(), "65537"}).output, StartsWith("host-usage"));
    EXPECT_THAT(run({identity()}).output, StartsWith("host-usage"));
    EXPECT_THAT(run({identity(), "65536", "else"}).output, StartsWith("host-usage"));
    EXPECT_THAT(run({"", "65536"}).output, StartsWith("host-usage"));
    put("entropy", Octets(31, 5));
    EXPECT_THAT(run().output, StartsWith("module-files"));
    put("entropy", Octets(33, 5));
    EXPECT_THAT(run().output, StartsWith("module-files"));
    std::filesystem::remove(folder_.path() / "entropy");
    EXPECT_THAT(run().output, StartsWith("module-files"));
}

/// A module that is recorded starts with the numbers that it is given; another does not.
TEST_F(ReplayHost, RecordedStartTakesTheGivenNumbersAndLeavesNoFile) {
    const auto loader = test::open_loader(folder_);
    const auto directory = test::module_folder(folder_, "echo", image().path);
    ModuleSpec spec = test::spec_of(image(), "echo");
    spec.entropy.emplace().fill(9);
    const auto link = test::require(loader->start(spec, directory));
    EXPECT_FALSE(std::filesystem::exists(directory / "entropy"));
    EXPECT_TRUE(loader->info().simulated && loader->info().replayable);
    ASSERT_TRUE(test::send(*link, frame(Kind::hello, 0, 0)));
    EXPECT_FALSE(test::receive(*link).empty());
    link->kill();
    EXPECT_TRUE(test::wait_exit(*link));
}

} // namespace
} // namespace authex::tee::native
