#include "support/process.hpp"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace authex::test {
namespace {

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf(); // a process may end while its file is read, which an iterator throws
    return content.str();
}

/// Names of files of its own, that the process writes to: PATH.out and PATH.err.
std::string new_path() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "authex-process-XXXXXX").string();
    const int fd = ::mkstemp(pattern.data());
    if (fd < 0) {
        throw std::runtime_error("cannot make a temporary file");
    }
    ::close(fd);
    return pattern;
}

void open_as(int target, const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags, 0600);
    ::dup2(fd, target);
    ::close(fd);
}

/// Those that a Process waits for.
class Started {
  public:
    void insert(pid_t pid) {
        const std::lock_guard lock(mutex_);
        all_.insert(pid);
    }
    void erase(pid_t pid) {
        const std::lock_guard lock(mutex_);
        all_.erase(pid);
    }
    bool contains(pid_t pid) {
        const std::lock_guard lock(mutex_);
        return all_.count(pid) != 0;
    }

  private:
    std::mutex mutex_;
    std::set<pid_t> all_;
};

Started& started() {
    static Started all;
    return all;
}

std::vector<pid_t> all_pids() {
    std::vector<pid_t> all;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") == std::string::npos) {
            all.push_back(static_cast<pid_t>(std::stol(name)));
        }
    }
    return all;
}

struct Standing {
    pid_t parent = 0; ///< 0: there is no such process
    bool ended = false;
};

// `pid (name) state parent …`; the name may hold anything.                        proc_pid_stat(5)
Standing standing_of(pid_t pid) {
    const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    const std::size_t end = stat.rfind(')');
    if (end == std::string::npos) {
        return {};
    }
    std::istringstream rest(stat.substr(end + 1));
    char state = 0;
    Standing standing;
    rest >> state >> standing.parent;
    standing.ended = state == 'Z';
    return standing;
}

int status_of(int wait_status) {
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -WTERMSIG(wait_status);
}

} // namespace

Process::Process(const Command& command) : path_(new_path()) {
    std::ofstream(path_, std::ios::binary) << command.input;
    std::vector<char*> words;
    for (const std::string& word : command.words) {
        words.push_back(const_cast<char*>(word.c_str()));
    }
    words.push_back(nullptr);
    const std::string out = path_ + ".out";
    const std::string err = path_ + ".err";
    pid_ = ::fork();
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!command.folder.empty() && ::chdir(command.folder.c_str()) != 0) {
            ::_exit(126);
        }
        open_as(STDIN_FILENO, path_, O_RDONLY);
        open_as(STDOUT_FILENO, out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
        open_as(STDERR_FILENO, err, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
        ::execv(words[0], words.data());
        ::_exit(127);
    }
    started().insert(pid_);
}

Process::~Process() {
    signal(SIGKILL);
    (void)wait();
    started().erase(pid_);
    for (const char* end : {"", ".out", ".err"}) {
        ::unlink((path_ + end).c_str());
    }
}

void Process::signal(int number) const {
    if (!status_) {
        ::kill(pid_, number);
    }
}

bool Process::running() {
    int status = 0;
    if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
        status_ = status_of(status);
    }
    return !status_;
}

int Process::wait(std::chrono::milliseconds time) {
    if (!eventually([this] { return !running(); }, time)) {
        ::kill(pid_, SIGKILL);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        status_ = status_of(status);
    }
    return *status_;
}

std::string Process::out() const {
    return read_file(path_ + ".out");
}

std::string Process::err() const {
    return read_file(path_ + ".err");
}

bool Process::says(const std::string& text, std::chrono::milliseconds time) {
    const auto said = [&] { return out().find(text) != std::string::npos; };
    return eventually([&] { return said() || !running(); }, time) && said();
}

Result run(const Command& command) {
    Process process(command);
    const int status = process.wait();
    return {.status = status, .out = process.out(), .err = process.err()};
}

void adopt_orphans() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

pid_t parent_of(pid_t pid) {
    const Standing standing = standing_of(pid);
    return standing.ended ? 0 : standing.parent;
}

void reap_orphans() {
    for (const pid_t pid : all_pids()) {
        const Standing standing = standing_of(pid);
        if (standing.ended && standing.parent == ::getpid() && !started().contains(pid)) {
            ::waitpid(pid, nullptr, 0);
        }
    }
}

std::vector<pid_t> descendants() {
    std::set<pid_t> family = {::getpid()};
    std::vector<pid_t> found;
    // A parent's entry may come after its child's: again until nothing is new.
    for (std::size_t before = 0; before != family.size();) {
        before = family.size();
        for (const pid_t pid : all_pids()) {
            if (family.count(parent_of(pid)) != 0 && family.insert(pid).second) {
                found.push_back(pid);
            }
        }
    }
    return found;
}

void end_descendants() {
    (void)eventually([] {
        for (const pid_t pid : descendants()) {
            ::kill(pid, SIGKILL);
        }
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        return descendants().empty();
    });
}

std::string command_line(pid_t pid) {
    std::string line = read_file("/proc/" + std::to_string(pid) + "/cmdline");
    for (char& c : line) {
        c = c == '\0' ? ' ' : c;
    }
    return line;
}

std::string working_folder(pid_t pid) {
    std::error_code error;
    return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/cwd", error).string();
}

std::uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    const bool bound = ::bind(fd, raw, size) == 0 && ::getsockname(fd, raw, &size) == 0;
    ::close(fd);
    if (!bound) {
        throw std::runtime_error("no free port");
    }
    return ntohs(address.sin_port);
}

void pause_briefly() {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

} // namespace authex::test
