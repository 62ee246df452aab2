#pragma once
// Builds modules into signed SGX enclaves. An image's identity is its MRENCLAVE.

#include <memory>

#include "tee/builder.hpp"
#include "tee/compile/image_builder.hpp"

namespace authex::tee::sgx {

constexpr std::uint32_t stack_bytes_default = 64U << 10U;

std::unique_ptr<Builder> make_builder(compile::BuilderPaths paths);

} // namespace authex::tee::sgx
