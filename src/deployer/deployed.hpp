#pragma once
// The application as it was deployed last, from the state directory alone.

#include <filesystem>
#include <memory>

#include "deployer/owned_application.hpp"

namespace authex::deployer {

/// The one that the options name, or `.authex` beside the descriptor.
[[nodiscard]] std::filesystem::path state_directory_of(const Options& options);

/// `options.descriptor` says in which folder the application is; the file need not be there. In a
/// delegate's folder nothing else is looked at.
/// @error nothing-deployed | of state and keys
Outcome<std::unique_ptr<OwnedApplication>> open_deployed(const Options& options);

} // namespace authex::deployer
