#pragma once
// Keys of random numbers. (GP TEE Internal Core API 1.3.1, §5.6.8)

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

/// (handle, bits, utee_attribute*, how many)
std::uint32_t generate_key(Core& core, const Arguments& arguments);

} // namespace authex::tee::trustzone
