#include "tee/process/kept_copy.hpp"

#include <cerrno>
#include <fcntl.h>

#include <fmt/format.h>

#include "tee/process/descriptor.hpp"
#include "tee/process/kept_area.hpp"
#include "tee/process/link.hpp"

namespace authex::tee::process {
namespace {

/// Against a host that writes while it is read, which an honest one does not at that time.
constexpr int looks = 16;

} // namespace

Expected<KeptCopy> read_kept(const std::filesystem::path& directory) {
    const std::filesystem::path path = directory / kept_file;
    const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!file.open() && errno == ENOENT) {
        return KeptCopy();
    }
    const KeptArea area = file.open() ? KeptArea::map(file.get()) : KeptArea();
    for (int look = 0; area.mapped() && look < looks; ++look) {
        const std::optional<Kept> kept = area.newest();
        if (!kept) {
            break;
        }
        KeptCopy copied{.state = {kept->state.begin(), kept->state.end()},
                        .frames = {kept->frames.begin(), kept->frames.end()}};
        if (area.is_newest(*kept)) {
            return copied;
        }
    }
    return failure("kept-state",
                   fmt::format("{} cannot be read: it is damaged", path.string()),
                   "restore it from a copy, or give the state up: authex up --afresh");
}

} // namespace authex::tee::process
