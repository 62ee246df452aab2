#include "tee/trustzone/simulator/memory.hpp"

#include <algorithm>
#include <cstring>

#include <sys/mman.h>

#include "tee/trustzone/simulator/gate.hpp"

namespace authex::tee::trustzone {
namespace {

constexpr std::size_t guard_bytes = std::size_t{1} << 20U; ///< around all, nothing
/// Nothing can be mapped once the process is confined. The end of each part stays empty, so that no
/// two are one memory.
constexpr std::size_t zeros_part_bytes = std::size_t{64} << 10U;
alignas(page_bytes) std::array<std::array<std::uint8_t, zeros_part_bytes>, 4> zeros;
#if defined(__aarch64__)
constexpr std::uint32_t svc = 0xD4000001; ///< SVC #0 (Arm ARM, C6.2)
#endif

std::uint64_t page_end(std::uint64_t address) {
    return (address + page_bytes - 1) / page_bytes * page_bytes;
}

std::uint8_t* pointer(std::uint64_t address) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an ELF file says addresses as numbers
    return reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(address));
}

bool protect(std::uint64_t begin, std::uint64_t bytes, int rights) {
    return ::mprotect(pointer(begin), static_cast<std::size_t>(bytes), rights) == 0;
}

int rights_of(const TaSegment& segment) {
    return PROT_READ | (segment.writable ? PROT_WRITE : 0) | (segment.executable ? PROT_EXEC : 0);
}

/// On AArch64, Linux would take the TA's system calls for its own.
void trap_system_calls([[maybe_unused]] std::uint8_t* code, [[maybe_unused]] std::uint64_t bytes) {
#if defined(__aarch64__)
    for (std::uint64_t at = 0; at + sizeof svc <= bytes; at += sizeof svc) {
        if (std::memcmp(code + at, &svc, sizeof svc) == 0) {
            std::memcpy(code + at, &system_call_trap, sizeof system_call_trap);
        }
    }
    __builtin___clear_cache(reinterpret_cast<char*>(code), reinterpret_cast<char*>(code + bytes));
#endif
}

} // namespace

const char* TaMemory::place(ByteView elf, const TaPlan& plan) {
    if (plan.has_sections) {
        return "may have relocations, which only OP-TEE applies";
    }
    const std::uint64_t stack_bytes = page_end(plan.head.stack_bytes);
    const std::uint64_t all = guard_bytes + page_bytes + guard_bytes + plan.bytes + guard_bytes +
                              stack_bytes + guard_bytes;
    void* const reserved = ::mmap(nullptr,
                                  static_cast<std::size_t>(all),
                                  PROT_NONE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                                  -1,
                                  0);
    if (reserved == MAP_FAILED) {
        return "no memory";
    }
    if (!reserved_.empty()) {
        ::munmap(reserved_.data(), reserved_.size());
    }
    reserved_ = {static_cast<std::uint8_t*>(reserved), static_cast<std::size_t>(all)};
    area_count_ = 0;
    zeros_ = {};
    wipe({zeros[0].data(), sizeof zeros});
    const std::uint64_t headers = reinterpret_cast<std::uintptr_t>(reserved) + guard_bytes;
    base_ = headers + page_bytes + guard_bytes;
    entry_ = plan.entry;
    const std::uint64_t stack = base_ + plan.bytes + guard_bytes;
    stack_end_ = stack + stack_bytes;
    if (!protect(headers, page_bytes, PROT_READ | PROT_WRITE) ||
        !protect(stack, stack_bytes, PROT_READ | PROT_WRITE)) {
        return "no memory";
    }
    copy(elf.first(page_bytes), {pointer(headers), page_bytes});
    remember({headers, headers + page_bytes, false});
    remember({stack, stack_end_, true});
    for (const TaSegment& segment : plan.all()) {
        const std::uint64_t begin = base_ + segment.address / page_bytes * page_bytes;
        const std::uint64_t end = page_end(base_ + segment.address + segment.memory_bytes);
        if (!protect(begin, end - begin, PROT_READ | PROT_WRITE)) {
            return "no memory";
        }
        std::memcpy(pointer(base_ + segment.address),
                    elf.data() + static_cast<std::size_t>(segment.offset),
                    static_cast<std::size_t>(segment.file_bytes));
        remember({begin, end, segment.writable});
    }
    std::array<ReadOnly, ta_segments_max + 2> regions{};
    std::size_t count = 0;
    for (const Area& area : std::span(areas_).first(area_count_)) {
        if (!area.writable) {
            regions[count++] = {pointer(area.begin),
                                static_cast<std::size_t>(area.end - area.begin)};
        }
    }
    hash_ = hash_regions(std::span(regions).first(count));
    bool ready = protect(headers, page_bytes, PROT_READ);
    for (const TaSegment& segment : plan.all()) {
        const std::uint64_t begin = base_ + segment.address;
        if (segment.executable) {
            trap_system_calls(pointer(begin), segment.file_bytes);
        }
        ready = ready &&
                protect(begin / page_bytes * page_bytes,
                        page_end(begin + segment.memory_bytes) - begin / page_bytes * page_bytes,
                        rights_of(segment));
    }
    return ready ? nullptr : "no memory";
}

bool TaMemory::allows(std::uint64_t address, std::uint64_t bytes, Access access) const {
    const auto holds = [&](const Area& area) {
        return address >= area.begin && address < area.end && bytes <= area.end - address &&
               (access == Access::read || area.writable);
    };
    return bytes == 0 ||
           std::any_of(
               areas_.begin(), areas_.begin() + static_cast<std::ptrdiff_t>(area_count_), holds) ||
           std::any_of(zeros_.begin(), zeros_.end(), holds);
}

std::uint64_t TaMemory::map_zeros(std::uint64_t bytes) {
    for (std::size_t i = 0; i < zeros_.size(); ++i) {
        if (zeros_[i].end == 0 && bytes <= zeros_part_bytes - page_bytes) {
            const std::uint64_t begin = reinterpret_cast<std::uintptr_t>(zeros[i].data());
            zeros_[i] = {begin, page_end(begin + bytes), true};
            return begin;
        }
    }
    return 0;
}

bool TaMemory::unmap_zeros(std::uint64_t address, std::uint64_t bytes) {
    for (std::size_t i = 0; i < zeros_.size(); ++i) {
        if (zeros_[i].end != 0 && zeros_[i].begin == address &&
            zeros_[i].end == page_end(address + bytes)) {
            zeros_[i] = {};
            wipe(zeros[i]);
            return true;
        }
    }
    return false;
}

MemoryHash TaMemory::hash() const {
    return hash_;
}

} // namespace authex::tee::trustzone
