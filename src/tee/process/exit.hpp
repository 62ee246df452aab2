#pragma once
// With what a module's process ends where something in it has failed.

namespace authex::tee::process {

/// Of an enclave that ended in an exception.
constexpr int exit_enclave_exception = 72;

} // namespace authex::tee::process
