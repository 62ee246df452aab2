#include "tee/sancus/board.hpp"

#include <array>
#include <atomic>
#include <future>
#include <poll.h>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "fake_board.hpp"
#include "running_board.hpp"

namespace authex::tee::sancus {
namespace {

using link::Code;
using link::Refusal;
using process::Descriptor;

constexpr milliseconds short_time{200};

std::array<Descriptor, 2> socket_pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

/// A line that can be opened once.
BoardOptions once(Descriptor& end) {
    return {.open_line = [&end]() -> Expected<Descriptor> {
                if (!end.open()) {
                    return failure("serial", "it is gone");
                }
                return std::move(end);
            },
            .timing = {}};
}

/// What has a slot and remembers what it was told.
class Listener final : public SlotUser {
  public:
    bool take(ByteView) override { return true; }
    ByteView next() override { return {}; }
    void sent() override {}
    void failed(link::Failure) override {}
    void lost() override { was_lost = true; }
    std::atomic<bool> was_lost{false};
};

TEST(Board, SaysWhatIsOnTheLine) {
    const RunningBoard running;
    Board board(running.options());
    const auto facts = board.facts(long_time);
    ASSERT_TRUE(facts) << to_text(facts.error());
    EXPECT_EQ(facts->firmware, link::firmware_version);
    EXPECT_NE(facts->boot, 0U);
    EXPECT_EQ(facts->slots, link::slots_max);
    EXPECT_EQ(facts->text_end, 0xFFE0);
    EXPECT_EQ(facts->data_end, 0x4200);
}

TEST(Board, ManyOrdersAtOnceAreEachAnswered) {
    const RunningBoard running;
    Board board(running.options());
    ASSERT_TRUE(board.facts(long_time));
    std::vector<std::promise<Expected<Reply>>> replies(600);
    for (auto& reply : replies) {
        board.post(Code::status, {}, long_time, [&reply](Expected<Reply> got) {
            reply.set_value(std::move(got));
        });
    }
    for (auto& reply : replies) {
        const Expected<Reply> got = reply.get_future().get();
        ASSERT_TRUE(got);
        ASSERT_EQ(got->results.size(), 4 + 5U * link::slots_max);
    }
}

TEST(Board, ALineWhereNobodyAnswersIsSaidToBeSilent) {
    auto [own, other] = socket_pair();
    Board board(once(own));
    const auto facts = board.facts(short_time);
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().code, "board-silent");
    const auto reply = board.order(Code::status, {}, short_time);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, "board-silent");
}

