// A module is recorded: what comes from its node is kept, and the application works meanwhile.
#include <gtest/gtest.h>

#include "deployer/recording.hpp"
#include "fake_world.hpp"
#include "support/frames.hpp"

namespace authex::deployer {
namespace {

constexpr const char* descriptor = R"(
application: recorded
simulation: allowed
nodes:
  left: { tee: native, address: 127.0.0.1:6001 }
modules:
  a: { node: left, sources: [a.cpp] }
connections:
  - { direct: true, to: a.in }
)";

v1::Recorded start(std::size_t entropy_bytes = 32) {
    v1::Recorded message;
    message.mutable_start()->set_entropy(std::string(entropy_bytes, 'e'));
    return message;
}
v1::Recorded frames(const test::Octets& bytes, bool out) {
    v1::Recorded message;
    message.mutable_frames()->set_out(out);
    message.mutable_frames()->set_time_us(7);
    message.mutable_frames()->set_frames(bytes.data(), bytes.size());
    return message;
}
v1::Recorded end() {
    v1::Recorded message;
    message.set_ended("exit status 3");
    return message;
}

class Record : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(world.open()->up({})); }
    /// @return the code of what went wrong
    std::string record(const std::string& module = "a") {
        const auto recorded = world.open()->record({.module = module,
                                                    .file = path,
                                                    .begun = [this] { ++begun; },
                                                    .stop = stop.get_token()});
        if (recorded) {
            summary = *recorded;
        }
        return recorded ? "ok" : recorded.error().front().code;
    }
    test::FakeWorld world{descriptor};
    std::vector<v1::Recorded>& sent = world.node("left").recorded;
    std::filesystem::path path = world.folder() / "a.recording";
    std::stop_source stop;
    int begun = 0;
    RecordSummary summary;
    test::Octets hello = test::plain({.kind = wire::Kind::hello});
};

TEST_F(Record, KeepsWhatTheNodeSendsUntilTheModuleEnds) {
    sent = {start(), frames(hello, false), frames(hello, true), end()};
    ASSERT_EQ(record(), "ok");
    EXPECT_EQ(begun, 1);
    EXPECT_EQ(summary.given, 1U);
    EXPECT_EQ(summary.gave, 1U);
    EXPECT_EQ(summary.ended, "exit status 3");
    const auto recording = read_recording(path);
    ASSERT_TRUE(recording) << to_text(recording.error());
    EXPECT_EQ(recording->head.module, "a");
    EXPECT_EQ(recording->head.entropy[31], 'e');
    EXPECT_EQ(recording->frames.size(), 2U);
}

TEST_F(Record, EndsWhenItIsStopped) {
    sent = {start(), frames(hello, false)};
    stop.request_stop();
    ASSERT_EQ(record(), "ok");
    EXPECT_EQ(summary.ended, "");
    EXPECT_TRUE(read_recording(path));
}

TEST_F(Record, KeepsWhatItHasWhenTheNodeGoesAway) {
    sent = {start(), frames(hello, false)};
    world.node("left").recording_fails = true;
    world.warnings.clear();
    ASSERT_EQ(record(), "ok");
    EXPECT_TRUE(read_recording(path));
    ASSERT_EQ(world.warnings.size(), 1U);
    EXPECT_EQ(world.warnings[0].code, "node-unreachable");
}

TEST_F(Record, RefusesANodeThatDoesNotKeepToTheOrder) {
    for (const std::vector<v1::Recorded>& wrong : std::vector<std::vector<v1::Recorded>>{
             {frames(hello, false)}, {end()}, {start(31)}, {start(0)}}) {
        sent = wrong;
        EXPECT_EQ(record(), "node-malformed");
        EXPECT_FALSE(std::filesystem::exists(path));
    }
    EXPECT_EQ(begun, 0);
}

TEST_F(Record, RefusesAModuleOfAnotherImage) {
    sent = {start(), end()};
    world.change_code("a");
    EXPECT_EQ(record(), "image-differs");
}

TEST_F(Record, RefusesAModuleThatIsNone) {
    EXPECT_EQ(record("b"), "unknown-module");
}

TEST_F(Record, RefusesAFileThatIsThereBeforeTheModuleIsTouched) {
    sent = {start(), end()};
    ASSERT_EQ(record(), "ok");
    world.calls.clear();
    EXPECT_EQ(record(), "file-exists");
    EXPECT_TRUE(world.calls.empty());
}

TEST_F(Record, IsForTheOwner) {
    world.has_owner_key = false;
    EXPECT_EQ(record(), "no-owner-key");
}

} // namespace
} // namespace authex::deployer
