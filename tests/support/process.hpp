#pragma once
// Real programs in tests: started, spoken to, killed by their pid, and none left behind.

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace authex::test {

/// How a program ended. `status`: the exit status, or minus the signal.
struct Result {
    int status = -1;
    std::string out;
    std::string err;
};

struct Command {
    std::vector<std::string> words; ///< program (a path) and its arguments
    std::filesystem::path folder;   ///< to run in; empty: this one
    std::string input;              ///< on standard input
};

/// A program that runs beside the test. Killed with the object. What it prints goes to files, so
/// that it never waits for a reader.
class Process {
  public:
    explicit Process(const Command& command);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    void signal(int number) const;
    /// Waits for its end, and kills it after the time. @return as Result::status; -9 also then
    int wait(std::chrono::milliseconds time = std::chrono::seconds(180));
    [[nodiscard]] bool running();
    /// Standard output until now, and standard error.
    [[nodiscard]] std::string out() const;
    [[nodiscard]] std::string err() const;
    /// Until `text` stands on standard output. @return false if it ended or the time was over
    /// before.
    [[nodiscard]] bool says(const std::string& text,
                            std::chrono::milliseconds time = std::chrono::seconds(60));

  private:
    std::string path_;
    pid_t pid_ = -1;
    std::optional<int> status_;
};

/// Runs it to its end.
[[nodiscard]] Result run(const Command& command);

/// Waits until `condition` holds, looking every few milliseconds. @return whether it did
template <typename Condition>
[[nodiscard]] bool eventually(const Condition& condition,
                              std::chrono::milliseconds time = std::chrono::seconds(60));

/// From now on the orphans of programs that this process has started become its own children.
void adopt_orphans();
/// Those of them that have ended leave nothing of themselves.
void reap_orphans();
/// The processes below this one: their pids. Ended ones are not among them.
[[nodiscard]] std::vector<pid_t> descendants();
/// Kills and reaps all of them.
void end_descendants();
/// The command line and working directory of a process; empty if there is none.
[[nodiscard]] std::string command_line(pid_t pid);
[[nodiscard]] std::string working_folder(pid_t pid);
/// 0 if there is none, or it has ended.
[[nodiscard]] pid_t parent_of(pid_t pid);

/// A TCP port of 127.0.0.1 that was free a moment ago.
[[nodiscard]] std::uint16_t free_port();

void pause_briefly();

template <typename Condition>
bool eventually(const Condition& condition, std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        pause_briefly();
    }
    return true;
}

} // namespace authex::test
