#include "tee/process/kept_copy.hpp"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "tee/process/descriptor.hpp"
#include "tee/process/kept_area.hpp"
#include "tee/process/link.hpp"
#include "tee/process/module_files.hpp"
#include "tee/process/sync_folders.hpp"

namespace authex::tee::process {
namespace {

/// Against a host that writes while it is read, which an honest one does not at that time.
constexpr int looks = 16;

namespace fs = std::filesystem;

fs::path set_aside(const fs::path& file) {
    return file.string() + ".damaged";
}

tl::unexpected<Diagnostic> damaged(const fs::path& file) {
    return failure(
        "kept-state",
        fmt::format("{} cannot be read: it is damaged", file.string()),
        "restore it from a copy, or give the state up: authex up --afresh, and the module's name");
}

bool set_durable(int file, bool durable) {
    const KeptArea area = KeptArea::map(file);
    if (!area.mapped()) {
        return false;
    }
    area.set_durable(durable);
    return !durable || ::fsync(file) == 0;
}

/// The file, and the folders of module, deployment and all modules.
bool sync_names(const fs::path& folder) {
    return sync_folders(folder, 4);
}

} // namespace

/// Made once: what lies there may be the only copy of a state.
Expected<bool> make_kept(const fs::path& directory, std::size_t frames_bytes, bool durable) {
    const fs::path path = directory / kept_file;
    const Descriptor there(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (const KeptArea area = there.open() ? KeptArea::map(there.get()) : KeptArea();
        area.mapped()) {
        area.set_durable(durable);
        return !durable || sync_names(directory) ? Expected<bool>(true) : cannot_make(path, errno);
    }
    const bool is_no_area = there.open() && errno == EPROTO;
    if (errno != ENOENT && (!is_no_area || ::rename(path.c_str(), set_aside(path).c_str()) != 0)) {
        return cannot_make(path, errno);
    }
    const fs::path part = path.string() + ".part";
    ::unlink(part.c_str());
    const Descriptor area(
        ::open(part.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!area.open() || !KeptArea::lay_out(area.get(), frames_bytes) ||
        !set_durable(area.get(), durable) || ::rename(part.c_str(), path.c_str()) != 0 ||
        (durable && !sync_names(directory))) {
        const int error = errno;
        ::unlink(part.c_str());
        return cannot_make(path, error);
    }
    return true;
}

Expected<KeptCopy> read_kept(const fs::path& directory) {
    const fs::path path = directory / kept_file;
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
            const bool lost = kept->number == 0 && fs::exists(set_aside(path));
            return lost ? damaged(set_aside(path)) : Expected<KeptCopy>(std::move(copied));
        }
    }
    return damaged(path);
}

} // namespace authex::tee::process
