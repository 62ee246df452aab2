#pragma once
// What a build of the runtime carries. A TEE with little memory leaves out what its modules do
// without: -DAUTHEX_WITH_…=0. Orders and frames for what is left out are refused, and the SDK's
// functions for it answer AUTHEX_UNSUPPORTED. Connections are always there.

#ifndef AUTHEX_WITH_NOISE
#define AUTHEX_WITH_NOISE 1
#endif
#ifndef AUTHEX_WITH_REQUESTS
#define AUTHEX_WITH_REQUESTS 1
#endif
#ifndef AUTHEX_WITH_TIMERS
#define AUTHEX_WITH_TIMERS 1
#endif
#ifndef AUTHEX_WITH_STREAMS
#define AUTHEX_WITH_STREAMS 1
#endif
// What a module has endpoints of, where its builder knows that. (tee/sancus/builder.cpp)
#ifndef AUTHEX_WITH_OUTPUTS
#define AUTHEX_WITH_OUTPUTS 1
#endif
#ifndef AUTHEX_WITH_INPUTS
#define AUTHEX_WITH_INPUTS 1
#endif
#ifndef AUTHEX_WITH_HANDLERS
#define AUTHEX_WITH_HANDLERS 1
#endif
#ifndef AUTHEX_WITH_ENTRIES
#define AUTHEX_WITH_ENTRIES 1
#endif
// Whether the linker's own list of the module's endpoints is used, where it is, and of
// AUTHEX_MAX_ENDPOINTS records, no fewer.
#ifndef AUTHEX_WITH_LINKED_ENDPOINTS
#define AUTHEX_WITH_LINKED_ENDPOINTS 0
#endif
// Of devices that the module owns; only where a port raises them.
#ifndef AUTHEX_WITH_INTERRUPTS
#define AUTHEX_WITH_INTERRUPTS 0
#endif
// What a TEE does itself, where it can: random numbers from inside, reports about the enclave that
// its own machine can check, and its vendor's rules for copying from and to memory of the host.
#ifndef AUTHEX_WITH_OWN_ENTROPY
#define AUTHEX_WITH_OWN_ENTROPY 0
#endif
#ifndef AUTHEX_WITH_REPORTS
#define AUTHEX_WITH_REPORTS 0
#endif
// Their size, and that of what says for whom they are, 0 where all are for anybody. SGX has REPORT
// and TARGETINFO. (Intel SDM vol. 3D)
#ifndef AUTHEX_REPORT_BYTES
#define AUTHEX_REPORT_BYTES 432
#endif
#ifndef AUTHEX_REPORT_TARGET_BYTES
#define AUTHEX_REPORT_TARGET_BYTES 512
#endif
#ifndef AUTHEX_WITH_HOST_MEMORY_RULES
#define AUTHEX_WITH_HOST_MEMORY_RULES 0
#endif
// Whether the owner key of index wire::delegate_index is taken. (docs/security.md "A delegate")
#ifndef AUTHEX_WITH_DELEGATE
#define AUTHEX_WITH_DELEGATE 0
#endif
// Whether the module's state outlives its process. (docs/state.md)
#ifndef AUTHEX_PERSISTS
#define AUTHEX_PERSISTS 0
#endif
// Every how many ms it is sealed, at most 10,000; 0: after each invocation.
#ifndef AUTHEX_PERSIST_EVERY_MS
#define AUTHEX_PERSIST_EVERY_MS 0
#endif
// AUTHEX_WITH_VALUES, configuration and secrets, stands in wire/control.hpp: it is the parser's
// too.

namespace authex::runtime {

constexpr bool with_noise =
    AUTHEX_WITH_NOISE != 0; ///< else the key is the TEE's own (crypto/hardware.hpp)
constexpr bool with_delegate = AUTHEX_WITH_DELEGATE != 0;
constexpr bool state_persists = AUTHEX_PERSISTS != 0;
constexpr unsigned persist_every_ms = AUTHEX_PERSIST_EVERY_MS;
constexpr bool with_requests = AUTHEX_WITH_REQUESTS != 0; ///< sending them
constexpr bool with_outputs = AUTHEX_WITH_OUTPUTS != 0;
constexpr bool with_inputs = AUTHEX_WITH_INPUTS != 0;
constexpr bool with_handlers = AUTHEX_WITH_HANDLERS != 0;
constexpr bool with_entries = AUTHEX_WITH_ENTRIES != 0;
/// Whether anything sealed but orders is for the module.
constexpr bool with_sealed = with_inputs || with_handlers || with_requests;
constexpr bool with_timers = AUTHEX_WITH_TIMERS != 0;
constexpr bool with_streams = AUTHEX_WITH_STREAMS != 0;
constexpr bool with_interrupts = AUTHEX_WITH_INTERRUPTS != 0;

/// Whether a function of the module may send while it looks at a frame.
constexpr bool sends_while_it_reads =
    with_requests || with_streams || with_timers || (with_outputs && (with_sealed || with_entries));

} // namespace authex::runtime
