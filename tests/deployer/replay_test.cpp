// What counts as the same run, and what does not.
#include "deployer/replay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/frames.hpp"

namespace authex::deployer {
namespace {

using test::Octets;
using test::operator+;
using testing::HasSubstr;
using wire::Kind;

Octets call(std::uint64_t counter) {
    return test::plain({.kind = Kind::call, .counter = counter});
}
Octets log(std::uint8_t text) {
    return test::plain({.kind = Kind::log}, {text});
}
Octets ack(std::uint16_t channel, std::uint64_t counter, std::uint16_t flags = 0) {
    return test::plain({.kind = Kind::ack, .channel = channel, .flags = flags, .counter = counter},
                       {1, 0, 0, 0});
}

/// Frames as they came: two to the module, then what it gave for both together.
Recording together(const std::vector<Octets>& outputs, const std::string& ended = "") {
    Recording recording;
    recording.frames = {{.bytes = call(1)}, {.bytes = call(2)}};
    for (const Octets& output : outputs) {
        recording.frames.push_back({.out = true, .bytes = output});
    }
    recording.ended = ended;
    return recording;
}

std::size_t difference(const Recording& recording, const ReplayRun& run) {
    const Comparison comparison = compare(recording, run);
    return comparison.difference ? comparison.difference->frame : 0;
}

TEST(Replay, OfTheSameFramesIsTheSame) {
    const Comparison same = compare(together({log(1), log(2)}), {.outputs = {log(1), log(2)}});
    EXPECT_FALSE(same.difference);
    EXPECT_EQ(same.given, 2U);
    EXPECT_EQ(same.compared, 2U);
    EXPECT_EQ(same.later, 0U);
}

TEST(Replay, MayGoOnWhereTheRecordingEnded) {
    const Comparison longer = compare(together({log(1)}), {.outputs = {log(1), log(2) + log(3)}});
    EXPECT_FALSE(longer.difference);
    EXPECT_EQ(longer.later, 2U);
}

TEST(Replay, DiffersAtTheFirstFrameWithOtherContentsOrOrderOrThatIsMissing) {
    EXPECT_EQ(difference(together({log(1), log(2)}), {.outputs = {log(1), log(3)}}), 4U);
    EXPECT_EQ(difference(together({log(1), log(2)}), {.outputs = {log(2), log(1)}}), 3U);
    EXPECT_EQ(difference(together({log(1), log(2)}), {.outputs = {log(1), {}}}), 4U);
    EXPECT_EQ(difference(together({log(1), log(2)}), {.outputs = {log(9) + log(1), log(2)}}), 3U);
}

TEST(Replay, SaysWhatDiffers) {
    const auto text = [](const Octets& is) {
        return compare(together({log(1)}), {.outputs = {is, {}}}).difference->text;
    };
    EXPECT_THAT(text(log(2)), HasSubstr("the same with other contents, after frame 1"));
    EXPECT_THAT(text(call(3)), HasSubstr("a call of channel 0, counter 3, 20 bytes"));
    EXPECT_THAT(text({}), HasSubstr("gives nothing more"));
}

TEST(Replay, TakesOneAckForSeveral) {
    EXPECT_EQ(difference(together({ack(1, 2)}), {.outputs = {ack(1, 1), ack(1, 2)}}), 0U);
    // Of two connections, in whatever order the connections come.
    EXPECT_EQ(difference(together({log(1), log(2), ack(2, 1), ack(1, 1)}),
                         {.outputs = {log(1) + ack(1, 1), log(2) + ack(2, 1)}}),
              0U);
    // That a frame came too early is said once for all of them.
    EXPECT_EQ(difference(together({ack(1, 2, wire::flag_negative)}),
                         {.outputs = {ack(1, 1, wire::flag_negative), ack(1, 2)}}),
              0U);
}

TEST(Replay, DiffersInAnAckThatNeverCame) {
    const ReplayRun run{.outputs = {ack(1, 1), ack(1, 2)}};
    EXPECT_EQ(difference(together({ack(1, 3)}), run), 3U);
    EXPECT_EQ(difference(together({ack(2, 2)}), run), 3U);
    EXPECT_EQ(difference(together({ack(1, 2, wire::flag_direction)}), run), 3U);
    EXPECT_EQ(difference(together({ack(1, 2), ack(1, 1)}), run), 4U) << "counters go up";
    Octets other_epoch = ack(1, 2);
    other_epoch.back() = 1;
    EXPECT_EQ(difference(together({other_epoch}), run), 3U);
}

TEST(Replay, EndsAsTheModuleDid) {
    const std::string crash = "killed by signal 11 (SIGSEGV)";
    EXPECT_EQ(difference(together({}, crash), {.outputs = {{}}, .ended = crash}), 0U);
    EXPECT_EQ(difference(together({}), {.outputs = {{}}, .ended = crash}), 2U);
    EXPECT_EQ(difference(together({}, crash), {.outputs = {{}, {}}}), 2U);
    EXPECT_EQ(difference(together({}, "exit status 71"), {.outputs = {{}}, .ended = crash}), 2U);
}

TEST(Replay, DoesNotKnowThatSomebodyKilledTheModule) {
    EXPECT_EQ(difference(together({}, "killed by signal 9 (SIGKILL)"), {.outputs = {{}, {}}}), 0U);
}

} // namespace
} // namespace authex::deployer
