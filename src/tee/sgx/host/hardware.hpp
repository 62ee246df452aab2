#pragma once
// An enclave of the processor, by way of the kernel's driver.

#include "tee/sgx/host/driver.hpp"
#include "tee/sgx/host/refusal.hpp"
#include "tee/sgx/image/enclave.hpp"
#include "tee/sgx/image/sigstruct.hpp"

namespace authex::tee::sgx {

/// SECS as ECREATE takes it. (Intel SDM vol. 3D, table 34-1)
[[nodiscard]] Page secs_of(const EnclavePlan& plan, const Sigstruct& fields);

/// Makes the enclave and maps it. @param sigstruct as signed
[[nodiscard]] Refusal build_enclave(Driver& driver, const EnclavePlan& plan, ByteView sigstruct);

} // namespace authex::tee::sgx
