#include <algorithm>
#include <cstdio>
#include <cstring>

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

// GP TEE Internal Core API, table 3-1; rollback is ACCESS_CONFLICT. (OP-TEE,
// `core/kernel/ree_fs_ta.c`)
Refusal refusal_of(std::uint32_t result) {
    const auto refusal = [](const char* code, const char* why) {
        Refusal made{.code = code, .why = {}};
        std::strncpy(made.why.data(), why, made.why.size() - 1);
        return made;
    };
    switch (result) {
    case 0xFFFF000F:
        return refusal("image-signature",
                       "OP-TEE does not take the TA: another key has signed it, or it is damaged");
    case 0xFFFF0003:
        return refusal("image-rollback", "OP-TEE had a newer version of the TA");
    case 0xFFFF0008:
        return refusal("tee-missing", "the TA is not where tee-supplicant looks for it");
    case 0xFFFF000C:
        return refusal("tee-full", "OP-TEE has no memory left for the TA");
    case client_failed:
        return refusal("tee-missing", "the TEE's driver in the kernel, or tee-supplicant, fails");
    default:
        Refusal other{.code = "image-malformed", .why = {}};
        (void)std::snprintf(other.why.data(),
                            other.why.size(),
                            "OP-TEE does not open the TA: %#x",
                            static_cast<unsigned>(result));
        return other;
    }
}

process::Door door_of_real() {
    return {.enter = enter};
}

} // namespace authex::tee::trustzone
