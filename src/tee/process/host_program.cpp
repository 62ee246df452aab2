#include "tee/process/host_program.hpp"

#include <cstdlib>
#include <unistd.h>

#include <fmt/format.h>

namespace authex::tee::process {

namespace fs = std::filesystem;

fs::path find_host(const HostProgram& host) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody writes it
    const char* named = std::getenv(host.variable);
    if (named != nullptr && *named != '\0') {
        return named;
    }
    std::error_code error;
    const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
    const fs::path installed = folder.parent_path() / "lib/authex" / host.name;
    return fs::exists(installed, error) ? installed : folder / host.name;
}

Expected<fs::path> usable_host(fs::path given, const HostProgram& host) {
    std::error_code error;
    fs::path program = fs::absolute(given.empty() ? find_host(host) : given, error);
    if (::access(program.c_str(), X_OK) != 0) {
        return failure("host-missing",
                       fmt::format("cannot run {}", program.string()),
                       fmt::format("set {} to the program {}", host.variable, host.name));
    }
    return program;
}

} // namespace authex::tee::process
