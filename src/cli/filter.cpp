#include "cli/filter.hpp"

#include <array>
#include <spawn.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>

namespace authex::cli {
namespace {

/// A file without a name, so that neither side ever waits for the other.
class Scratch {
  public:
    Scratch() : descriptor_(::memfd_create("authex", MFD_CLOEXEC)) {}
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { ::close(descriptor_); }

    [[nodiscard]] int get() const { return descriptor_; }
    [[nodiscard]] bool write(const std::string& text) const {
        return ::pwrite(descriptor_, text.data(), text.size(), 0) ==
               static_cast<ssize_t>(text.size());
    }
    [[nodiscard]] std::string read() const {
        std::string text;
        std::array<char, 65536> part{};
        for (;;) {
            const ssize_t count =
                ::pread(descriptor_, part.data(), part.size(), static_cast<off_t>(text.size()));
            if (count <= 0) {
                return text;
            }
            text.append(part.data(), static_cast<std::size_t>(count));
        }
    }

  private:
    int descriptor_;
};

} // namespace

Expected<FilterResult> run_filter(std::vector<std::string> words, const std::string& input) {
    const Scratch in;
    const Scratch out;
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out.get(), STDOUT_FILENO);
    pid_t pid = -1;
    const bool started =
        in.write(input) &&
        ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ) == 0;
    ::posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    if (!started || ::waitpid(pid, &status, 0) != pid) {
        return failure("program-missing", fmt::format("cannot start {}", words.front()));
    }
    return FilterResult{.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                        .output = out.read()};
}

} // namespace authex::cli
