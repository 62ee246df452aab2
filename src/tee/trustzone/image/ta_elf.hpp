#pragma once
// The ELF file of a trusted application: what OP-TEE's loader takes of it, where it goes in memory,
// what the attestation PTA measures of it, and how one is made of a linked program. (OP-TEE
// OS 4.10, `ldelf/ta_elf.c`, `core/pta/attestation.c`)

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "tee/trustzone/port/optee/abi.hpp"

namespace authex::tee::trustzone {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::size_t ta_bytes_max = std::size_t{16} << 20U;      ///< of the file
constexpr std::uint64_t ta_memory_max = std::uint64_t{64} << 20U; ///< loaded
constexpr std::size_t ta_segments_max = 8;

/// ELF's numbers.
enum class Machine : std::uint16_t { x86_64 = 62, aarch64 = 183 };

struct TaSegment {
    std::uint64_t address = 0; ///< from the image's begin
    std::uint64_t memory_bytes = 0;
    std::uint64_t offset = 0; ///< in the file
    std::uint64_t file_bytes = 0;
    bool writable = false;
    bool executable = false;
};

struct TaPlan {
    const char* refusal = nullptr; ///< not null: why nothing may be done with it
    Machine machine = Machine::aarch64;
    std::array<TaSegment, ta_segments_max> segments{};
    std::size_t segment_count = 0;
    std::uint64_t entry = 0; ///< from the image's begin
    std::uint64_t bytes = 0; ///< of memory, whole pages
    optee::TaHead head{};
    bool has_sections = false; ///< the loader looks for relocations in them

    [[nodiscard]] std::span<const TaSegment> all() const {
        return std::span(segments).first(segment_count);
    }
};

/// Refuses what OP-TEE's loader refuses, or takes only as something else: any bytes may be given.
TaPlan plan_ta(ByteView elf);

using MemoryHash = std::array<std::uint8_t, 32>;

/// A part of memory that the TA cannot write. Zeros stand behind `content` up to whole pages.
using ReadOnly = ByteView;
/// What HASH_TA_MEMORY makes of all such parts: SHA-256, smaller ones first, equal ones in the
/// order of their bytes. @pre at most ta_segments_max + 1
MemoryHash hash_regions(std::span<ReadOnly> regions);
/// Of a file, as the PTA of any OP-TEE will say once it is loaded: the page of the headers, and the
/// segments that are not writable. @pre plan_ta() does not refuse it
MemoryHash memory_hash(ByteView elf, const TaPlan& plan);

} // namespace authex::tee::trustzone
