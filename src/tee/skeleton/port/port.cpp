// The skeleton's port: an image in the manager's own process. Its door checks what it is given as
// every door does; the process around it may read and change it all the same.
#include "runtime/port.hpp"

#include "runtime/door.hpp"
#include "runtime/runtime.hpp"

extern "C" {
// The linker's: the endpoint records, and the begin and end of the image in memory.
extern const authex_endpoint __start_authex_endpoints[] __attribute__((weak, visibility("hidden")));
extern const authex_endpoint __stop_authex_endpoints[] __attribute__((weak, visibility("hidden")));
extern std::uint8_t __start_authex_state[] __attribute__((weak, visibility("hidden")));
extern std::uint8_t __stop_authex_state[] __attribute__((weak, visibility("hidden")));
extern const std::uint8_t __ehdr_start[] __attribute__((visibility("hidden")));
extern const std::uint8_t _end[] __attribute__((visibility("hidden")));
}

namespace authex::runtime {
namespace {

// AUTHEX_OWNER_KEYS is the list of their bytes, 32, 64 or 96, given by the builder.
constexpr std::uint8_t owner_keys[] = {AUTHEX_OWNER_KEYS};
static_assert(sizeof owner_keys % 32 == 0 && sizeof owner_keys <= 96);

std::uint64_t address(const void* pointer) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(pointer));
}

constinit Runtime runtime;
constinit Door door{runtime};

} // namespace

ImageLayout port::layout() {
    return {.endpoints = {__start_authex_endpoints, __stop_authex_endpoints},
            .owner_keys = owner_keys,
            .state = {__start_authex_state, __stop_authex_state},
            .begin = address(__ehdr_start),
            .end = address(_end)};
}

} // namespace authex::runtime

/// The only way in.
extern "C" __attribute__((visibility("default"))) void
authex_enter(authex::runtime::Invocation* invocation) {
    authex::runtime::door.enter(invocation);
}
