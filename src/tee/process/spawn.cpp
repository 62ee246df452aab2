#include "tee/process/spawn.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tee/process/kept_copy.hpp"
#include "tee/process/link.hpp"
#include "tee/process/module_files.hpp"
#include "tee/process/shared_area.hpp"

namespace authex::tee::process {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t message_bytes_max = 4096;

/// New files, so that a process that still holds the old ones disturbs nothing.
Expected<bool> make_files(const HostCommand& command) {
    for (const char* name : {rings_file, doorbell_file, process_file, log_file}) {
        ::unlink((command.directory / name).c_str());
    }
    const fs::path rings = command.directory / rings_file;
    const Descriptor area(
        ::open(rings.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!area.open() || !SharedArea::lay_out(area.get(), command.ring_bytes)) {
        return cannot_make(rings, errno);
    }
    if (command.keeps_state) {
        if (Expected<bool> made = make_kept(command.directory, command.ring_bytes, command.durable);
            !made) {
            return made;
        }
    }
    const fs::path doorbell = command.directory / doorbell_file;
    if (::mkfifo(doorbell.c_str(), 0600) != 0) {
        return cannot_make(doorbell, errno);
    }
    return true;
}

class SpawnActions {
  public:
    SpawnActions() {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawnattr_init(&attributes_);
        sigset_t none;
        sigset_t all;
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    ~SpawnActions() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }
    SpawnActions(const SpawnActions&) = delete;
    SpawnActions& operator=(const SpawnActions&) = delete;

    Expected<pid_t> run(const HostCommand& command, int answer) {
        const std::string log = (command.directory / log_file).string();
        ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions_, answer, STDOUT_FILENO);
        ::posix_spawn_file_actions_addopen(
            &actions_, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
        ::posix_spawn_file_actions_addchdir_np(&actions_, command.directory.c_str());
        std::vector<char*> arguments{const_cast<char*>(command.program.c_str())};
        for (const std::string& argument : command.arguments) {
            arguments.push_back(const_cast<char*>(argument.c_str()));
        }
        arguments.push_back(nullptr);
        std::array<char*, 1> environment{nullptr};
        pid_t pid = 0;
        const int error = ::posix_spawn(&pid,
                                        command.program.c_str(),
                                        &actions_,
                                        &attributes_,
                                        arguments.data(),
                                        environment.data());
        if (error != 0) {
            return failure("host-missing",
                           fmt::format("cannot run {}: {}",
                                       command.program.string(),
                                       std::generic_category().message(error)),
                           "set AUTHEX_HOST_PROGRAM to the program authex-host");
        }
        return pid;
    }

  private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

/// What the host says until it closes its output. Empty optional: not in time.
std::optional<std::string> listen(int answer, Clock::time_point deadline) {
    std::string message;
    std::array<char, 512> buffer{};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd poll{.fd = answer, .events = POLLIN, .revents = 0};
        if (left.count() <= 0) {
            return std::nullopt;
        }
        const int ready = ::poll(&poll, 1, static_cast<int>(left.count()));
        if (ready <= 0) {
            continue;
        }
        const ssize_t count = ::read(answer, buffer.data(), buffer.size());
        if (count == 0 || (count < 0 && errno != EINTR)) {
            return message;
        }
        if (count > 0 && message.size() < message_bytes_max) {
            message.append(buffer.data(), static_cast<std::size_t>(count));
        }
    }
}

/// Ends a host that did not start its module. A supervisor that refuses has a word to write yet.
Exit bury(pid_t host, bool kill_it, const fs::path& directory) {
    const auto link = ProcessLink::open(directory);
    if (kill_it && link) {
        (*link)->kill();
    } else if (kill_it) {
        ::kill(host, SIGKILL);
    }
    int status = 0;
    while (::waitpid(host, &status, 0) < 0 && errno == EINTR) {
    }
    return {.signalled = WIFSIGNALED(status),
            .code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)};
}

} // namespace

Expected<bool> spawn_host(const HostCommand& command) {
    if (Expected<bool> made = make_files(command); !made) {
        return made;
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return failure(
            "module-files",
            fmt::format("cannot make a pipe: {}", std::generic_category().message(errno)));
    }
    const Descriptor listening(ends[0]);
    Descriptor answer(ends[1]);
    const Clock::time_point deadline = Clock::now() + command.deadline;
    const Expected<pid_t> host = SpawnActions().run(command, answer.get());
    answer.close();
    if (!host) {
        return tl::make_unexpected(host.error());
    }
    const std::optional<std::string> message = listen(listening.get(), deadline);
    if (message && message->empty() && ProcessLink::open(command.directory)) {
        return true;
    }
    const Exit exit = bury(*host, !message, command.directory);
    if (!message) {
        return failure("host-timeout",
                       fmt::format("{} did not start the module within {} ms",
                                   command.program.string(),
                                   command.deadline.count()),
                       "is the machine overloaded?");
    }
    const std::size_t colon = message->find(": ");
    if (colon == std::string::npos) {
        return failure(
            "host-failed",
            fmt::format("{} did not start the module: {}", command.program.string(), to_text(exit)),
            fmt::format("look into {}", (command.directory / log_file).string()));
    }
    return failure(message->substr(0, colon), message->substr(colon + 2));
}

} // namespace authex::tee::process
