#pragma once
// The session of this process: how invocations of the loop become commands to the TA.

#include <array>
#include <string_view>

#include "tee/process/host/serve.hpp"
#include "tee/process/shared_area.hpp"
#include "tee/trustzone/client/client.hpp"

namespace authex::tee::trustzone {

/// Into the simulated TEE of this process, which was started. @pre start_tee()
[[nodiscard]] process::Door door_of_simulation();

/// Opens the session of a TA in a real TEE, and shares the rings with it. Where the TEE does not
/// take them, frames are copied into memory that it makes, and out of it. Once a process.
/// @param client, area borrowed for the life of the process
/// @return what the TEE says, 0: it is open
[[nodiscard]] std::uint32_t
open_real(TeeClient& client, const Uuid& ta, const process::SharedArea& area);
/// Whether the rings are shared. @pre open_real() was 0
[[nodiscard]] bool shares_rings();
/// Why OP-TEE did not open a session. @param result of open_real(), not 0
struct Refusal {
    const char* code;
    std::array<char, 256> why; ///< ends with a zero
};
[[nodiscard]] Refusal refusal_of(std::uint32_t result);
/// What to do about such a refusal, or about a host that did not answer in time. Empty: nobody
/// knows
[[nodiscard]] const char* remedy_of(std::string_view code);
/// Into that session; invocations point into the rings where those are shared.
/// @pre open_real() was 0
[[nodiscard]] process::Door door_of_real();

} // namespace authex::tee::trustzone
