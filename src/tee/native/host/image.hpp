#pragma once
// A native image, checked field by field and put into memory.     (ELF-64 object file format 1.5;
// System V ABI, AMD64 supplement)

#include <array>
#include <cstdint>

#include "base/bytes.hpp"

namespace authex::tee::native {

constexpr std::uint64_t image_bytes_max = std::uint64_t{64} << 20U; ///< of the file
constexpr std::uint32_t stack_bytes_default = 256U << 10U; ///< of a module that asks for none
constexpr std::uint64_t image_memory_max = std::uint64_t{256} << 20U;
/// Where images may lie: the builder links them to the begin of it.
constexpr std::uint64_t image_window_begin = 0x10000000;
constexpr std::uint64_t image_window_end = 0x50000000;
constexpr std::size_t segments_max = 8;
constexpr std::size_t program_headers_max = 32;

struct Segment {
    std::uint64_t address = 0;
    std::uint64_t memory_bytes = 0;
    std::uint64_t offset = 0; ///< in the file
    std::uint64_t file_bytes = 0;
    bool writable = false;
    bool executable = false;
};

/// What to do with an image.
struct ImagePlan {
    const char* refusal = nullptr; ///< not null: why nothing may be done with it
    std::array<Segment, segments_max> segments{};
    std::size_t segment_count = 0;
    std::uint64_t entry = 0;
    std::uint64_t begin = 0; ///< page-aligned
    std::uint64_t end = 0;   ///< page-aligned, after the last byte
};

/// Accepts static, freestanding x86-64 programs at a fixed place: no interpreter, no relocations,
/// no thread-local storage, no segment that is writable and executable, segments in ascending order
/// that share no page, the entry in an executable one. Any bytes may be given.
ImagePlan plan_image(ByteView file);

/// Maps the image where the plan says, between guard pages, each segment with its own rights.
/// @return false: errno says why
bool place_image(ByteView file, const ImagePlan& plan);

} // namespace authex::tee::native
