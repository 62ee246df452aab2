#include "fake_loader.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <unistd.h>

#include <sys/eventfd.h>

namespace authex::test {
namespace {

constexpr std::size_t window_bytes = 256 * 1024;

void ring(int fd) {
    const std::uint64_t one = 1;
    (void)!::write(fd, &one, sizeof one);
}

class FakeLink final : public tee::ModuleLink {
  public:
    explicit FakeLink(std::shared_ptr<FakeProcess> process) : process_(std::move(process)) {}
    std::optional<ByteView> readable() override { return process_->readable(); }
    void consume(std::size_t count) override { process_->consume(count); }
    std::optional<Bytes> writable() override { return process_->writable(); }
    void commit(std::size_t count) override { process_->commit(count); }
    void notify() override {}
    bool prepare_sleep(bool) override { return process_->readable()->empty(); }
    [[nodiscard]] int doorbell_fd() const override { return process_->doorbell_fd(); }
    void drain_doorbell() override { process_->drain(); }
    [[nodiscard]] int exit_fd() const override { return process_->exit_fd(); }
    std::optional<tee::Exit> exit() override { return process_->exit(); }
    void kill() override { process_->end({.signalled = true, .code = SIGKILL}); }

  private:
    std::shared_ptr<FakeProcess> process_;
};

} // namespace

FakeProcess::FakeProcess(bool answers_hello)
    : answers_hello_(answers_hello), window_(window_bytes),
      exit_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      doorbell_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

FakeProcess::~FakeProcess() {
    ::close(exit_fd_);
    ::close(doorbell_fd_);
}

void FakeProcess::end(tee::Exit how) {
    const std::lock_guard lock(mutex_);
    if (!exit_) {
        exit_ = how;
        ring(exit_fd_);
    }
}

std::optional<tee::Exit> FakeProcess::exit() const {
    const std::lock_guard lock(mutex_);
    return exit_;
}

std::optional<ByteView> FakeProcess::readable() {
    const std::lock_guard lock(mutex_);
    seen_ = out_;
    return ByteView(seen_);
}

void FakeProcess::consume(std::size_t count) {
    const std::lock_guard lock(mutex_);
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(count));
}

std::optional<Bytes> FakeProcess::writable() {
    return Bytes(window_);
}

void FakeProcess::commit(std::size_t count) {
    const std::lock_guard lock(mutex_);
    in_.insert(in_.end(), window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(count));
    std::size_t taken = 0;
    wire::FrameView view;
    while (!exit_ && wire::parse_frame(ByteView(in_).subspan(taken), view) == Error::none) {
        taken += view.frame_bytes();
        take(view.header, view.body);
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(taken));
}

std::string FakeProcess::certificate_evidence() const {
    const std::lock_guard lock(mutex_);
    return certificate_evidence_;
}

void FakeProcess::drain() const {
    std::uint64_t count = 0;
    (void)!::read(doorbell_fd_, &count, sizeof count);
}

void FakeProcess::log(const std::string& text) {
    const std::lock_guard lock(mutex_);
    emit({.kind = wire::Kind::log, .channel = 1},
         std::vector<std::uint8_t>(text.begin(), text.end()));
    ring(doorbell_fd_);
}

void FakeProcess::take(const wire::FrameHeader& header, ByteView body) {
    if (header.kind == wire::Kind::hello && answers_hello_) {
        const std::uint8_t version[2] = {wire::protocol_version, 0};
        emit({.kind = wire::Kind::hello, .deployment = header.deployment}, version);
    } else if (header.kind == wire::Kind::handshake) {
        std::vector<std::uint8_t> answer = {3, 0, 'm', 's', 'g'};
        answer.insert(answer.end(), 32, fake_report_byte);
        emit({.kind = wire::Kind::handshake,
              .deployment = header.deployment,
              .flags = wire::flag_direction},
             answer);
    } else if (header.kind == wire::Kind::call && header.channel == fake_log) {
        emit({.kind = wire::Kind::log, .deployment = header.deployment, .channel = 1}, body);
        emit({.kind = wire::Kind::result, .counter = header.counter}, {});
    } else if (header.kind == wire::Kind::call && header.channel == fake_exit) {
        exit_ = tee::Exit{.signalled = false, .code = body.empty() ? 0 : body[0]};
        ring(exit_fd_);
    } else if (header.kind == wire::Kind::call && header.channel == fake_server) {
        certificate_evidence_.append(body.begin(), body.end());
        const std::string report = certificate_evidence_.empty() ? "report" : "";
        emit({.kind = wire::Kind::result, .counter = header.counter},
             {reinterpret_cast<const std::uint8_t*>(report.data()), report.size()});
    } else if (header.kind == wire::Kind::call && header.channel == fake_echo) {
        emit({.kind = wire::Kind::result, .counter = header.counter}, body);
    }
}

