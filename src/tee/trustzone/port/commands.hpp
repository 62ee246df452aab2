#pragma once
// What the normal world says to a module's trusted application. A session is a module's life: it is
// opened without parameters, and has an instance of its own.

#include <cstdint>

namespace authex::tee::trustzone {

/// Handles whole frames and leaves others.
///   0  memory, in     frames, one after another; a cut last one is left
///   1  memory, out    free room; its size becomes that of the frames in it
///   2  value, out     a: bytes of 0 that were taken; b: bytes of 1 that hold frames
constexpr std::uint32_t command_invoke = 1;
constexpr std::uint32_t invoke_types = 0x0265; ///< of its four parameters, as the TEE has them

/// The pseudo-TA that vouches for a TA, and what it is asked. (OP-TEE, `pta_attestation.h`)
constexpr std::uint32_t command_hash_ta_memory = 2;
constexpr std::uint32_t attestation_hash_bytes = 32;
constexpr std::uint32_t attestation_signature_bytes = 384; ///< RSA-3072

} // namespace authex::tee::trustzone
