#include "cli/dev.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <iostream>
#include <poll.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "cli/terminal.hpp"
#include "cli/views.hpp"
#include "deployer/grpc_node.hpp"

namespace authex::cli {
namespace {

constexpr int end_wait_ms = 10'000;

/// A process that was started here, and what it says.
struct Child {
    std::string name;
    bool manager = true; ///< else `authex up`, whose lines stand as they are
    std::string address;
    pid_t pid = -1; ///< -1: ended
    int output = -1;
    int ready = -1; ///< becomes readable when it serves
    bool is_ready = false;
    std::string line; ///< begun and not yet ended
};

std::filesystem::path own_folder() {
    std::error_code error;
    return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

/// Why this program cannot start the node's manager; empty if it can.
std::string why_not(const descriptor::Descriptor& descriptor, const descriptor::Node& node) {
    const std::string address = to_string(node.address);
    if (node.tee == descriptor::Tee::sancus && !descriptor.simulation_allowed) {
        return fmt::format(
            "an emulated board is taken only with «simulation: allowed»; with a real "
            "one: authex-em --tee sancus --serial DEVICE --listen {}",
            address);
    }
    if ((node.tee == descriptor::Tee::sgx || node.tee == descriptor::Tee::trustzone) &&
        !descriptor.simulation_allowed) {
        return "a simulated processor is taken only with «simulation: allowed»";
    }
    if (!deployer::is_loopback_address(address)) {
        return fmt::format(
            "{} is not on this machine; there: authex-em --listen {}", address, address);
    }
    if (node.certificate) {
        return fmt::format("it has a certificate; see authex node bundle {} --help", node.name);
    }
    return {};
}

class Dev {
  public:
    explicit Dev(const Arguments& arguments) : arguments_(arguments) {}
    Dev(const Dev&) = delete;
    Dev& operator=(const Dev&) = delete;
    ~Dev() { end_all(); }

    int run(const descriptor::Descriptor& descriptor);

  private:
    bool start_node(const descriptor::Descriptor& descriptor, const descriptor::Node& node);
    void start_up(const descriptor::Descriptor& descriptor);
    bool start(Child child, const std::vector<std::string>& command, bool wants_ready);
    int watch(const descriptor::Descriptor& descriptor);
    void round(int timeout_ms);
    void drain(Child& child);
    void print(const Child& child, const std::string& line);
    void reap();
    void end_all();
    [[nodiscard]] std::filesystem::path
    state_directory(const descriptor::Descriptor& descriptor) const;
    [[nodiscard]] bool any_running() const;

    const Arguments& arguments_;
    Terminal terminal_{STDOUT_FILENO};
    std::vector<Child> children_;
    int signals_ = -1;
    bool ending_ = false;
    std::string died_; ///< a manager that ended by itself
    std::size_t width_ = 0;
};

std::filesystem::path Dev::state_directory(const descriptor::Descriptor& descriptor) const {
    return arguments_.state_directory.empty() ? descriptor.directory / ".authex"
                                              : arguments_.state_directory;
}

bool Dev::start(Child child, const std::vector<std::string>& command, bool wants_ready) {
    std::array<int, 2> output{};
    std::array<int, 2> ready{-1, -1};
    if (::pipe2(output.data(), O_CLOEXEC) != 0 ||
        (wants_ready && ::pipe2(ready.data(), O_CLOEXEC) != 0)) {
        return false;
    }
    std::vector<char*> argv;
    argv.reserve(command.size() + 1);
    for (const std::string& argument : command) {
        argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    const pid_t parent = ::getpid();
    child.pid = ::fork();
    if (child.pid == 0) {
        // Of its own group, so that Ctrl-C reaches only this program, which then ends all in order;
        // and never left behind.
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (::getppid() != parent) {
            ::_exit(exit_failed);
        }
        sigset_t none;
        ::sigemptyset(&none);
        ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
        if (child.manager) {
            // It announces itself on standard output, which is said here in shorter words.
            ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
            ::dup2(output[1], STDERR_FILENO);
        } else if (!terminal_.is_terminal()) {
            ::dup2(output[1], STDOUT_FILENO);
            ::dup2(output[1], STDERR_FILENO);
        }
        if (wants_ready) {
            constexpr int ready_descriptor = 3;
            if (ready[1] == ready_descriptor) {
                ::fcntl(ready[1], F_SETFD, 0);
            } else {
                ::dup2(ready[1], ready_descriptor);
            }
        }
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    ::close(output[1]);
    if (wants_ready) {
        ::close(ready[1]);
    }
    child.output = output[0];
    child.ready = ready[0];
    ::fcntl(child.output, F_SETFL, O_NONBLOCK);
    children_.push_back(std::move(child));
    return children_.back().pid > 0;
}

bool Dev::start_node(const descriptor::Descriptor& descriptor, const descriptor::Node& node) {
    const std::string address = to_string(node.address);
    const std::string obstacle = why_not(descriptor, node);
    if (!obstacle.empty()) {
        print({.name = node.name}, "not started: " + obstacle);
        return true;
    }
    const std::filesystem::path state =
        (state_directory(descriptor) / "dev" / node.name).lexically_normal();
    std::error_code error;
    std::filesystem::create_directories(state.parent_path(), error);
    std::vector<std::string> command = {own_folder() / "authex-em",
                                        "--tee",
                                        std::string(to_string(node.tee)),
                                        "--name",
                                        node.name,
                                        "--listen",
                                        address,
                                        "--state",
                                        state,
                                        "--ready-fd",
                                        "3",
                                        "--stop-modules-on-exit",
                                        "--log-level",
                                        arguments_.verbose ? "debug" : "warning"};
    if (node.tee == descriptor::Tee::sancus) {
        command.insert(command.end(),
                       {"--emulator", node.board ? descriptor.directory / *node.board : "default"});
    }
    if (node.tee == descriptor::Tee::sgx || node.tee == descriptor::Tee::trustzone) {
        command.emplace_back("--simulate");
    }
    if (node.events) {
        command.insert(command.end(), {"--events", to_string(*node.events)});
    }
    return start({.name = node.name, .address = address}, command, true);
}

void Dev::start_up(const descriptor::Descriptor& descriptor) {
    std::vector<std::string> command = {
        own_folder() / "authex", "up", "-f", arguments_.file.string()};
    if (!arguments_.state_directory.empty()) {
        command.insert(command.end(), {"--state", state_directory(descriptor).string()});
    }
    start({.name = "up", .manager = false, .address = {}}, command, false);
}

void Dev::print(const Child& child, const std::string& line) {
    if (child.manager) {
        std::cout << terminal_.paint(Colour::blue, fmt::format("{:<{}} │ ", child.name, width_));
    }
    std::cout << line << '\n';
}

void Dev::drain(Child& child) {
    std::array<char, 4096> buffer{};
    for (;;) {
        const ssize_t count = ::read(child.output, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count == 0) {
            ::close(child.output);
            child.output = -1;
            if (!child.line.empty()) {
                print(child, std::exchange(child.line, {}));
            }
        }
        if (count <= 0) {
            break;
        }
        child.line.append(buffer.data(), static_cast<std::size_t>(count));
        std::size_t end = 0;
        while ((end = child.line.find('\n')) != std::string::npos) {
            print(child, child.line.substr(0, end));
            child.line.erase(0, end + 1);
        }
    }
    std::cout << std::flush;
}

void Dev::reap() {
    for (Child& child : children_) {
        int status = 0;
        if (child.pid <= 0 || ::waitpid(child.pid, &status, WNOHANG) != child.pid) {
            continue;
        }
        child.pid = -1;
        if (child.output >= 0) {
            drain(child);
        }
        if (!ending_ && child.manager && died_.empty()) {
            died_ = WIFSIGNALED(status)
                        ? fmt::format("the manager of {} was killed by signal {} ({})",
                                      child.name,
                                      WTERMSIG(status),
                                      ::sigdescr_np(WTERMSIG(status)))
                        : fmt::format("the manager of {} ended with status {}",
                                      child.name,
                                      WEXITSTATUS(status));
        }
    }
}

void Dev::round(int timeout_ms) {
    std::vector<pollfd> waited = {{.fd = signals_, .events = POLLIN, .revents = 0}};
    for (const Child& child : children_) {
        waited.push_back({.fd = child.output, .events = POLLIN, .revents = 0});
        waited.push_back({.fd = child.is_ready ? -1 : child.ready, .events = POLLIN, .revents = 0});
    }
    if (::poll(waited.data(), waited.size(), timeout_ms) <= 0) {
        return;
    }
    for (std::size_t i = 0; i < children_.size(); ++i) {
        Child& child = children_[i];
        if (waited[2 * i + 2].revents != 0) {
            char byte = 0;
            child.is_ready = ::read(child.ready, &byte, 1) == 1;
            ::close(child.ready);
            child.ready = -1;
            if (child.is_ready) {
                print(child, "ready on " + child.address);
            }
        }
        if (waited[2 * i + 1].revents != 0) {
            drain(child);
        }
    }
    if (waited.front().revents != 0) {
        signalfd_siginfo info{};
        while (::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
            ending_ = ending_ || info.ssi_signo != SIGCHLD;
        }
        reap();
    }
}

bool Dev::any_running() const {
    return std::any_of(
        children_.begin(), children_.end(), [](const Child& child) { return child.pid > 0; });
}

void Dev::end_all() {
    ending_ = true;
    for (const Child& child : children_) {
        if (child.pid > 0) {
            ::kill(child.pid, SIGTERM);
        }
    }
    constexpr int round_ms = 50;
    for (int waited_ms = 0; any_running() && waited_ms < end_wait_ms; waited_ms += round_ms) {
        round(round_ms);
        reap();
    }
    for (Child& child : children_) {
        if (child.pid > 0) {
            ::kill(child.pid, SIGKILL);
            ::waitpid(child.pid, nullptr, 0);
            child.pid = -1;
        }
    }
}

int Dev::watch(const descriptor::Descriptor& descriptor) {
    bool announced = false;
    while (!ending_ && died_.empty()) {
        round(-1);
        const bool all_ready = std::all_of(
            children_.begin(), children_.end(), [](const Child& child) { return child.is_ready; });
        if (all_ready && !announced) {
            announced = true;
            const std::string file = arguments_.file == "authex.yaml"
                                         ? std::string()
                                         : " -f " + arguments_.file.string();
            std::cout << terminal_.paint(Colour::green,
                                         children_.size() == 1
                                             ? "1 node is ready."
                                             : fmt::format("{} nodes are ready.", children_.size()))
                      << (arguments_.up
                              ? " Deploying …\n"
                              : fmt::format(
                                    " In another terminal: authex up{}   Here: Ctrl-C ends all.\n",
                                    file))
                      << std::flush;
            if (arguments_.up) {
                start_up(descriptor);
                children_.back().is_ready = true;
            }
        }
    }
    if (!died_.empty()) {
        std::cout << std::flush;
        std::cerr << diagnostic_text(make_error("node-ended",
                                                died_,
                                                "its last lines are above; is its port taken?"),
                                     Terminal(STDERR_FILENO))
                  << '\n';
        return exit_failed;
    }
    std::cout << "ending all nodes and their modules …\n" << std::flush;
    return exit_done;
}

int Dev::run(const descriptor::Descriptor& descriptor) {
    sigset_t wanted;
    ::sigemptyset(&wanted);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) {
        ::sigaddset(&wanted, signal);
    }
    ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
    signals_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    for (const descriptor::Node& node : descriptor.nodes) {
        width_ = std::max(width_, node.name.size());
    }
    for (const descriptor::Node& node : descriptor.nodes) {
        if (!start_node(descriptor, node)) {
            std::cerr << fmt::format("error: cannot start the manager of {}: {}\n",
                                     node.name,
                                     std::generic_category().message(errno));
            return exit_failed;
        }
    }
    if (children_.empty()) {
        std::cerr << "error: no node of the descriptor is to be started on this machine\n";
        return exit_failed;
    }
    const int status = watch(descriptor);
    end_all();
    return status;
}

} // namespace

int run_dev(const Arguments& arguments, const descriptor::Descriptor& descriptor) {
    return Dev(arguments).run(descriptor);
}

} // namespace authex::cli
