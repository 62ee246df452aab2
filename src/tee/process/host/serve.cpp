#include "tee/process/host/serve.hpp"

#include <algorithm>
#include <ctime>
#include <sched.h>

#include "runtime/invocation.hpp"
#include "tee/process/adaptive_spin.hpp"
#include "tee/process/host/outgoing.hpp"
#include "wire/frame.hpp"

namespace authex::tee::process {
namespace {

/// Frames given at once. What they cause is published together: small enough that the manager works
/// on it while the module takes the next, large enough that an entry costs nothing.
constexpr std::size_t batch_bytes = std::size_t{16} << 10U;
/// Looks between two yields of the processor.
constexpr std::uint32_t looks_per_yield = 16;
/// A yield that takes longer: others want the processor, and get it for so long.
constexpr std::uint64_t crowded_us = 50;
constexpr std::uint64_t rest_us = 1'000;
/// Of the processor's counter, more or less: it needs no system call, and nothing here needs to be
/// exact.
#if defined(__x86_64__)
std::uint64_t ticks_per_us() {
    return 2500;
}

std::uint64_t ticks() {
    return __builtin_ia32_rdtsc();
}

void pause_processor() {
    __builtin_ia32_pause();
}
#elif defined(__aarch64__)
/// Arm Architecture Reference Manual, CNTFRQ_EL0 and CNTVCT_EL0.
std::uint64_t ticks_per_us() {
    std::uint64_t hertz = 0;
    asm("mrs %0, cntfrq_el0" : "=r"(hertz));
    return hertz / 1'000'000;
}

std::uint64_t ticks() {
    std::uint64_t now = 0;
    asm volatile("mrs %0, cntvct_el0" : "=r"(now));
    return now;
}

void pause_processor() {
    asm volatile("yield");
}
#endif

template <typename T>
std::uint64_t address(T* memory) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(memory));
}

/// Looks for a while whether the manager did something. @return it did
bool look(const ModuleEnd& end, AdaptiveSpin& spin) {
    std::uint64_t now = ticks();
    while (spin.worthwhile(now)) {
        for (std::uint32_t i = 0; i < looks_per_yield; ++i) {
            if (end.changed()) {
                return true;
            }
            pause_processor();
        }
        const std::uint64_t before = ticks();
        ::sched_yield();
        now = ticks();
        spin.yielded(before, now);
    }
    return false;
}

/// Tells the module the time, where it wants that.
class Clock {
  public:
    [[nodiscard]] bool is_due(const ModuleEnd& end) {
        if (!end.gives_time()) {
            return false;
        }
        timespec now{};
        ::clock_gettime(CLOCK_REALTIME, &now);
        now_us_ = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
                  static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
        return now_us_ < told_us_ || now_us_ - told_us_ >= every_us;
    }
    /// @pre is_due(). @param out the module's room, of which the end holds the frame meanwhile
    Turn tell(Outgoing& outgoing, Bytes out) {
        if (out.size() < wire::header_bytes) {
            return {};
        }
        const Bytes frame = out.last(wire::header_bytes);
        wire::write_header({.kind = wire::Kind::time, .counter = now_us_}, frame);
        const Turn turn = outgoing.enter(frame, out.first(out.size() - wire::header_bytes));
        told_us_ = turn.consumed != 0 ? now_us_ : told_us_;
        return turn;
    }

  private:
    static constexpr std::uint64_t every_us = 1'000;
    std::uint64_t now_us_ = 0;
    std::uint64_t told_us_ = 0;
};

Turn serve_once(Outgoing& outgoing, ModuleEnd& end, ByteView in, Bytes out) {
    const Turn turn = outgoing.enter(in, out);
    if (turn.failed == 0) {
        end.consume(turn.consumed);
        end.ring();
    }
    return turn;
}

/// What is due goes out first. One frame may be larger than a batch.
Turn turn_of(Outgoing& outgoing, ModuleEnd& end, ByteView in, Bytes out) {
    Turn turn;
    if (outgoing.is_due()) {
        turn = outgoing.release(out);
        end.ring();
    }
    if (!turn.worked() && turn.failed == 0 && !in.empty()) {
        turn = serve_once(outgoing, end, in.first(std::min(in.size(), batch_bytes)), out);
    }
    if (!turn.worked() && turn.failed == 0 && in.size() > batch_bytes) {
        turn = serve_once(outgoing, end, in, out);
    }
    return turn;
}

} // namespace

std::uint32_t start_image(const Door& door, ByteView rings, ByteView entropy, ByteView target) {
    runtime::Invocation invocation{.operation = runtime::Operation::start,
                                   .shared_begin = address(rings.data()),
                                   .shared_end = address(rings.data()) + rings.size(),
                                   .in = address(target.data()),
                                   .in_bytes = target.size()};
    std::copy(entropy.begin(), entropy.end(), std::begin(invocation.entropy));
    door.enter(door, invocation);
    wipe(invocation.entropy);
    return invocation.error;
}

Answer invoke(const Door& door, ByteView in, Bytes out) {
    runtime::Invocation invocation{.in = address(in.data()),
                                   .in_bytes = in.size(),
                                   .out = address(out.data()),
                                   .out_bytes = out.size()};
    door.enter(door, invocation);
    return {.good = invocation.error == 0 && invocation.consumed <= in.size() &&
                    invocation.produced <= out.size(),
            .consumed = static_cast<std::size_t>(invocation.consumed),
            .produced = static_cast<std::size_t>(invocation.produced)};
}

int serve(const Door& door, ModuleEnd& end, KeptArea& kept, std::uint32_t spin_us) {
    AdaptiveSpin spin({.longest = spin_us * ticks_per_us(),
                       .crowded = crowded_us * ticks_per_us(),
                       .rest = rest_us * ticks_per_us()});
    Clock clock;
    Outgoing outgoing(door, end, kept);
    for (;;) {
        const std::optional<ByteView> in = end.readable();
        std::optional<Bytes> out = end.writable();
        if (in && out && !in->empty() && clock.is_due(end)) {
            if (const int failed = clock.tell(outgoing, *out).failed) {
                return failed;
            }
            out = end.writable();
        }
        if (!in || !out) {
            return exit_corrupt_rings;
        }
        const Turn turn = turn_of(outgoing, end, *in, *out);
        if (turn.failed != 0) {
            return turn.failed;
        }
        if (turn.worked()) {
            spin.worked(ticks());
        } else if (!look(end, spin)) {
            // What is left is a cut frame, or there was too little room for its answer.
            const bool wants_room = !in->empty() || outgoing.is_due();
            const bool waits = outgoing.holds() && !outgoing.is_due();
            end.sleep(wanted_data | (wants_room ? wanted_room : 0U),
                      waits ? outgoing.wait_us() : 0);
        }
    }
}

} // namespace authex::tee::process
