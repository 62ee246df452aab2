#pragma once
// With what a module's process ends where something in it has failed.

namespace authex::tee::process {

/// Of an enclave that ended in an exception.
constexpr int exit_enclave_exception = 72;
/// The disk did not take the module's state: nothing of what it has done since went out.
constexpr int exit_state_not_kept = 73;

} // namespace authex::tee::process
