#pragma once
// The one contract between an enclave and what hosts it: invoke(frames in) -> frames out.   (DESIGN
// "The one idea")
//
// The structure lies in memory of the host; the enclave reads each field once and trusts none. On
// TEEs with a call instruction of their own (SGX, TrustZone, Sancus) the same fields travel in
// registers or parameters.

#include <cstdint>

namespace authex::runtime {

constexpr std::uint32_t invocation_version = 1;
constexpr std::uint32_t boot_entropy_bytes = 32;

enum class Operation : std::uint32_t {
    start = 1,  ///< once, first: shared_begin/shared_end fix the shared area, `entropy` feeds the
                ///< first generator. Where the TEE makes reports, `in` says for whom (port.hpp)
    invoke = 2, ///< handle the frames in [in, in+in_bytes), leave frames in [out, out+out_bytes)
};

struct Invocation {
    std::uint32_t version = invocation_version;
    Operation operation = Operation::invoke;
    std::uint64_t shared_begin = 0; ///< start: addresses; every later buffer must lie wholly inside
    std::uint64_t shared_end = 0;
    std::uint64_t in =
        0; ///< address of whole frames, one after another; a cut last frame is left for later
    std::uint64_t in_bytes = 0;
    std::uint64_t out = 0; ///< address of free room
    std::uint64_t out_bytes = 0;
    std::uint64_t consumed =
        0; ///< answer: bytes of `in` that were taken. Less than all: `out` was too full
    std::uint64_t produced = 0; ///< answer: bytes of `out` that hold frames now
    std::uint32_t error = 0;    ///< answer: an Error; not 0: nothing was consumed or produced
    std::uint32_t reserved = 0;
    std::uint8_t
        entropy[boot_entropy_bytes]{}; ///< start, where the TEE itself has no source of randomness
};

} // namespace authex::runtime
