#pragma once
// An enclave in this process, made of an image file.

#include "base/bytes.hpp"
#include "tee/process/host/serve.hpp"
#include "tee/sgx/host/refusal.hpp"
#include "tee/sgx/simulator/report_key.hpp"

namespace authex::tee::sgx {

/// Puts the enclave into memory and simulates the processor for it, which checks what the hardware
/// would before the first EENTER. Once in a process. @param file borrowed until it returns
/// @param hidden its pages are out of reach while nobody is in it: finds stray accesses, and is
/// slow
[[nodiscard]] Refusal make_simulated(ByteView file, const CpuKey& key, bool hidden);

/// The same on the processor itself. @param device an open /dev/sgx_enclave
[[nodiscard]] Refusal make_on_hardware(ByteView file, int device);

/// The way into the enclave that was made. An exception inside ends the process with
/// process::exit_enclave_exception.
[[nodiscard]] process::Door door_of_enclave();

} // namespace authex::tee::sgx
