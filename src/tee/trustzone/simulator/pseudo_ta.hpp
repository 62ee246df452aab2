#pragma once
// The TAs of OP-TEE itself that a TA may call here: attestation and System.

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

/// (UUID, timeout, params, u32* session, u32* origin)
std::uint32_t open_pseudo_ta(const Core& core, const Arguments& arguments);
/// (session, timeout, command, params, u32* origin)
std::uint32_t invoke_pseudo_ta(Core& core, const Arguments& arguments);
/// (session)
std::uint32_t close_pseudo_ta(const Arguments& arguments);
/// As the TA's end does.
void close_all_pseudo_tas();

} // namespace authex::tee::trustzone
