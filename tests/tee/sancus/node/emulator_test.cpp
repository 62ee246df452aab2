#include "tee/sancus/emulator.hpp"

#include <csignal>

#include <gtest/gtest.h>

#include "running_board.hpp"

namespace authex::tee::sancus {
namespace {

EmulatorOptions options(const test::TemporaryFolder& folder) {
    return {.program = binaries + "authex-sancus",
            .firmware = firmware_file,
            .directory = folder.path()};
}

BoardOptions board_options(std::shared_ptr<Emulator> emulator) {
    return {.open_line = [emulator = std::move(emulator)] { return emulator->open_line(); },
            .timing = {}};
}

std::shared_ptr<Emulator> emulator_in(const test::TemporaryFolder& folder) {
    auto emulator = Emulator::find(options(folder));
    EXPECT_TRUE(emulator);
    return std::make_shared<Emulator>(std::move(*emulator));
}

TEST(Emulator, BeginsWithItsManagerAndEndsWithIt) {
    const test::TemporaryFolder folder;
    {
        const auto emulator = emulator_in(folder);
        Board board(board_options(emulator));
        const auto facts = board.facts(long_time);
        ASSERT_TRUE(facts) << to_text(facts.error());
        EXPECT_EQ(emulator->control(), folder.path() / "board.control");
        EXPECT_TRUE(std::filesystem::exists(emulator->control()));
        EXPECT_EQ(test::descendants().size(), 1U);
    }
    EXPECT_TRUE(test::descendants().empty());
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "board.socket"));
}

TEST(Emulator, IsStartedAgainAsABoardThatWasSwitchedOffAndOn) {
    const test::TemporaryFolder folder;
    Board board(board_options(emulator_in(folder)));
    const auto before = board.facts(long_time);
    ASSERT_TRUE(before);
    const auto running = test::descendants();
    ASSERT_EQ(running.size(), 1U);
    ::kill(running[0], SIGKILL);
    EXPECT_TRUE(test::eventually([&] {
        const auto after = board.facts(long_time);
        return after && after->boot != before->boot;
    }));
}

TEST(Emulator, SaysWhyItDoesNotRun) {
    const test::TemporaryFolder folder;
    EmulatorOptions wrong = options(folder);
    wrong.board = "no-such-board";
    auto emulator = Emulator::find(wrong);
    ASSERT_TRUE(emulator);
    Board board(board_options(std::make_shared<Emulator>(std::move(*emulator))));
    const auto facts = board.facts(long_time);
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().code, "emulator-failed");
    EXPECT_NE(facts.error().summary.find("no-such-board"), std::string::npos)
        << facts.error().summary;
    EXPECT_NE(facts.error().fix.find(folder.path() / "board.log"), std::string::npos)
        << facts.error().fix;
}

TEST(Emulator, IsMissedBeforeItIsNeeded) {
    const test::TemporaryFolder folder;
    EmulatorOptions no_program = options(folder);
    no_program.program = folder.path() / "nothing";
    EXPECT_EQ(Emulator::find(no_program).error().code, "emulator-missing");
    EmulatorOptions no_firmware = options(folder);
    no_firmware.firmware = folder.path() / "nothing";
    EXPECT_EQ(Emulator::find(no_firmware).error().code, "emulator-missing");
}

} // namespace
} // namespace authex::tee::sancus
