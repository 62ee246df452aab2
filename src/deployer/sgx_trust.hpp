#pragma once
// What a descriptor says about believing in enclaves of SGX, for their verifier.

#include "descriptor/model.hpp"
#include "tee/sgx/verifier.hpp"

namespace authex::deployer {

/// Paths are made to start where the descriptor lies.
[[nodiscard]] tee::sgx::Trust sgx_trust(const descriptor::Descriptor& descriptor);

} // namespace authex::deployer
