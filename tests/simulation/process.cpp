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
    runtime_->keep(birth_.program->state());
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
    in_begin_ += progress.consumed;
    out_used_ += progress.produced;
    note_reports(free.first(progress.produced));
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
