// docs/tutorial.md and docs/sancus.md do what they say.
#include "manual/tutorial.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace authex::test {
namespace {

using Kind = Block::Kind;

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(BlocksOfAPage, AreCommandsWithTheirOutputAndFilesWithTheirNames) {
    const auto blocks = blocks_of("Text\n\n```console\n$ one\na\n\nb\n$ two\n```\n"
                                  "```console fails\n$ false\n```\n"
                                  "```console beside\n$ serve\nready\n```\n"
                                  "**`x.cpp`**\n\n```cpp\nint x;\n```\n");
    ASSERT_EQ(blocks.size(), 4U);
    EXPECT_EQ(blocks[0].kind, Kind::commands);
    EXPECT_EQ(blocks[0].line, 3U);
    ASSERT_EQ(blocks[0].steps.size(), 2U);
    EXPECT_EQ(blocks[0].steps[0].command, "one");
    EXPECT_EQ(blocks[0].steps[0].output, "a\n\nb\n");
    EXPECT_EQ(blocks[0].steps[1].output, "");
    EXPECT_EQ(blocks[1].kind, Kind::failing_commands);
    EXPECT_EQ(blocks[2].kind, Kind::command_beside);
    EXPECT_EQ(blocks[3].kind, Kind::file);
    EXPECT_EQ(blocks[3].file, "x.cpp");
    EXPECT_EQ(blocks[3].content, "int x;\n");
}

TEST(BlocksOfAPage, AreUnknownWhereTheyCannotBeExecuted) {
    for (const char* page : {"```cpp\nint x;\n```\n",
                             "x.cpp:\n```cpp\nint x;\n```\n",
                             "**`../x.cpp`**\n```cpp\nint x;\n```\n",
                             "**`x.cpp`**\nand more\n```cpp\nint x;\n```\n",
                             "```sh\n$ true\n```\n",
                             "```console\nno command\n```\n",
                             "```console\n```\n",
                             "```console later\n$ true\n```\n",
                             "```console beside\n$ one\n$ two\n```\n",
                             "```console\n$ never closed\n"}) {
        const auto blocks = blocks_of(page);
        ASSERT_EQ(blocks.size(), 1U) << page;
        EXPECT_EQ(blocks[0].kind, Kind::unknown) << page;
    }
}

TEST(MatchingOutput, TakesWildcardsInLinesAndForLines) {
    EXPECT_TRUE(matches("a\nb\n", "a\nb\n"));
    EXPECT_TRUE(matches("a \nb", "a\nb  \n\n"));
    EXPECT_TRUE(matches("in … s\n", "in 0.4 s\n"));
    EXPECT_TRUE(matches("… x …", "1 x 2"));
    EXPECT_TRUE(matches("…\nend\n", "end\n"));
    EXPECT_TRUE(matches("…\nend\n", "1\n2\nend\n"));
    EXPECT_TRUE(matches("a\n…\nb\n…\n", "a\nb\nx\nb\ny\n"));
    EXPECT_TRUE(matches("", ""));
}

TEST(MatchingOutput, RefusesWhatDiffers) {
    EXPECT_FALSE(matches("a\n", ""));
    EXPECT_FALSE(matches("", "a\n"));
    EXPECT_FALSE(matches("a\nb\n", "b\na\n"));
    EXPECT_FALSE(matches("a\n", "a\nb\n"));
    EXPECT_FALSE(matches("in … s\n", "in 0.4 ms, or so\n"));
    EXPECT_FALSE(matches("… x … y", "1 y 2 x"));
    EXPECT_FALSE(matches("a…a", "a"));
    EXPECT_FALSE(matches("…\nend\n", "1\n2\n"));
    EXPECT_FALSE(matches("a…b\n", "a\nb\n"));
}

/// Executes a page in a folder of its own. The ports of the page become free ones.
class Tutorial : public ::testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        adopt_orphans();
        ::setenv("AUTHEX_CACHE", AUTHEX_TEST_CACHE, 1);
        const std::string path = ::getenv("PATH");
        ::setenv("PATH", (AUTHEX_BINARY_DIR "/bin:" + path).c_str(), 1);
        for (const char* port : {"6201", "6202"}) {
            ports_[port] = std::to_string(free_port());
        }
    }
    void TearDown() override {
        beside_.clear();
        end_descendants();
    }

    void execute(const Block& block) {
        switch (block.kind) {
        case Kind::commands:
        case Kind::failing_commands:
            for (const Step& step : block.steps) {
                const bool fails =
                    block.kind == Kind::failing_commands && &step == &block.steps.back();
                execute(step, fails);
            }
            break;
        case Kind::command_beside:
            execute_beside(block.steps[0]);
            break;
        case Kind::file:
            std::ofstream(folder_ / block.file) << on_free_ports(block.content);
            break;
        case Kind::unknown:
            ADD_FAILURE() << "this block cannot be executed";
        }
    }

    /// Ends what runs beside as Ctrl-C does.
    void end_beside() {
        for (const auto& process : beside_) {
            process->signal(SIGINT);
            EXPECT_EQ(process->wait(), 0) << process->err();
        }
        beside_.clear();
    }

  private:
    [[nodiscard]] std::string on_free_ports(std::string text) const {
        for (const auto& [port, free] : ports_) {
            text = std::regex_replace(text, std::regex(":" + port), ":" + free);
        }
        return text;
    }
    /// What a person would see, with the page's ports.
    [[nodiscard]] std::string on_pages_ports(std::string text) const {
        for (const auto& [port, free] : ports_) {
            text = std::regex_replace(text, std::regex(":" + free), ":" + port);
        }
        return text;
    }
    [[nodiscard]] Command shell(const std::string& command) const {
        return {.words = {"/bin/sh", "-c", command + " 2>&1"}, .folder = folder_, .input = {}};
    }

    void execute(const Step& step, bool fails) {
        if (step.command.starts_with("cd ")) {
            folder_ /= step.command.substr(3);
            ASSERT_TRUE(std::filesystem::is_directory(folder_)) << folder_;
            return;
        }
        // An event needs its time through the modules: who asks too early asks again.
        static const std::regex question("authex (request|status|logs)( .*)?");
        const bool may_repeat = std::regex_match(step.command, question);
        Result result;
        std::string printed;
        const bool as_expected = eventually([&] {
            result = run(shell(step.command));
            printed = on_pages_ports(result.out);
            return !may_repeat || matches(step.output, printed);
        });
        EXPECT_TRUE(as_expected && matches(step.output, printed))
            << "$ " << step.command << "\n--- the page:\n"
            << step.output << "--- is printed:\n"
            << printed;
        EXPECT_EQ(result.status != 0, fails) << "$ " << step.command << "\n" << printed;
        if (step.command.starts_with("authex init ")) {
            const auto descriptor = folder_ / step.command.substr(12) / "authex.yaml";
            const std::string text = on_free_ports(read(descriptor));
            std::ofstream(descriptor) << text;
        }
    }

    void execute_beside(const Step& step) {
        beside_.push_back(std::make_unique<Process>(shell("exec " + step.command)));
        EXPECT_TRUE(eventually([&] {
            return matches(step.output, on_pages_ports(beside_.back()->out()));
        })) << "$ "
            << step.command << "\n--- the page:\n"
            << step.output << "--- is printed:\n"
            << beside_.back()->out();
    }

    TemporaryFolder temporary_;
    std::filesystem::path folder_ = temporary_.path();
    std::map<std::string, std::string> ports_;
    std::vector<std::unique_ptr<Process>> beside_;
};

TEST_P(Tutorial, DoesWhatItSays) {
    const std::string page = std::string("docs/") + GetParam() + ".md";
    const auto blocks = blocks_of(read(AUTHEX_SOURCE_DIR "/" + page));
    EXPECT_GT(blocks.size(), 10U);
    for (const Block& block : blocks) {
        SCOPED_TRACE(page + ":" + std::to_string(block.line));
        execute(block);
        if (HasFailure()) {
            break; // what comes after is built on it
        }
    }
    end_beside();
}
INSTANTIATE_TEST_SUITE_P(Pages,
                         Tutorial,
                         ::testing::Values("tutorial", "sancus"),
                         [](const auto& test) { return std::string(test.param); });

} // namespace
} // namespace authex::test
