#include "simulation/process.hpp"

#include <cstring>
#include <stdexcept>

#include "wire/frame.hpp"
#include "wire/handshake.hpp"

namespace authex::simulation {
namespace {

constexpr std::size_t out_bytes = 2 * runtime::output_min_bytes;
const Process* running = nullptr;

} // namespace

const Process* running_process() {
    return running;
}

Process::Process(Birth birth, ByteView owner_key, ByteView entropy)
    : birth_(std::move(birth)), runtime_(std::make_unique<runtime::Runtime>()),
      owner_key_(owner_key.begin(), owner_key.end()), state_(birth_.program->initial_state()),
      out_(new std::uint8_t[out_bytes]) {
    runtime_->start(birth_.program->records(), owner_key_, entropy);
    runtime_->keep(birth_.program->state(), birth_.persists);
}

Process::~Process() = default;

std::size_t Process::room() const {
    return in_bytes_max - (in_.size() - in_begin_);
}

void Process::feed(ByteView frames) {
    if (frames.size() > room()) {
        throw std::logic_error("a module's ring is overrun");
    }
    if (in_begin_ == in_.size()) {
        in_.clear();
        in_begin_ = 0;
    }
    in_.insert(in_.end(), frames.begin(), frames.end());
}

void Process::consume(std::size_t bytes) {
    std::memmove(out_.get(), out_.get() + bytes, out_used_ - bytes);
    out_used_ -= bytes;
}

void Process::run() {
    if (!alive_ || !has_input()) {
        return;
    }
    running = this;
    copy(state_, birth_.program->state());
    const Bytes free(out_.get() + out_used_, out_bytes - out_used_);
    const runtime::Progress progress = runtime_->invoke(ByteView(in_).subspan(in_begin_), free);
    const Bytes state = birth_.program->state();
    state_.assign(state.begin(), state.end());
    running = nullptr;
    const std::size_t left =
        progress.produced - keep(ByteView(out_.get(), out_used_ + progress.produced));
    if (!alive_) {
        return;
    }
    in_begin_ += progress.consumed;
    out_used_ += left;
    note_reports(free.first(left));
}

/// As src/tee/process/host/serve.cpp. @return bytes of the state at the end, which nobody else sees
std::size_t Process::keep(ByteView frames) {
    std::size_t state_bytes = 0;
    wire::FrameView view;
    for (ByteView rest = frames; wire::parse_frame(rest, view) == Error::none;
         rest = rest.subspan(view.frame_bytes())) {
        state_bytes = view.header.kind == wire::Kind::state ? view.frame_bytes() : 0;
    }
    if (state_bytes != 0 && kept_) {
        (void)kept_->keep(frames, state_bytes);
        alive_ = alive_ && !dies_after_keeping;
    }
    return state_bytes;
}

void Process::note_reports(ByteView frames) {
    wire::FrameView view;
    for (; wire::parse_frame(frames, view) == Error::none;
         frames = frames.subspan(view.frame_bytes())) {
        if (view.header.kind == wire::Kind::handshake &&
            view.body.size() >= wire::report_data_bytes) {
            const ByteView report = view.body.last(wire::report_data_bytes);
            reported.emplace_back(report.begin(), report.end());
        }
    }
}

} // namespace authex::simulation
