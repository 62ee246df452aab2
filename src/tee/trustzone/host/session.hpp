#pragma once
// The session of this process: how invocations of the loop become commands to the TA.

#include "tee/process/host/serve.hpp"

namespace authex::tee::trustzone {

/// Into the simulated TEE of this process, which was started. @pre start_tee()
[[nodiscard]] process::Door door_of_simulation();

} // namespace authex::tee::trustzone
