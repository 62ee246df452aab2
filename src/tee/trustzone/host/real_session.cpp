#include <algorithm>
#include <cstdio>

#include <sys/mman.h>

#include "runtime/runtime.hpp"
#include "tee/trustzone/host/session.hpp"
#include "tee/trustzone/port/commands.hpp"

namespace authex::tee::trustzone {
namespace {

/// The most that one invocation is given, since the TEE maps all of it: holds the largest frame;
/// more is left for the next one.
constexpr std::size_t in_bytes = std::size_t{128} << 10U;
constexpr std::size_t out_bytes = std::size_t{256} << 10U;
static_assert(in_bytes >= wire::max_frame_bytes && out_bytes >= runtime::output_min_bytes);

struct Real {
    TeeClient* client = nullptr;
    std::uint32_t session = 0;
    SharedMemory rings; ///< else these:
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
     "OP-TEE does not take the TA (TEE_ERROR_SECURITY): another key has signed it, its file is "
     "damaged or is another module's, or OP-TEE's own secure storage, where it looks up versions, "
     "was damaged or put back",
     "sign it with the key that OP-TEE was built with: `signing` in the descriptor; where that is "
     "so, OP-TEE's console says which check fails, and what tee-supplicant keeps (/var/lib/tee, "
     "/data/tee) has to be the device's own"},
    {0xFFFF0003,
     "image-rollback",
     "OP-TEE had a newer version of the TA (TEE_ERROR_ACCESS_CONFLICT)",
     "raise `enclave: { svn }` of the module to that version or a newer one"},
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

/// Points a parameter at a place in the rings. @return false: it is none
bool point(Parameter& parameter, std::uint64_t address) {
    const auto begin = reinterpret_cast<std::uintptr_t>(real.rings.bytes.data());
    const std::size_t size = real.rings.bytes.size();
    parameter.memory = real.rings.id;
    parameter.offset = address - begin;
    return address >= begin && parameter.offset <= size &&
           parameter.bytes <= size - parameter.offset;
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
    Parameters parameters = {
        Parameter{.kind = Kind::memory_input, .bytes = given, .memory = real.in.id},
        Parameter{.kind = Kind::memory_output, .bytes = room, .memory = real.out.id},
        Parameter{.kind = Kind::value_output},
        Parameter{}};
    if (!shares_rings()) {
        copy(memory(invocation.in, given), real.in.bytes);
    } else if (!point(parameters[0], invocation.in) || !point(parameters[1], invocation.out)) {
        invocation.error = client_failed;
        return;
    }
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
    if (!shares_rings()) {
        copy(real.out.bytes.first(static_cast<std::size_t>(produced)),
             memory(invocation.out, static_cast<std::size_t>(produced)));
    }
    invocation.consumed = consumed;
    invocation.produced = produced;
}

/// The kernel pins pages that are writable alone; to this process the in ring is read-only but for
/// that moment.
SharedMemory share_rings(TeeClient& client, const process::SharedArea& area) {
    const process::RingMemory in = area.in_ring();
    const Bytes rings(in.base, area.rings().size());
    const Bytes in_ring = rings.first(rings.size() / 2);
    if (::mprotect(in_ring.data(), in_ring.size(), PROT_READ | PROT_WRITE) != 0) {
        return {};
    }
    const SharedMemory shared = client.register_memory(rings);
    return ::mprotect(in_ring.data(), in_ring.size(), PROT_READ) == 0 ? shared : SharedMemory{};
}

} // namespace

std::uint32_t open_real(TeeClient& client, const Uuid& ta, const process::SharedArea& area) {
    real = {
        .client = &client, .session = 0, .rings = share_rings(client, area), .in = {}, .out = {}};
    if (!shares_rings()) {
        real.in = client.share(in_bytes);
        real.out = client.share(out_bytes);
        if (real.in.id < 0 || real.out.id < 0) {
            return client_failed;
        }
    }
    return client.open(ta, real.session);
}

bool shares_rings() {
    return real.rings.id >= 0;
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
