#pragma once
// Where the program is that runs the modules of a TEE.

#include <filesystem>

#include "base/diagnostic.hpp"

namespace authex::tee::process {

struct HostProgram {
    const char* variable; ///< of the environment, which names it
    const char* name;
};

/// What the variable names, else the program in ../lib/authex or beside this one. It need not be
/// there.
[[nodiscard]] std::filesystem::path find_host(const HostProgram& host);

/// @param given empty: find_host(). @return absolute @error host-missing: it cannot be run
[[nodiscard]] Expected<std::filesystem::path> usable_host(std::filesystem::path given,
                                                          const HostProgram& host);

} // namespace authex::tee::process
