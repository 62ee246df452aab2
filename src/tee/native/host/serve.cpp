#include "tee/native/host/serve.hpp"

#include <algorithm>
#include <sched.h>

#include "runtime/invocation.hpp"
#include "tee/process/adaptive_spin.hpp"

extern "C" void authex_host_call(void (*entry)(authex::runtime::Invocation*),
                                 authex::runtime::Invocation* invocation,
                                 void* stack_top);

namespace authex::tee::native {
namespace {

/// Frames given at once. What they cause is published together: small enough that the manager works
/// on it while the module takes the next, large enough that an entry costs nothing.
constexpr std::size_t batch_bytes = std::size_t{16} << 10U;
/// Looks between two yields of the processor.
constexpr std::uint32_t looks_per_yield = 16;
/// A yield that takes longer: others want the processor, and get it for so long.
constexpr std::uint64_t crowded_us = 50;
constexpr std::uint64_t rest_us = 1'000;
/// Of the time-stamp counter, more or less: it needs no system call, and nothing here needs to be
/// exact.
constexpr std::uint64_t ticks_per_us = 2500;

std::uint64_t ticks() {
    return __builtin_ia32_rdtsc();
}

template <typename T>
T* pointer(std::uint64_t address) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): so the image's plan and its invocation say them
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

template <typename T>
std::uint64_t address(T* memory) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(memory));
}

/// Looks for a while whether the manager did something. @return it did
bool look(const process::ModuleEnd& end, process::AdaptiveSpin& spin) {
    std::uint64_t now = ticks();
    while (spin.worthwhile(now)) {
        for (std::uint32_t i = 0; i < looks_per_yield; ++i) {
            if (end.changed()) {
                return true;
            }
            __builtin_ia32_pause();
        }
        const std::uint64_t before = ticks();
        ::sched_yield();
        now = ticks();
        spin.yielded(before, now);
    }
    return false;
}

/// What one invocation came to.
struct Turn {
    bool worked = false;
    int failed = 0; ///< exit status
};

Turn serve_once(const Door& door, process::ModuleEnd& end, ByteView in, Bytes out) {
    const Answer answer = invoke(door, in, out);
    if (!answer.good) {
        return {.failed = exit_refused_invocation};
    }
    end.commit(answer.produced);
    end.consume(answer.consumed);
    end.ring();
    return {.worked = answer.consumed != 0 || answer.produced != 0};
}

} // namespace

void call_image(const Door& door, runtime::Invocation& invocation) {
    authex_host_call(pointer<void(runtime::Invocation*)>(door.entry),
                     &invocation,
                     pointer<void>(door.stack_top));
}

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

int serve(const Door& door, process::ModuleEnd& end, std::uint32_t spin_us) {
    process::AdaptiveSpin spin({.longest = spin_us * ticks_per_us,
                                .crowded = crowded_us * ticks_per_us,
                                .rest = rest_us * ticks_per_us});
    for (;;) {
        const std::optional<ByteView> in = end.readable();
        const std::optional<Bytes> out = end.writable();
        if (!in || !out) {
            return exit_corrupt_rings;
        }
        Turn turn;
        if (!in->empty()) {
            turn = serve_once(door, end, in->first(std::min(in->size(), batch_bytes)), *out);
            // One frame may be larger than a batch.
            if (!turn.worked && turn.failed == 0 && in->size() > batch_bytes) {
                turn = serve_once(door, end, *in, *out);
            }
        }
        if (turn.failed != 0) {
            return turn.failed;
        }
        if (turn.worked) {
            spin.worked(ticks());
        } else if (!look(end, spin)) {
            // What is left is a cut frame, or there was too little room for its answer.
            end.sleep(process::wanted_data | (in->empty() ? 0U : process::wanted_room));
        }
    }
}

} // namespace authex::tee::native
