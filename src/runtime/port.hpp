#pragma once
// What a TEE's port/ gives to the runtime. One implementation a TEE: src/tee/<tee>/port/.

#include <authex/abi.h>

#include <span>

#include "base/bytes.hpp"
#include "runtime/features.hpp"

namespace authex::runtime {

/// The endpoints that the linker gathered, and the module's own memory, which no buffer of the
/// caller may touch.
struct ImageLayout {
    std::span<const authex_endpoint> endpoints;
    /// X25519 public keys, 32 bytes each: the owner's, and the recovery key where there is one.
    /// Compiled in and hence measured.
    ByteView owner_keys;
    Bytes state;             ///< AUTHEX_STATE
    std::uint64_t begin = 0; ///< address of the first byte of the image in memory
    std::uint64_t end = 0;
};

namespace port {
/// From the linker's symbols and the builder's definitions.
[[nodiscard]] ImageLayout layout();

#if AUTHEX_WITH_OWN_ENTROPY
/// Random numbers of the processor. Does not return where it has none to give.
void draw(Bytes out);
#endif

#if AUTHEX_WITH_REPORTS
constexpr std::size_t report_bytes = AUTHEX_REPORT_BYTES;
/// A report on this enclave with these 32 bytes of report data. @pre out.size() == report_bytes
void report(ByteView report_data, Bytes out);
#if AUTHEX_REPORT_TARGET_BYTES != 0
constexpr std::size_t target_bytes = AUTHEX_REPORT_TARGET_BYTES;
/// Whom reports are for from now on, as the host says: the enclave that makes quotes of them.
/// @pre target.size() == target_bytes
void set_target(ByteView target);
#endif
#endif

#if AUTHEX_WITH_HOST_MEMORY_RULES
/// Each byte of `host` is read once. @pre the sizes are the same
void copy_in(ByteView host, Bytes own);
/// @pre the sizes are the same
void copy_out(ByteView own, Bytes host);
#endif
} // namespace port

} // namespace authex::runtime
