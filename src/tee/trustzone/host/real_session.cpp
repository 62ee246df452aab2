#include <algorithm>
#include <cstdio>

#include "runtime/runtime.hpp"
#include "tee/trustzone/host/session.hpp"
#include "tee/trustzone/port/commands.hpp"

namespace authex::tee::trustzone {
namespace {

/// Holds the largest frame; more is left for the next invocation.
constexpr std::size_t in_bytes = std::size_t{128} << 10U;
constexpr std::size_t out_bytes = std::size_t{256} << 10U;
static_assert(in_bytes >= wire::max_frame_bytes && out_bytes >= runtime::output_min_bytes);

struct Real {
    TeeClient* client = nullptr;
    std::uint32_t session = 0;
    SharedMemory in;
    SharedMemory out;
};
Real real;

/// What OP-TEE answers to an opening, and what it means. (GP TEE Internal Core API, table 3-1;
/// OP-TEE, `core/kernel/ree_fs_ta.c`)
struct Cause {
    std::uint32_t result;
    const char* code;
    const char* why;
    const char* remedy;
};
constexpr Cause causes[] = {
    {0xFFFF000F,
     "image-signature",
     "OP-TEE does not take the TA: another key has signed it, or it is damaged",
     "sign it with the key that OP-TEE was built with: `signing` in the descriptor"},
    {0xFFFF0003, "image-rollback", "OP-TEE had a newer version of the TA", "raise its version"},
    {0xFFFF0008,
     "tee-missing",
     "the TA is not where tee-supplicant looks for it",
     "say where it looks: --ta-folder"},
    {0xFFFF000C,
     "tee-full",
     "OP-TEE has no memory left for the TA",
     "load fewer modules there, or build OP-TEE with more memory for TAs"},
    {client_failed,
     "tee-failed",
     "the TEE's driver in the kernel, or tee-supplicant, fails",
     "see whether tee-supplicant runs, and what the kernel says"},
};

Bytes memory(std::uint64_t address, std::size_t bytes) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an invocation says its memory's address so
    return {reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(address)), bytes};
}

void enter(const process::Door& /*door*/, runtime::Invocation& invocation) {
    if (invocation.operation == runtime::Operation::start) {
        return; // the TA started with its session
    }
    using Kind = Parameter::Kind;
    const auto given =
        static_cast<std::size_t>(std::min<std::uint64_t>(invocation.in_bytes, in_bytes));
    const auto room =
        static_cast<std::size_t>(std::min<std::uint64_t>(invocation.out_bytes, out_bytes));
    copy(memory(invocation.in, given), real.in.bytes);
    Parameters parameters = {
        Parameter{.kind = Kind::memory_input, .bytes = given, .memory = real.in.id},
        Parameter{.kind = Kind::memory_output, .bytes = room, .memory = real.out.id},
        Parameter{.kind = Kind::value_output},
        Parameter{}};
    invocation.error = real.client->invoke(real.session, command_invoke, parameters);
    if (invocation.error != 0) {
        return;
    }
    const std::uint64_t consumed = parameters[2].offset;
    const std::uint64_t produced = parameters[2].bytes;
    if (consumed > given || produced > room) {
        invocation.error = client_failed; // no TA of ours says that
        return;
    }
    copy(real.out.bytes.first(static_cast<std::size_t>(produced)),
         memory(invocation.out, static_cast<std::size_t>(produced)));
    invocation.consumed = consumed;
    invocation.produced = produced;
}

} // namespace

std::uint32_t open_real(TeeClient& client, const Uuid& ta) {
    real = {.client = &client,
            .session = 0,
            .in = client.share(in_bytes),
            .out = client.share(out_bytes)};
    return real.in.id < 0 || real.out.id < 0 ? client_failed : client.open(ta, real.session);
}

Refusal refusal_of(std::uint32_t result) {
    Refusal refusal{.code = "image-malformed", .why = {}};
    (void)std::snprintf(refusal.why.data(),
                        refusal.why.size(),
                        "OP-TEE does not open the TA: %#x",
                        static_cast<unsigned>(result));
    for (const Cause& cause : causes) {
        if (cause.result == result) {
            refusal = {.code = cause.code, .why = {}};
            (void)std::snprintf(refusal.why.data(), refusal.why.size(), "%s", cause.why);
        }
    }
    return refusal;
}

const char* remedy_of(std::string_view code) {
    for (const Cause& cause : causes) {
        if (code == cause.code) {
            return cause.remedy;
        }
    }
    return code == "host-timeout" ? "see whether tee-supplicant runs; is the machine overloaded?"
                                  : "";
}

process::Door door_of_real() {
    return {.enter = enter};
}

} // namespace authex::tee::trustzone
