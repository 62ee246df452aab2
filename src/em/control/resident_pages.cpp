#include "em/control/resident_pages.hpp"

#include <chrono>
#include <fstream>
#include <link.h>
#include <malloc.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/resource.h>

namespace authex::em {
namespace {

constexpr auto period = std::chrono::seconds(5);
/// Fewer are not worth the faults that bring them back: 1 MiB.
constexpr std::uint64_t pages_min = 256;
/// A process that used less than this in a period is idle.
constexpr std::uint64_t idle_us_max = 20'000;

/// Resident pages that have a file behind them; proc(5), /proc/self/statm, third field.
std::uint64_t file_pages() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    std::uint64_t shared = 0;
    statm >> size >> resident >> shared;
    return shared;
}

std::uint64_t processor_us() {
    rusage usage{};
    (void)::getrusage(RUSAGE_SELF, &usage);
    const auto microseconds = [](const timeval& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
               static_cast<std::uint64_t>(time.tv_usec);
    };
    return microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
}

int release_object(dl_phdr_info* object, std::size_t, void*) {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        const ElfW(Phdr)& part = object->dlpi_phdr[i];
        if (part.p_type == PT_LOAD && (part.p_flags & PF_W) == 0) {
            const std::uintptr_t begin = (object->dlpi_addr + part.p_vaddr) & ~(page - 1);
            const std::uintptr_t end = object->dlpi_addr + part.p_vaddr + part.p_memsz;
            // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader says addresses as numbers
            (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
        }
    }
    return 0;
}

} // namespace

void ResidentPages::start() {
    release();
    look_later();
}

void ResidentPages::release() {
    ::dl_iterate_phdr(release_object, nullptr);
    ::malloc_trim(0);
    pages_after_release_ = file_pages();
    processor_us_ = processor_us();
}

void ResidentPages::look_later() {
    timer_.expires_after(period);
    timer_.async_wait([this](const asio::error_code& cancelled) {
        if (cancelled) {
            return;
        }
        const std::uint64_t now = processor_us();
        const bool idle = now - processor_us_ < idle_us_max;
        processor_us_ = now;
        if (idle && file_pages() > pages_after_release_ + pages_min) {
            release();
        }
        look_later();
    });
}

} // namespace authex::em
