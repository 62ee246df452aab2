#pragma once
// Builds modules into signed trusted applications of OP-TEE. An image's identity is the hash of its
// read-only memory, as the attestation PTA tells it.

#include <memory>

#include "tee/builder.hpp"
#include "tee/compile/image_builder.hpp"

namespace authex::tee::trustzone {

constexpr std::uint32_t stack_bytes_default = 32U << 10U;

std::unique_ptr<Builder> make_builder(compile::BuilderPaths paths);

} // namespace authex::tee::trustzone
