#include "tee/process/sync_folders.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "tee/process/descriptor.hpp"

namespace authex::tee::process {

bool sync_folders(std::filesystem::path folder, int levels) {
    for (; levels > 0; --levels, folder = folder.parent_path()) {
        const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!opened.open() || ::fsync(opened.get()) != 0) {
            return false;
        }
    }
    return true;
}

} // namespace authex::tee::process
