#include "tee/process/shared_area.hpp"

#include <bit>
#include <cerrno>
#include <fcntl.h>
#include <new>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

namespace authex::tee::process {
namespace {

constexpr std::size_t pages_bytes = 2 * page_bytes;

constexpr std::size_t area_file_bytes(std::size_t ring_bytes) {
    return pages_bytes + 2 * ring_bytes;
}

/// Each ring stands twice in memory.
constexpr std::size_t mapping_bytes(std::size_t ring_bytes) {
    return pages_bytes + 4 * ring_bytes;
}

bool valid_ring_bytes(std::uint64_t bytes) {
    return std::has_single_bit(bytes) && bytes >= ring_bytes_min && bytes <= ring_bytes_max;
}

/// The file's own statement of its rings' size, believed only where its length agrees. @return 0:
/// it is no such area
std::size_t stated_ring_bytes(int file) {
    std::array<std::uint64_t, 2> header{};
    struct stat status {};
    if (::pread(file, header.data(), sizeof header, 0) != static_cast<ssize_t>(sizeof header) ||
        ::fstat(file, &status) != 0 || header[0] != shared_area_magic ||
        !valid_ring_bytes(header[1]) || !S_ISREG(status.st_mode) ||
        static_cast<std::uint64_t>(status.st_size) != area_file_bytes(header[1])) {
        return 0;
    }
    return static_cast<std::size_t>(header[1]);
}

/// Puts `bytes` of the file at `offset` over a part of the reservation.
bool place(std::uint8_t* at, std::size_t bytes, int protection, int file, std::size_t offset) {
    return ::mmap(
               at, bytes, protection, MAP_SHARED | MAP_FIXED, file, static_cast<off_t>(offset)) !=
           MAP_FAILED;
}

} // namespace

bool SharedArea::lay_out(int file, std::size_t ring_bytes) {
    if (!valid_ring_bytes(ring_bytes)) {
        errno = EINVAL;
        return false;
    }
    const int error = ::posix_fallocate(file, 0, static_cast<off_t>(area_file_bytes(ring_bytes)));
    if (error != 0) {
        errno = error;
        return false;
    }
    const std::array<std::uint64_t, 2> header{shared_area_magic, ring_bytes};
    return ::pwrite(file, header.data(), sizeof header, 0) == static_cast<ssize_t>(sizeof header);
}

SharedArea SharedArea::map(int file, End end) {
    SharedArea area;
    const std::size_t ring = stated_ring_bytes(file);
    if (ring == 0) {
        errno = EPROTO;
        return area;
    }
    void* reserved = ::mmap(nullptr,
                            mapping_bytes(ring),
                            PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                            -1,
                            0);
    if (reserved == MAP_FAILED) {
        return area;
    }
    auto* const base = static_cast<std::uint8_t*>(reserved);
    constexpr int both = PROT_READ | PROT_WRITE;
    const int managers = end == End::manager ? both : PROT_READ;
    std::uint8_t* const rings = base + pages_bytes;
    if (place(base, page_bytes, managers, file, 0) &&
        place(base + page_bytes, page_bytes, both, file, page_bytes) &&
        place(rings, ring, managers, file, pages_bytes) &&
        place(rings + ring, ring, managers, file, pages_bytes) &&
        place(rings + 2 * ring, ring, both, file, pages_bytes + ring) &&
        place(rings + 3 * ring, ring, both, file, pages_bytes + ring)) {
        area.base_ = base;
        area.ring_bytes_ = ring;
    } else {
        const int error = errno;
        ::munmap(reserved, mapping_bytes(ring));
        errno = error;
    }
    return area;
}

SharedArea::SharedArea(SharedArea&& other) noexcept
    : base_(other.base_), ring_bytes_(other.ring_bytes_) {
    other.base_ = nullptr;
}

SharedArea& SharedArea::operator=(SharedArea&& other) noexcept {
    if (this != &other) {
        this->~SharedArea();
        base_ = other.base_;
        ring_bytes_ = other.ring_bytes_;
        other.base_ = nullptr;
    }
    return *this;
}

SharedArea::~SharedArea() {
    if (base_ != nullptr) {
        ::munmap(base_, mapping_bytes(ring_bytes_));
    }
}

ManagerPage& SharedArea::manager_page() const {
    return *std::launder(reinterpret_cast<ManagerPage*>(base_));
}

ModulePage& SharedArea::module_page() const {
    return *std::launder(reinterpret_cast<ModulePage*>(base_ + page_bytes));
}

RingMemory SharedArea::in_ring() const {
    return {.base = base_ + pages_bytes, .bytes = ring_bytes_};
}

RingMemory SharedArea::out_ring() const {
    return {.base = base_ + pages_bytes + 2 * ring_bytes_, .bytes = ring_bytes_};
}

ByteView SharedArea::rings() const {
    return {base_ + pages_bytes, 4 * ring_bytes_};
}

} // namespace authex::tee::process
