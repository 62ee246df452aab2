#pragma once
// What of a linked module is its state, and so goes over to the next instance.

#include "base/diagnostic.hpp"
#include "tee/sancus/image.hpp"
#include "tee/sancus/linked_elf.hpp"
#include "tee/state_layout.hpp"

namespace authex::tee::sancus {

/// @param elf  the module as it was linked; `image` is made of it
/// @error image-malformed
[[nodiscard]] Expected<StateLayout> state_of(const LinkedElf& elf, const SancusImage& image);

} // namespace authex::tee::sancus