void FakeProcess::emit(wire::FrameHeader header, ByteView body) {
    header.length = static_cast<std::uint32_t>(body.size());
    const std::size_t at = out_.size();
    out_.resize(at + wire::header_bytes + body.size());
    wire::write_header(header, Bytes(out_).subspan(at));
    std::copy(body.begin(),
              body.end(),
              out_.begin() + static_cast<std::ptrdiff_t>(at + wire::header_bytes));
}

tee::TeeInfo FakeLoader::info() const {
    return {.name = "native",
            .simulated = true,
            .replayable = replayable_,
            .evidence_key = {1, 2, 3},
            .max_body_bytes = 65'536,
            .max_image_bytes = image_bytes_max};
}

Expected<std::unique_ptr<tee::ModuleLink>> FakeLoader::start(const tee::ModuleSpec& spec,
                                                             const std::filesystem::path& folder) {
    std::unique_lock lock(mutex_);
    if (spec.name == held_) {
        is_starting_ = true;
        let_go_.wait(lock, [this] { return held_.empty(); });
        is_starting_ = false;
    }
    if (!std::filesystem::exists(folder / "image")) {
        return failure("image-unreadable", "there is no image");
    }
    if (broken_.count(spec.name) != 0) {
        return failure("host-failed", "the module cannot be started");
    }
    const auto process = std::make_shared<FakeProcess>(silent_.count(spec.name) == 0);
    processes_[spec.name] = process;
    ++starts_[spec.name];
    entropies_[spec.name] = spec.entropy;
    return std::make_unique<FakeLink>(process);
}

Expected<std::unique_ptr<tee::ModuleLink>> FakeLoader::adopt(const tee::ModuleSpec& spec,
                                                             const std::filesystem::path&) {
    const std::lock_guard lock(mutex_);
    const auto found = processes_.find(spec.name);
    if (found == processes_.end()) {
        return failure("not-running", "there is no such process");
    }
    return std::make_unique<FakeLink>(found->second);
}

Expected<std::vector<std::uint8_t>> FakeLoader::certificate_evidence(const tee::ModuleSpec& spec,
                                                                     ByteView report) {
    if (!makes_certificates) {
        return Loader::certificate_evidence(spec, report);
    }
    if (while_certifying) {
        while_certifying();
    }
    std::vector<std::uint8_t> evidence(report.begin(), report.end());
    const std::string of = " of " + spec.name;
    evidence.insert(evidence.end(), of.begin(), of.end());
    return evidence;
}

Expected<std::vector<std::uint8_t>> FakeLoader::evidence(const tee::ModuleSpec& spec,
                                                         ByteView report_data) {
    const std::string text = "evidence of " + spec.name + ": ";
    std::vector<std::uint8_t> evidence(text.begin(), text.end());
    evidence.insert(evidence.end(), report_data.begin(), report_data.end());
    return evidence;
}

std::optional<Diagnostic> FakeLoader::trouble() {
    const std::lock_guard lock(mutex_);
    return trouble_;
}

void FakeLoader::set_trouble(std::optional<Diagnostic> trouble) {
    const std::lock_guard lock(mutex_);
    trouble_ = std::move(trouble);
}

void FakeLoader::hold(const std::string& name) {
    const std::lock_guard lock(mutex_);
    held_ = name;
}

void FakeLoader::let_go() {
    const std::lock_guard lock(mutex_);
    held_.clear();
    let_go_.notify_all();
}

bool FakeLoader::is_starting() {
    const std::lock_guard lock(mutex_);
    return is_starting_;
}

std::shared_ptr<FakeProcess> FakeLoader::process(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = processes_.find(name);
    return found == processes_.end() ? nullptr : found->second;
}

std::optional<std::array<std::uint8_t, 32>> FakeLoader::entropy(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return entropies_[name];
}

int FakeLoader::starts(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return starts_[name];
}

void FakeLoader::make_silent(const std::string& name) {
    const std::lock_guard lock(mutex_);
    silent_.insert(name);
}

void FakeLoader::make_broken(const std::string& name) {
    const std::lock_guard lock(mutex_);
    broken_.insert(name);
}

} // namespace authex::test
