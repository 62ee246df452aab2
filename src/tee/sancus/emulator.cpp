#include "tee/sancus/emulator.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tee/sancus/line.hpp"

namespace authex::tee::sancus {
namespace {

namespace fs = std::filesystem;
using process::Descriptor;

constexpr const char* socket_file = "board.socket";
constexpr const char* control_file = "board.control";
constexpr const char* log_file = "board.log";

fs::path program_folder() {
    std::error_code error;
    return fs::read_symlink("/proc/self/exe", error).parent_path();
}

/// What it said last in its own name; a program's output may be there, too.
std::string last_word(const fs::path& log) {
    constexpr std::string_view name = "authex-sancus: ";
    constexpr std::string_view error = "error: ";
    std::ifstream file(log);
    std::string last = "without a word";
    for (std::string line; std::getline(file, line);) {
        last = line.starts_with(name) ? line.substr(name.size()) : last;
    }
    return last.starts_with(error) ? last.substr(error.size()) : last;
}

/// In the child, where only what is safe after fork() in a program with threads may be called.
[[noreturn]] void
become(const std::vector<char*>& arguments, const char* folder, int log, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int null = ::open("/dev/null", O_RDONLY);
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    if (::getppid() != parent || ::chdir(folder) != 0 || ::dup2(null, STDIN_FILENO) < 0 ||
        ::dup2(log, STDOUT_FILENO) < 0 || ::dup2(log, STDERR_FILENO) < 0) {
        ::_exit(1);
    }
    ::close_range(STDERR_FILENO + 1, ~0U, 0);
    (void)::signal(SIGPIPE, SIG_DFL);
    // A terminal's Ctrl-C is the manager's to answer.
    ::setpgid(0, 0);
    ::execv(arguments[0], arguments.data());
    ::_exit(1);
}

} // namespace

Emulator::Emulator(EmulatorOptions options) : options_(std::move(options)) {}

Emulator::Emulator(Emulator&& other) noexcept
    : options_(std::move(other.options_)), pid_(std::exchange(other.pid_, -1)) {}

Emulator::~Emulator() {
    if (pid_ > 0) {
        ::kill(pid_, SIGTERM);
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
    }
}

Expected<Emulator> Emulator::find(EmulatorOptions options) {
    std::error_code error;
    if (options.program.empty()) {
        options.program = program_folder() / "authex-sancus";
    }
    if (options.firmware.empty()) {
        options.firmware = program_folder().parent_path() / "lib/authex/sancus/event-manager.elf";
    }
    options.program = fs::absolute(options.program, error);
    options.firmware = fs::absolute(options.firmware, error);
    options.directory = fs::absolute(options.directory, error);
    if (fs::exists(options.board, error)) {
        options.board = fs::absolute(options.board, error);
    }
    if (::access(options.program.c_str(), X_OK) != 0) {
        return failure("emulator-missing",
                       fmt::format("cannot run {}", options.program.string()),
                       "install authex-sancus beside authex-em");
    }
    if (::access(options.firmware.c_str(), R_OK) != 0) {
        return failure("emulator-missing",
                       fmt::format("cannot read {}", options.firmware.string()),
                       "install the package authex, or name a firmware with --firmware");
    }
    return Emulator(std::move(options));
}

fs::path Emulator::control() const {
    return options_.directory / control_file;
}

bool Emulator::runs() {
    if (pid_ <= 0) {
        return false;
    }
    if (::waitpid(pid_, nullptr, WNOHANG) == 0) {
        return true;
    }
    pid_ = -1;
    return false;
}

Expected<bool> Emulator::start() {
    std::vector<std::string> words = {options_.program,
                                      "--board",
                                      options_.board,
                                      "--serial",
                                      fmt::format("uart1=unix:{}", socket_file),
                                      "--control",
                                      control_file,
                                      options_.firmware};
    if (options_.hz != 0) {
        words.insert(words.end(), {"--hz", std::to_string(options_.hz)});
    } else {
        words.emplace_back("--sleep-in-time");
    }
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    ::unlink((options_.directory / socket_file).c_str());
    ::unlink((options_.directory / control_file).c_str());
    const Descriptor log(::open(
        (options_.directory / log_file).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const pid_t parent = ::getpid();
    pid_ = log.open() ? ::fork() : -1;
    if (pid_ == 0) {
        become(arguments, options_.directory.c_str(), log.get(), parent);
    }
    if (pid_ < 0) {
        return failure("emulator-failed",
                       fmt::format("the emulator cannot be started: {}",
                                   std::generic_category().message(errno)),
                       "is the state directory writable, and may more processes be started?");
    }
    return true;
}

Expected<Descriptor> Emulator::open_line() {
    const bool was_started = pid_ > 0;
    if (!runs()) {
        const std::string said = was_started ? last_word(options_.directory / log_file) : "";
        const Expected<bool> started = start();
        if (!started || was_started) {
            return started ? failure("emulator-failed",
                                     fmt::format("the emulator ended: {}", said),
                                     fmt::format("look into {}, which has all that it said",
                                                 (options_.directory / log_file).string()))
                           : tl::make_unexpected(started.error());
        }
    }
    return sancus::open_line(options_.directory / socket_file, 0);
}

} // namespace authex::tee::sancus
