#pragma once
// The loader of this node's TEE, as the command line asks for it.

#include <filesystem>
#include <memory>

#include "em/control/options.hpp"
#include "tee/loader.hpp"

namespace authex::em {

/// @param state the node's state directory. @error as the open() of the TEE's loader
Expected<std::unique_ptr<tee::Loader>> open_loader(const ProgramOptions& options,
                                                   const std::filesystem::path& state);

} // namespace authex::em
