// The least that a port for a microcontroller adds to the runtime: its one instance and two calls.
#include "runtime/port.hpp"
#include "runtime/runtime.hpp"

extern "C" {
extern const authex_endpoint __start_authex_endpoints[];
extern const authex_endpoint __stop_authex_endpoints[];
}

namespace {
constinit authex::runtime::Runtime runtime;
} // namespace

extern "C" void start(const std::uint8_t* control_key) {
    runtime.start({__start_authex_endpoints, __stop_authex_endpoints}, {}, {control_key, 16});
}

extern "C" void enter(const std::uint8_t* in,
                      std::size_t in_bytes,
                      std::uint8_t* out,
                      std::size_t out_bytes,
                      authex::runtime::Progress* progress) {
    *progress = runtime.invoke({in, in_bytes}, {out, out_bytes});
}
