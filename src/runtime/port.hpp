#pragma once
// What a TEE's port/ gives to the runtime. One implementation a TEE: src/tee/<tee>/port/.

#include <authex/abi.h>

#include <span>

#include "base/bytes.hpp"

namespace authex::runtime {

/// The endpoints that the linker gathered, and the module's own memory, which no buffer of the
/// caller may touch.
struct ImageLayout {
    std::span<const authex_endpoint> endpoints;
    /// X25519 public keys, 32 bytes each: the owner's, and the recovery key where there is one.
    /// Compiled in and hence measured.
    ByteView owner_keys;
    std::uint64_t begin = 0; ///< address of the first byte of the image in memory
    std::uint64_t end = 0;
};

namespace port {
/// From the linker's symbols and the builder's definitions.
[[nodiscard]] ImageLayout layout();
} // namespace port

} // namespace authex::runtime
