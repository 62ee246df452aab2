#pragma once
// Properties of client, TA and TEE, as a TA asks for them. (GP TEE Internal Core API 1.3, §4.7;
// OP-TEE OS 4.10, `core/tee/tee_svc.c`)

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

/// (set, index, name, u32* its room, value, u32* its room, u32* type); each pointer may be null.
std::uint32_t get_property(const Core& core, const Arguments& arguments);
/// (set, name, its bytes, u32* index)
std::uint32_t get_property_index(const Core& core, const Arguments& arguments);

} // namespace authex::tee::trustzone
