#pragma once
// From a linked program to the pages of an enclave, and to what the processor measures of them.
//
//   base (of ELRANGE)   the program's segments, as they were linked, each with its own rights
//                       a page that is nobody's
//                       the stack
//                       a page that is nobody's
//                       TCS: the only door
//                       one state save area: a thread that was interrupted cannot be entered again
//
// Every page is measured, so that the host chooses the content of none.
//                                          (Intel SDM vol. 3D §34.1, tables 34-1, 34-5, 34-8; §38.3
//                                          ECREATE, EADD, EEXTEND)

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "tee/native/host/image.hpp"
#include "tee/sgx/report.hpp"

namespace authex::tee::sgx {

constexpr std::uint64_t page_bytes = 4096;
/// Where images are linked to, and hence ELRANGE begins: aligned to every size up to the largest.
constexpr std::uint64_t enclave_base = native::image_window_begin;
constexpr std::uint64_t enclave_bytes_max = std::uint64_t{256} << 20U;
static_assert(enclave_base % enclave_bytes_max == 0);

constexpr std::uint32_t ssa_frame_pages = 1;
constexpr std::uint32_t ssa_frames = 1;
/// x87 and SSE, which every processor with SGX has. The state of a thread then fits into a page.
constexpr std::uint64_t enclave_xfrm = 3;

/// SECINFO.FLAGS. (table 34-12)
namespace secinfo {
constexpr std::uint64_t read = 1;
constexpr std::uint64_t write = 2;
constexpr std::uint64_t execute = 4;
constexpr std::uint64_t type_tcs = 0x100;
constexpr std::uint64_t type_regular = 0x200;
} // namespace secinfo

/// Offsets in a TCS. (table 34-8)
namespace tcs {
constexpr std::size_t state_area = 16;
constexpr std::size_t state_areas = 28;
constexpr std::size_t entry = 32;
constexpr std::size_t fs_limit = 64;
constexpr std::size_t gs_limit = 68;
} // namespace tcs

using Page = std::array<std::uint8_t, page_bytes>;

/// Pages of the same kind, one after another.
struct Region {
    std::uint64_t offset = 0; ///< from the enclave's base; whole pages, as `bytes`
    std::uint64_t bytes = 0;
    std::uint64_t flags = 0;   ///< secinfo::*
    std::uint64_t skipped = 0; ///< zero bytes in front of the content
    ByteView content; ///< borrowed from the program or the plan; what is left of the pages is zero
};

/// Not copied: a region may show into it.
struct EnclavePlan {
    EnclavePlan() = default;
    EnclavePlan(const EnclavePlan&) = delete;
    EnclavePlan& operator=(const EnclavePlan&) = delete;
    ~EnclavePlan() = default;

    const char* refusal = nullptr; ///< not null: why nothing may be done with the program
    std::uint64_t size = 0;        ///< of ELRANGE, a power of two
    std::uint64_t tcs_offset = 0;
    std::uint64_t entry_offset = 0;
    std::array<Region, native::segments_max + 3> regions{}; ///< ascending
    std::size_t region_count = 0;
    Page tcs{};

    [[nodiscard]] std::span<const Region> all() const {
        return std::span(regions).first(region_count);
    }
};

/// @param program a static ELF, linked to enclave_base; any bytes may be given
/// @param stack_bytes whole pages
void plan_enclave(ByteView program, std::uint64_t stack_bytes, EnclavePlan& plan);

/// The content of one page of a region.
void fill_page(const Region& region, std::uint64_t page, Page& into);

/// Takes bytes, one piece after the other; a host of enclaves has no std::function.
struct EnclaveStream {
    void (*function)(void* object, ByteView bytes) = nullptr;
    void* object = nullptr;
    void operator()(ByteView bytes) const { function(object, bytes); }
};
/// All that is measured, in its order: the SGXS form of the enclave.
void stream(const EnclavePlan& plan, const EnclaveStream& take);

/// MRENCLAVE: SHA-256 of the stream.
[[nodiscard]] Measurement measure(const EnclavePlan& plan);

} // namespace authex::tee::sgx
