#pragma once
// Why there is no enclave.

namespace authex::tee::sgx {

/// No code: nothing is wrong.
struct Refusal {
    const char* code = nullptr;
    const char* reason = nullptr;
};

} // namespace authex::tee::sgx
