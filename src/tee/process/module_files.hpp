#pragma once
// What goes wrong with the files of a module's folder.

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "base/diagnostic.hpp"

namespace authex::tee::process {

/// @param error as errno has it
inline tl::unexpected<Diagnostic> cannot_make(const std::filesystem::path& file, int error) {
    return failure(
        "module-files",
        fmt::format("cannot make {}: {}", file.string(), std::generic_category().message(error)),
        error == ENOSPC ? "free space on the disk of the state directory"
                        : "is the state directory writable?");
}

} // namespace authex::tee::process
