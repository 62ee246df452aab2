#pragma once
// Time, waiting and cancellation. (GP TEE Internal Core API 1.3, §7 and §4.10; OP-TEE OS 4.10,
// `core/tee/tee_svc.c`, `tee_time_generic.c`)

#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {

/// (category, TEE_Time*): of the system since its start; that of the TA, once it is set, until the
/// process ends; of the normal world.
std::uint32_t get_time(const Core& core, const Arguments& arguments);
/// (const TEE_Time*)
std::uint32_t set_ta_time(const Core& core, const Arguments& arguments);
/// (ms). Ends before if the client cancels and the TA lets it.
std::uint32_t wait(const Core& core, const Arguments& arguments);

/// (u32* flag)
std::uint32_t get_cancellation_flag(const Core& core, const Arguments& arguments);
/// (u32* old)
std::uint32_t mask_cancellation(Core& core, const Arguments& arguments, bool masked);
/// From any thread.
void request_cancellation(Core& core);

} // namespace authex::tee::trustzone
