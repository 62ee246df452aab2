#include "tee/process/host/outgoing.hpp"

#include <ctime>

#include "tee/process/exit.hpp"
#include "wire/frame.hpp"

namespace authex::tee::process {
namespace {

/// A sender waits for acknowledgements when some of its frames are on their way
/// (em::Router::window_bytes): they are not held back for longer than a part of that takes.
constexpr std::size_t taken_bytes_max = std::size_t{64} << 10U;

std::uint64_t now_us() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
}

/// What an invocation has left.
struct Left {
    std::size_t state_bytes = 0; ///< of the sealed state at its end; 0: there is none
    std::uint64_t every_us = 0;  ///< as that state says
    bool is_waited_for = false;  ///< an answer to an order or a call
};

bool is_waited_for(wire::Kind kind) {
    return kind == wire::Kind::handshake || kind == wire::Kind::control ||
           kind == wire::Kind::hello || kind == wire::Kind::result || kind == wire::Kind::refusal;
}

Left look_at(ByteView frames) {
    Left left;
    wire::FrameView view;
    while (!frames.empty() && wire::parse_frame(frames, view) == Error::none) {
        frames = frames.subspan(view.frame_bytes());
        left.is_waited_for = left.is_waited_for || is_waited_for(view.header.kind);
        if (frames.empty() && view.header.kind == wire::Kind::state) {
            left.state_bytes = view.frame_bytes();
            left.every_us = std::uint64_t{view.header.channel} * 1'000;
        }
    }
    return left;
}

} // namespace

bool Outgoing::is_due() const {
    return urgent_ || (holds() && (taken_ >= taken_bytes_max || now_us() >= due_us_));
}

std::uint64_t Outgoing::wait_us() const {
    const std::uint64_t now = now_us();
    return due_us_ > now ? due_us_ - now : 1;
}

/// @return exit status, 0: it is kept
int Outgoing::keep(std::size_t state_bytes) {
    const std::optional<ByteView> unread = end_.unread(held_);
    if (!unread) {
        return exit_corrupt_rings;
    }
    return kept_.keep(*unread, state_bytes) ? 0 : exit_state_not_kept;
}

void Outgoing::publish(std::size_t state_bytes, Turn& turn) {
    turn.produced = held_ - state_bytes;
    end_.commit(turn.produced);
    held_ = 0;
    taken_ = 0;
    urgent_ = false;
}

Turn Outgoing::enter(ByteView in, Bytes out) {
    end_.count_entry();
    const Bytes room = out.subspan(held_);
    const Answer answer = invoke(door_, in, room);
    if (!answer.good) {
        return {.failed = exit_refused_invocation};
    }
    Turn turn{.consumed = answer.consumed};
    const bool held_before = holds();
    const Left left = kept_.mapped() ? look_at(room.first(answer.produced)) : Left();
    held_ += answer.produced;
    taken_ += answer.consumed;
    if (left.state_bytes != 0) {
        turn.failed = keep(left.state_bytes);
        if (turn.failed == 0) {
            publish(left.state_bytes, turn);
            urgent_ = every_us_ == 0 && left.every_us != 0; // it has to be told
            every_us_ = left.every_us;
        }
    } else if (every_us_ == 0) {
        publish(0, turn);
    } else if (holds()) {
        due_us_ = held_before ? due_us_ : now_us() + every_us_;
        urgent_ = urgent_ || left.is_waited_for;
    }
    return turn;
}

Turn Outgoing::release(Bytes out) {
    constexpr std::size_t told_bytes = wire::header_bytes + wire::tag_bytes;
    if (out.size() < held_ + told_bytes) {
        return {};
    }
    const Bytes frame = out.last(told_bytes); // with a tag that says nothing: it is no secret
    wire::write_header({.kind = wire::Kind::state, .length = wire::tag_bytes}, frame);
    Turn turn = enter(frame, out.first(out.size() - told_bytes));
    if (turn.failed == 0 && turn.consumed != 0) {
        if (turn.produced == 0 && holds()) {
            publish(0, turn); // there was nothing to seal
        }
        urgent_ = false;
    }
    turn.consumed = 0;
    return turn;
}

} // namespace authex::tee::process
