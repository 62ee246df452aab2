// The SGX port: one thread, no calls out, random numbers and reports of the processor.
#include "runtime/port.hpp"

#include "runtime/door.hpp"
#include "runtime/runtime.hpp"

extern "C" {
extern const authex_endpoint __start_authex_endpoints[] __attribute__((weak, visibility("hidden")));
extern const authex_endpoint __stop_authex_endpoints[] __attribute__((weak, visibility("hidden")));
extern std::uint8_t __start_authex_state[] __attribute__((weak, visibility("hidden")));
extern std::uint8_t __stop_authex_state[] __attribute__((weak, visibility("hidden")));
extern const std::uint8_t __ehdr_start[] __attribute__((visibility("hidden")));
}

namespace authex::runtime {
namespace {

// AUTHEX_OWNER_KEYS is the list of their bytes, 32, 64 or 96, given by the builder.
constexpr std::uint8_t owner_keys[] = {AUTHEX_OWNER_KEYS};
static_assert(sizeof owner_keys % 32 == 0 && sizeof owner_keys <= 96);

/// No enclave is larger, and none begins elsewhere (image/enclave.hpp).
constexpr std::uint64_t enclave_bytes_max = std::uint64_t{256} << 20U;
/// Intel, "Digital Random Number Generator Software Implementation Guide", §5.2.1.
constexpr int rdrand_tries = 10;
constexpr std::uint32_t enclu_ereport = 0;

constinit Runtime runtime;
constinit Door door{runtime};

/// TARGETINFO and REPORT want 512 bytes of alignment, REPORTDATA 128. (Intel SDM vol. 3D, EREPORT)
alignas(512) constinit std::uint8_t target_info[port::target_bytes];
alignas(512) constinit std::uint8_t report_buffer[512];
alignas(128) constinit std::uint8_t report_data_buffer[64];

std::uint64_t random_word() {
    unsigned long long word = 0;
    for (int i = 0; i < rdrand_tries; ++i) {
        bool good = false;
        asm volatile("rdrand %0" : "=r"(word), "=@ccc"(good));
        if (good) {
            return word;
        }
    }
    __builtin_trap();
}

} // namespace

ImageLayout port::layout() {
    const auto begin = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(__ehdr_start));
    return {.endpoints = {__start_authex_endpoints, __stop_authex_endpoints},
            .owner_keys = owner_keys,
            .state = {__start_authex_state, __stop_authex_state},
            .begin = begin,
            .end = begin + enclave_bytes_max};
}

void port::draw(Bytes out) {
    Writer writer(out);
    while (writer.size() + sizeof(std::uint64_t) <= out.size()) {
        writer.u64(random_word());
    }
}

void port::set_target(ByteView target) {
    copy(target, target_info);
}

void port::report(ByteView report_data, Bytes out) {
    copy(report_data, report_data_buffer); // the other 32 bytes are zero
    asm volatile("enclu"
                 :
                 : "a"(enclu_ereport), "b"(target_info), "c"(report_data_buffer), "d"(report_buffer)
                 : "memory", "cc");
    copy(ByteView(report_buffer).first(report_bytes), out);
}

} // namespace authex::runtime

/// Called by entry.S with the host's invocation.
extern "C" void authex_door(authex::runtime::Invocation* invocation) {
    authex::runtime::door.enter(invocation);
}
