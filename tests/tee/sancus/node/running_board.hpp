#pragma once
// The program authex-sancus with the event manager's firmware, and ways to it.

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "support/process.hpp"
#include "support/temporary_folder.hpp"
#include "tee/sancus/board.hpp"
#include "tee/sancus/line.hpp"

namespace authex::tee::sancus {

using std::chrono::milliseconds;

inline const std::string binaries = std::string(AUTHEX_BINARY_DIR) + "/bin/";
inline const std::string firmware_file =
    std::string(AUTHEX_BINARY_DIR) + "/lib/authex/sancus/event-manager.elf";
/// What the slowest machine needs.
constexpr milliseconds long_time{60'000};

class RunningBoard {
  public:
    explicit RunningBoard(const std::string& end = {},
                          const std::string& hz = "max",
                          const std::string& firmware = firmware_file)
        : process_({{binaries + "authex-sancus",
                     firmware,
                     "--serial",
                     "uart1=" + (end.empty() ? "unix:" + line() : end),
                     "--control",
                     control(),
                     "--hz",
                     hz},
                    {},
                    {}}) {
        EXPECT_TRUE(test::eventually([&] { return std::filesystem::exists(control()); }));
    }

    [[nodiscard]] std::string line() const { return folder_.path() / "line"; }
    [[nodiscard]] std::string control() const { return folder_.path() / "control"; }
    /// The pseudo terminal, as the emulator names it.
    [[nodiscard]] std::string terminal() {
        const std::string before = "uart1 is on pty ";
        EXPECT_TRUE(
            test::eventually([&] { return process_.err().find(before) != std::string::npos; }));
        const std::string said = process_.err();
        const std::size_t at = said.find(before) + before.size();
        return said.substr(at, said.find('\n', at) - at);
    }
    void control(const std::string& command, const std::string& argument = {}) const {
        std::vector<std::string> words = {
            binaries + "authex-sancus", "control", control(), command};
        if (!argument.empty()) {
            words.push_back(argument);
        }
        EXPECT_EQ(test::run({words, {}, {}}).status, 0);
    }
    [[nodiscard]] BoardOptions options() const {
        return {.open_line = [path = line()] { return open_line(path, 0); }, .timing = {}};
    }
    test::Process& process() { return process_; }

  private:
    test::TemporaryFolder folder_;
    test::Process process_;
};

} // namespace authex::tee::sancus
