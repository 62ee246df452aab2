#pragma once
// Skeleton images: shared objects that need nothing from outside.

#include <memory>

#include "tee/compile/image_builder.hpp"

namespace authex::tee::skeleton {

std::unique_ptr<Builder> make_builder(compile::BuilderPaths paths);

} // namespace authex::tee::skeleton
