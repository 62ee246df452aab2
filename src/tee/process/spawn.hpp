#pragma once
// Starts the host program of a module.

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::tee::process {

/// A host program's way to start: it says nothing on its standard output and closes it once the
/// module stands, or says `code: what is wrong` and ends. Its supervisor writes the process record.
struct HostCommand {
    std::filesystem::path program;
    std::vector<std::string> arguments; ///< without the program
    std::filesystem::path directory;    ///< the module's; becomes the working directory
    std::size_t ring_bytes = 0;
    bool keeps_state = false; ///< what the module seals is kept, and what was kept before is left
    bool durable = false;     ///< through power cuts, too
    std::chrono::milliseconds deadline{10'000};
};

/// Makes rings, doorbell and log anew in the directory, runs the host and waits until the module
/// stands. The host's first process is the module's supervisor, a child of this process;
/// ProcessLink::exit() reaps it. Where nothing was started, nothing is left. Thread-safe.
/// @error host-missing: the program cannot be run | module-files: a file cannot be made |
/// host-timeout | host-failed: it ended without a word | what the host says
Expected<bool> spawn_host(const HostCommand& command);

} // namespace authex::tee::process
