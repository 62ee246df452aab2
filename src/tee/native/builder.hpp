#pragma once
// Native images: static programs at a fixed place in memory.

#include <memory>

#include "tee/compile/image_builder.hpp"

namespace authex::tee::native {

std::unique_ptr<Builder> make_builder(compile::BuilderPaths paths);

} // namespace authex::tee::native
