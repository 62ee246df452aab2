#include "tee/process/kept_area.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "tee/process/shared_area.hpp"

namespace authex::tee::process {
namespace {

constexpr std::size_t count_at = 16;
constexpr std::size_t durable_at = 24;
constexpr std::size_t sizes_bytes = 8;
constexpr std::size_t slot_bytes_max = ring_bytes_max + page_bytes;

constexpr std::size_t file_bytes(std::size_t slot_bytes) {
    return page_bytes + 2 * slot_bytes;
}

/// As the file says, believed only where its length agrees. @return 0: it is no such area
std::size_t stated_slot_bytes(int file) {
    std::array<std::uint64_t, 2> header{};
    struct stat status {};
    if (::pread(file, header.data(), sizeof header, 0) != static_cast<ssize_t>(sizeof header) ||
        ::fstat(file, &status) != 0 || header[0] != kept_area_magic || header[1] < page_bytes ||
        header[1] > slot_bytes_max || header[1] % page_bytes != 0 || !S_ISREG(status.st_mode) ||
        static_cast<std::uint64_t>(status.st_size) != file_bytes(header[1])) {
        return 0;
    }
    return static_cast<std::size_t>(header[1]);
}

} // namespace

bool KeptArea::lay_out(int file, std::size_t frames_bytes) {
    const std::size_t slot_bytes =
        (frames_bytes + sizes_bytes + page_bytes - 1) / page_bytes * page_bytes;
    const int error = ::posix_fallocate(file, 0, static_cast<off_t>(file_bytes(slot_bytes)));
    if (error != 0) {
        errno = error;
        return false;
    }
    const std::array<std::uint64_t, 2> header{kept_area_magic, slot_bytes};
    return ::pwrite(file, header.data(), sizeof header, 0) == static_cast<ssize_t>(sizeof header);
}

KeptArea KeptArea::map(int file) {
    KeptArea area;
    const std::size_t slot_bytes = stated_slot_bytes(file);
    if (slot_bytes == 0) {
        errno = EPROTO;
        return area;
    }
    void* const base =
        ::mmap(nullptr, file_bytes(slot_bytes), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (base != MAP_FAILED) {
        area.base_ = static_cast<std::uint8_t*>(base);
        area.slot_bytes_ = slot_bytes;
        area.durable_ = area.base_[durable_at] != 0;
    }
    return area;
}

KeptArea::KeptArea(KeptArea&& other) noexcept
    : base_(other.base_), slot_bytes_(other.slot_bytes_), durable_(other.durable_) {
    other.base_ = nullptr;
}

KeptArea::~KeptArea() {
    if (base_ != nullptr) {
        ::munmap(base_, file_bytes(slot_bytes_));
    }
}

std::atomic<std::uint64_t>& KeptArea::count() const {
    return *std::launder(reinterpret_cast<std::atomic<std::uint64_t>*>(base_ + count_at));
}

Bytes KeptArea::slot(std::uint64_t number) const {
    return {base_ + page_bytes + (number % 2) * slot_bytes_, slot_bytes_};
}

void KeptArea::set_durable(bool durable) const {
    base_[durable_at] = durable ? 1 : 0;
}

/// @param bytes of whole pages
bool KeptArea::sync(Bytes bytes) const {
    return !durable_ || ::msync(bytes.data(), bytes.size(), MS_SYNC) == 0;
}

bool KeptArea::keep(ByteView frames, std::size_t state_bytes) {
    const std::uint64_t number = count().load(std::memory_order_relaxed) + 1;
    const Bytes into = slot(number);
    Writer(into)
        .u32(static_cast<std::uint32_t>(frames.size()))
        .u32(static_cast<std::uint32_t>(state_bytes))
        .bytes(frames);
    const std::size_t used = sizes_bytes + frames.size();
    if (!sync(into.first((used + page_bytes - 1) / page_bytes * page_bytes))) {
        return false;
    }
    count().store(number, std::memory_order_release);
    return sync({base_, page_bytes});
}

std::optional<Kept> KeptArea::newest() const {
    Kept kept{.number = count().load(std::memory_order_acquire)};
    if (kept.number == 0) {
        return kept;
    }
    Reader reader(slot(kept.number));
    const std::uint32_t bytes = reader.u32();
    const std::uint32_t state_bytes = reader.u32();
    const ByteView frames = reader.take(bytes);
    if (!reader.ok() || state_bytes > frames.size()) {
        return std::nullopt;
    }
    kept.frames = frames.first(frames.size() - state_bytes);
    kept.state = frames.subspan(kept.frames.size());
    return kept;
}

/// A writer fills the other slot first; it counts before it comes to this one.
bool KeptArea::is_newest(const Kept& kept) const {
    std::atomic_thread_fence(std::memory_order_acquire);
    return count().load(std::memory_order_relaxed) == kept.number;
}

} // namespace authex::tee::process