TEST(Board, ALineThatCannotBeOpenedIsSaid) {
    Board board({.open_line = [] { return open_line("/nowhere/at/all", 57'600); }, .timing = {}});
    const auto facts = board.facts(short_time);
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().code, "serial");
}

TEST(Board, AnotherFirmwareIsRefusedWithItsVersion) {
    auto [own, other] = socket_pair();
    const FakeBoard fake(std::move(other), {9, 0, 0, 0});
    Board board(once(own));
    const auto facts = board.facts(long_time);
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().code, "firmware-version");
    EXPECT_NE(facts.error().summary.find("version 9"), std::string::npos) << facts.error().summary;
}

TEST(Board, ALineThatBreaksIsOpenedAgainAndNothingIsLost) {
    const RunningBoard running;
    std::atomic<int> line{-1};
    Board board({.open_line =
                     [&] {
                         auto opened = open_line(running.line(), 0);
                         line = opened ? opened->get() : -1;
                         return opened;
                     },
                 .timing = {}});
    const auto before = board.facts(long_time);
    ASSERT_TRUE(before);
    for (int i = 0; i != 5; ++i) {
        ::shutdown(line, SHUT_RDWR);
        const auto reply = board.order(Code::status, {}, long_time);
        ASSERT_TRUE(reply) << to_text(reply.error());
    }
    EXPECT_GE(board.counters().lines_opened, 2U);
    EXPECT_EQ(board.counters().resets, 0U);
    EXPECT_EQ(board.facts(long_time)->boot, before->boot);
}

TEST(Board, AResetIsToldToThoseWhoHaveSlotsAndToThoseWhoWait) {
    const RunningBoard running;
    Board board(running.options());
    const auto before = board.facts(long_time);
    ASSERT_TRUE(before);
    const auto listener = std::make_shared<Listener>();
    board.attach(3, 1, listener);
    EXPECT_TRUE(board.attached(3));
    running.control("reset");
    ASSERT_TRUE(test::eventually([&] { return listener->was_lost.load(); }, long_time));
    EXPECT_FALSE(board.attached(3));
    EXPECT_TRUE(test::eventually([&] {
        const auto after = board.facts(long_time);
        return after && after->boot != before->boot;
    }));
    EXPECT_EQ(board.counters().resets, 1U);
}

TEST(Board, ABoardThatStandsStillIsSilentAndComesBack) {
    const RunningBoard running;
    Board board(running.options());
    ASSERT_TRUE(board.facts(long_time));
    running.control("pause");
    const auto reply = board.order(Code::status, {}, short_time);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, "board-silent");
    running.control("continue");
    EXPECT_TRUE(board.order(Code::status, {}, long_time));
}

struct Speed {
    unsigned baud;
    const char* hz;
    const char* firmware;
};

class BoardAtSpeed : public testing::TestWithParam<Speed> {};

TEST_P(BoardAtSpeed, IsReachedOverATerminalAtItsOwnSpeed) {
    const Speed& speed = GetParam();
    RunningBoard running(
        "pty", speed.hz, speed.firmware != nullptr ? speed.firmware : firmware_file);
    Board board({.open_line = [path = running.terminal(),
                               baud = speed.baud] { return open_line(path, baud); },
                 .timing = {}});
    ASSERT_TRUE(board.facts(long_time));
    const auto reserved = board.order(Code::reserve, {0, 0, 8, 0, 1}, long_time);
    ASSERT_TRUE(reserved);
    ASSERT_EQ(reserved->refusal, Refusal::none);
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::promise<Expected<Reply>>> replies(8);
    std::uint16_t address = reserved->word(0);
    for (auto& reply : replies) {
        std::vector<std::uint8_t> arguments(2 + 256, 0x5A);
        Writer(arguments).u16(address);
        address = static_cast<std::uint16_t>(address + 256);
        board.post(Code::write, arguments, long_time, [&reply](Expected<Reply> got) {
            reply.set_value(std::move(got));
        });
    }
    for (auto& reply : replies) {
        const Expected<Reply> got = reply.get_future().get();
        ASSERT_TRUE(got);
        EXPECT_EQ(got->refusal, Refusal::none);
    }
    const auto took =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
    RecordProperty("two_KiB_ms", static_cast<int>(took.count()));
    EXPECT_GE(took.count(), static_cast<long>(2048U * 10 * 1000 / speed.baud))
        << "2 KiB, ten bits a byte";
}

INSTANTIATE_TEST_SUITE_P(Baud,
                         BoardAtSpeed,
                         testing::Values(Speed{57'600, "board", nullptr},
                                         Speed{1'000'000, "20000000", AUTHEX_FAST_FIRMWARE}),
                         [](const auto& test) { return std::to_string(test.param.baud); });

TEST(Board, OneTerminalServesOneManager) {
    RunningBoard running("pty");
    const auto first = open_line(running.terminal(), 57'600);
    ASSERT_TRUE(first) << to_text(first.error());
    const auto second = open_line(running.terminal(), 57'600);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, "serial");
}

TEST(OpenLine, RefusesWhatIsNoLine) {
    test::TemporaryFolder folder;
    const auto file = folder.write("file", "");
    EXPECT_EQ(open_line(file, 57'600).error().code, "serial");
    EXPECT_EQ(open_line(folder.path() / "nothing", 57'600).error().code, "serial");
    EXPECT_EQ(open_line("/dev/null", 57'601).error().code, "baud");
    EXPECT_TRUE(is_baud(1'000'000));
    EXPECT_FALSE(is_baud(0));
}

} // namespace
} // namespace authex::tee::sancus
