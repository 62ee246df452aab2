#pragma once
// How loaders start modules in processes, and find them again.

#include <filesystem>
#include <memory>

#include "tee/loader.hpp"
#include "tee/process/link.hpp"
#include "tee/process/spawn.hpp"

namespace authex::tee::process {

/// A host for the module, whose first arguments are its name and the hash of its image.
[[nodiscard]] HostCommand host_for(const ModuleSpec& spec,
                                   std::filesystem::path program,
                                   const std::filesystem::path& directory,
                                   std::size_t ring_bytes);

/// @error already-running
[[nodiscard]] Expected<bool> check_not_running(const ModuleSpec& spec,
                                               const std::filesystem::path& directory);

/// A file for the host alone, in place of whatever has its name; mode 0600.
/// @error module-files
[[nodiscard]] Expected<bool>
write_for_host(const ModuleSpec& spec, const std::filesystem::path& file, ByteView content);

/// As spawn_host(); what is wrong names the module.
[[nodiscard]] Expected<bool> start_host(const ModuleSpec& spec, const HostCommand& command);

/// As ProcessLink::open(), of this image. @error image-mismatch
[[nodiscard]] Expected<std::unique_ptr<ModuleLink>> adopt(const ModuleSpec& spec,
                                                          const std::filesystem::path& directory);

/// @error image-mismatch, always
[[nodiscard]] tl::unexpected<Diagnostic> mismatch(const ModuleSpec& spec, const Sha256& found);

} // namespace authex::tee::process
