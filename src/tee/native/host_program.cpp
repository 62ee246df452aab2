#include "tee/native/host_program.hpp"

#include <cstdlib>

namespace authex::tee::native {

namespace fs = std::filesystem;

fs::path find_host() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody writes it
    const char* named = std::getenv("AUTHEX_HOST_PROGRAM");
    if (named != nullptr && *named != '\0') {
        return named;
    }
    std::error_code error;
    const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
    const fs::path installed = folder.parent_path() / "lib/authex/authex-host";
    return fs::exists(installed, error) ? installed : folder / "authex-host";
}

} // namespace authex::tee::native
