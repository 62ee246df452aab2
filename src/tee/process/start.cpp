#include "tee/process/start.hpp"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace authex::tee::process {
namespace {

std::string hex(const Sha256& hash) {
    return fmt::format("{:02x}", fmt::join(hash, ""));
}

} // namespace

HostCommand host_for(const ModuleSpec& spec,
                     std::filesystem::path program,
                     const std::filesystem::path& directory,
                     std::size_t ring_bytes) {
    return {.program = std::move(program),
            .arguments = {spec.name, hex(spec.image_sha256)},
            .directory = std::filesystem::absolute(directory),
            // A sealed state needs room beside all else that an invocation may leave.
            .ring_bytes = spec.keeps_state ? std::max(ring_bytes, ring_bytes_default) : ring_bytes,
            .keeps_state = spec.keeps_state,
            .durable = spec.durable};
}

Expected<bool> check_not_running(const ModuleSpec& spec, const std::filesystem::path& directory) {
    const auto earlier = ProcessLink::open(directory);
    return !earlier || (*earlier)->exit()
               ? Expected<bool>(true)
               : failure("already-running",
                         fmt::format("module `{}` runs already", spec.name),
                         "stop it first");
}

Expected<bool>
write_for_host(const ModuleSpec& spec, const std::filesystem::path& file, ByteView content) {
    ::unlink(file.c_str());
    const Descriptor opened(
        ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (opened.open() && ::write(opened.get(), content.data(), content.size()) ==
                             static_cast<ssize_t>(content.size())) {
        return true;
    }
    ::unlink(file.c_str()); // part of a secret is none that should stay
    return failure("module-files",
                   fmt::format("module `{}`: {} cannot be written", spec.name, file.string()),
                   "is the disk full?");
}

Expected<bool> start_host(const ModuleSpec& spec, const HostCommand& command) {
    Expected<bool> spawned = spawn_host(command);
    if (!spawned) {
        spawned.error().summary =
            fmt::format("module `{}`: {}", spec.name, spawned.error().summary);
    }
    return spawned;
}

Expected<std::unique_ptr<ModuleLink>> adopt(const ModuleSpec& spec,
                                            const std::filesystem::path& directory) {
    Expected<std::unique_ptr<ProcessLink>> link = ProcessLink::open(directory);
    if (!link) {
        return tl::make_unexpected(link.error());
    }
    if ((*link)->record().image != spec.image_sha256) {
        return mismatch(spec, (*link)->record().image);
    }
    return std::unique_ptr<ModuleLink>(std::move(*link));
}

tl::unexpected<Diagnostic> mismatch(const ModuleSpec& spec, const Sha256& found) {
    return failure(
        "image-mismatch",
        fmt::format(
            "module `{}`: the image is {}, not {}", spec.name, hex(found), hex(spec.image_sha256)),
        "load the module again");
}

} // namespace authex::tee::process
