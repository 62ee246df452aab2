#pragma once
// An enclave in this process, made of an image file.

#include "base/bytes.hpp"
#include "tee/native/host/serve.hpp"
#include "tee/sgx/simulator/report_key.hpp"

namespace authex::tee::sgx {

/// Exit status of a host whose enclave ended in an exception.
constexpr int exit_enclave_exception = 72;

/// What is wrong with an image file; null: nothing. Everything that the processor would check
/// before the first EENTER is checked.
struct Refusal {
    const char* code = nullptr;
    const char* reason = nullptr;
};

/// Puts the enclave into memory and simulates the processor for it. Once in a process.
/// @param file borrowed until it returns
[[nodiscard]] Refusal make_simulated(ByteView file, const CpuKey& key);

/// The way into the enclave that was made. An exception inside ends the process with
/// exit_enclave_exception.
[[nodiscard]] native::Door door_of_enclave();

} // namespace authex::tee::sgx
