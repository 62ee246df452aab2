#pragma once
// A hostile normal world with a TEE that does what it says: enters the trusted application of this
// program with any parameters, and answers its system calls.

#include <csetjmp>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/bytes.hpp"
#include "tee/trustzone/port/optee/abi.hpp"

namespace authex::test {

/// The endpoints of the trusted application.
enum : std::uint16_t { echo, relay_in, relay_out };

class NormalWorld {
  public:
    using Params = tee::trustzone::optee::Params;

    /// What the TA leaves with; `panicked` if it does not.
    static std::uint32_t
    enter(std::uint64_t entry, std::uint64_t session, Params& params, std::uint64_t command);
    static std::uint32_t open(std::uint64_t session = 1) {
        Params none;
        return enter(0, session, none, 0);
    }
    static std::uint32_t close(std::uint64_t session = 1) {
        Params none;
        return enter(1, session, none, 0);
    }
    static std::uint32_t invoke(Params& params, std::uint64_t session = 1) {
        return enter(2, session, params, 1);
    }
    static Params frames(ByteView in, Bytes out) {
        return {.types = 0x265,
                .values = {reinterpret_cast<std::uintptr_t>(in.data()),
                           in.size(),
                           reinterpret_cast<std::uintptr_t>(out.data()),
                           out.size()}};
    }
    /// Memory that the TA takes for its own image.
    static Bytes image();

    // What the TEE does next.
    static inline bool panicked = false;
    static inline bool has_random = true;
    static inline std::uint32_t attestation = 0; ///< result of its calls
    static inline std::uint64_t calls = 0;       ///< but leaving
};

} // namespace authex::test
