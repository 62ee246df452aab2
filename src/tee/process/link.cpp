#include "tee/process/link.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <system_error>

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace authex::tee::process {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Diagnostic> damaged(const fs::path& file, const std::string& why) {
    return failure("module-files",
                   fmt::format("{}: {}", file.string(), why),
                   "remove the module and load it again");
}

bool is_readable(int fd) {
    pollfd poll{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&poll, 1, 0) == 1;
}

int pidfd_open(pid_t process) {
    return static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
}

void send_signal(const Descriptor& process, int signal) {
    ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
}

/// Where this process is the parent (as init of a container), what ended must not stay a zombie.
void reap(const Descriptor& process) {
    siginfo_t ignored{};
    ::waitid(P_PIDFD, static_cast<id_t>(process.get()), &ignored, WEXITED | WNOHANG);
}

/// Opened for both ways, so that it stays open whoever comes and goes at its other end.
Expected<Descriptor> open_doorbell(const fs::path& path) {
    Descriptor doorbell(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
    if (!doorbell.open()) {
        return damaged(path, std::generic_category().message(errno));
    }
    struct stat status {};
    if (::fstat(doorbell.get(), &status) != 0 || !S_ISFIFO(status.st_mode)) {
        return damaged(path, "not a named pipe");
    }
    return doorbell;
}

} // namespace

ProcessLink::ProcessLink(SharedArea area,
                         Descriptor doorbell,
                         Descriptor file,
                         const ProcessRecord& record)
    : area_(std::move(area)), end_(area_), doorbell_(std::move(doorbell)),
      record_file_(std::move(file)), record_(record) {}

Expected<std::unique_ptr<ProcessLink>> ProcessLink::open(const fs::path& directory) {
    const fs::path record_path = directory / process_file;
    Descriptor file(::open(record_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.open()) {
        return failure("not-running",
                       fmt::format("no module runs in {}: {}",
                                   directory.string(),
                                   std::generic_category().message(errno)),
                       "load the module");
    }
    const std::optional<ProcessRecord> record = read_record(file.get());
    if (!record) {
        return damaged(record_path, "damaged record");
    }
    if (record->boot != this_boot()) {
        return failure("not-running",
                       fmt::format("the module in {} ended with the machine's earlier run",
                                   directory.string()),
                       "load the module again");
    }
    Expected<Descriptor> doorbell = open_doorbell(directory / doorbell_file);
    if (!doorbell) {
        return tl::make_unexpected(doorbell.error());
    }
    const fs::path rings = directory / rings_file;
    const Descriptor rings_fd(::open(rings.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!rings_fd.open()) {
        return damaged(rings, std::generic_category().message(errno));
    }
    SharedArea area = SharedArea::map(rings_fd.get(), End::manager);
    if (!area.mapped()) {
        return damaged(rings,
                       errno == EPROTO ? "not a file of rings"
                                       : std::generic_category().message(errno));
    }
    std::unique_ptr<ProcessLink> link(
        new ProcessLink(std::move(area), std::move(*doorbell), std::move(file), *record));
    if (Expected<bool> found = link->find_processes(); !found) {
        return tl::make_unexpected(found.error());
    }
    link->end_.wake();
    return link;
}

/// A process id may belong to another process by now. The order matters: what is compared is the
/// process that the descriptor already holds.
Expected<bool> ProcessLink::find_processes() {
    const auto supervisor = static_cast<pid_t>(record_.supervisor);
    const auto module = static_cast<pid_t>(record_.module);
    Descriptor process(supervisor > 0 ? pidfd_open(supervisor) : -1);
    Descriptor child(module > 0 ? pidfd_open(module) : -1);
    if (child.open() && stat_of(module, StatField::parent) == record_.supervisor) {
        module_ = std::move(child);
    }
    if (process.open() && stat_of(supervisor, StatField::start_time) == record_.started &&
        !is_readable(process.get())) {
        supervisor_ = std::move(process);
        return true;
    }
    module_.close();
    supervisor_ended_ = true;
    supervisor_ = Descriptor(::eventfd(1, EFD_CLOEXEC));
    if (!supervisor_.open()) {
        return failure(
            "module-files",
            fmt::format("cannot watch a module: {}", std::generic_category().message(errno)));
    }
    return true;
}

void ProcessLink::drain_doorbell() {
    std::array<std::uint8_t, 4096> strokes{};
    [[maybe_unused]] const ssize_t count = ::read(doorbell_.get(), strokes.data(), strokes.size());
}

std::optional<Exit> ProcessLink::exit() {
    if (!is_readable(supervisor_.get())) {
        return std::nullopt;
    }
    if (!supervisor_ended_) {
        reap(supervisor_);
        reap(module_);
    }
    const std::optional<ProcessRecord> record = read_record(record_file_.get());
    if (record && record->state != State::running) {
        return Exit{.signalled = record->state == State::signalled, .code = record->code};
    }
    // The supervisor had no time to write: it was killed, and its module with it.
    return Exit{.signalled = true, .code = SIGKILL};
}

/// The module first: its supervisor tells of its end and follows. One that was stopped has to go on
/// for that.
void ProcessLink::kill() {
    if (supervisor_ended_) {
        return;
    }
    if (module_.open()) {
        send_signal(module_, SIGKILL);
        send_signal(supervisor_, SIGCONT);
    } else {
        send_signal(supervisor_, SIGKILL);
    }
}

} // namespace authex::tee::process
