#pragma once
// Signatures: RSA of PKCS #1 v1.5 and PSS, ECDSA. (GP TEE Internal Core API 1.3.1, §6.7; RFC 8017;
// FIPS 186-5; RFC 6979)

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

/// (state, utee_attribute*, how many, digest, its bytes, signature, u64* its room)
std::uint32_t sign(Core& core, const Arguments& arguments);
/// (state, utee_attribute*, how many, digest, its bytes, signature, its bytes)
std::uint32_t verify(const Core& core, const Arguments& arguments);

} // namespace authex::tee::trustzone
