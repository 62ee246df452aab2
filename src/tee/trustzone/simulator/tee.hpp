#pragma once
// A small TEE of GlobalPlatform on Linux, for one instance of one TA: what OP-TEE's core does for
// it and asks of the normal world. It protects nothing: it is a process like any other.

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "tee/trustzone/image/ta_elf.hpp"
#include "tee/trustzone/port/optee/abi.hpp"
#include "tee/trustzone/simulator/device_key.hpp"

namespace authex::tee::trustzone {

/// Exit status of a process whose TA has panicked.
constexpr int exit_ta_panicked = 73;

/// What the TEE of a simulated machine knows besides the TA.
struct Machinery {
    DeviceKey device_key;
    std::array<std::uint8_t, 32> entropy{}; ///< for all random numbers that it gives
    int storage = -1; ///< descriptor of the file of the TA's persistent objects; < 0: has none
};

/// Puts the TA there, in place of one that was there. One at a time in a process.
/// @return why not; null: it may be entered
[[nodiscard]] const char* start_tee(ByteView elf, const TaPlan& plan, const Machinery& machinery);

constexpr std::size_t shared_max = optee::params_max;
/// What the normal world shares from now on: each parameter lies inside of one of them, all else is
/// refused. @param memories at most shared_max
void share(std::span<const ByteView> memories);

/// What a client asks: opens, invokes, closes; parameters as the client sees them, with addresses
/// of shared memory. What comes back is as bounded as the TEE makes it: sizes of memory that is
/// given out, values. @return the TEE's or the TA's result
std::uint32_t open_session(std::uint64_t session, optee::Params& params);
std::uint32_t invoke_command(std::uint64_t session, std::uint32_t command, optee::Params& params);
std::uint32_t close_session(std::uint64_t session);

/// Asks the TA to give up what it does. (GP TEE Client API 1.0, §4.5.10) From any thread; it counts
/// for the operation that runs.
void request_cancellation();

/// System calls that the TA has made since the start, but its leaving.
[[nodiscard]] std::uint64_t system_calls();

} // namespace authex::tee::trustzone
