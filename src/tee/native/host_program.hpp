#pragma once
// Where the program is that runs native images.

#include <filesystem>

namespace authex::tee::native {

/// AUTHEX_HOST_PROGRAM, else ../lib/authex/authex-host or authex-host beside this program. It need
/// not be there.
std::filesystem::path find_host();

} // namespace authex::tee::native
