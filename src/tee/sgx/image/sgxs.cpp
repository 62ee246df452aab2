#include "tee/sgx/image/sgxs.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <bearssl/bearssl_hash.h>
#include <fmt/format.h>

namespace authex::tee::sgx {
namespace {

constexpr std::size_t sgxs_record_bytes = 64;
constexpr std::size_t sgxs_chunk_bytes = 256;
using Tag = std::array<char, 8>;
constexpr Tag tag_create = {'E', 'C', 'R', 'E', 'A', 'T', 'E', '\0'};
constexpr Tag tag_add = {'E', 'A', 'D', 'D', '\0', '\0', '\0', '\0'};
constexpr Tag tag_extend = {'E', 'E', 'X', 'T', 'E', 'N', 'D', '\0'};

tl::unexpected<Diagnostic>
malformed(std::size_t at, const std::string& found, const std::string& expected) {
    Diagnostic diagnostic = make_error("sgxs-malformed",
                                       fmt::format("byte {} of the stream: {}", at, found),
                                       "make the stream again, in its canonical form");
    diagnostic.detail = "expected: " + expected;
    return tl::make_unexpected(std::move(diagnostic));
}

bool zero(ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

/// Reads records one after the other, and knows what may come next.
class StreamReader {
  public:
    explicit StreamReader(ByteView bytes) : all_(bytes), reader_(bytes) {}

    Expected<SgxsSummary> read() {
        Expected<bool> good = create();
        while (good && reader_.remaining() != 0) {
            good = next();
        }
        if (!good) {
            return tl::make_unexpected(good.error());
        }
        br_sha256_context context;
        br_sha256_init(&context);
        br_sha256_update(&context, all_.data(), all_.size());
        br_sha256_out(&context, summary_.mrenclave.data());
        return summary_;
    }

  private:
    [[nodiscard]] std::size_t at() const { return all_.size() - reader_.remaining(); }

    Expected<bool> create() {
        if (!is_sgxs(all_)) {
            return malformed(0, "no ECREATE", "ECREATE, once and first");
        }
        reader_.take(sizeof(Tag));
        summary_.ssa_frame_pages = reader_.u32();
        summary_.size = reader_.u64();
        const ByteView rest = reader_.take(sgxs_record_bytes - sizeof(Tag) - 12);
        if (!reader_.ok() || !zero(rest) || summary_.ssa_frame_pages == 0 ||
            summary_.size < page_bytes || !std::has_single_bit(summary_.size)) {
            return malformed(
                0, "an ECREATE that is none", "a size that is a power of two, a frame of pages");
        }
        return true;
    }

    Expected<bool> next() {
        const std::size_t begin = at();
        Reader record(reader_.take(sgxs_record_bytes));
        const ByteView tag = record.take(sizeof(Tag));
        if (!reader_.ok()) {
            return malformed(begin, "a record that is cut", "64 bytes");
        }
        const auto is = [&](const Tag& wanted) {
            return std::memcmp(tag.data(), wanted.data(), sizeof wanted) == 0;
        };
        return is(tag_add) ? add(begin, record)
               : is(tag_extend)
                   ? extend(begin, record)
                   : Expected<bool>(malformed(begin, "an unknown record", "EADD or EEXTEND"));
    }

    Expected<bool> add(std::size_t begin, Reader& record) {
        const std::uint64_t offset = record.u64();
        const std::uint64_t flags = record.u64();
        const std::uint64_t type = flags & 0xFF00U;
        const std::uint64_t rights = flags & 7U;
        const bool is_thread = type == secinfo::type_tcs && rights == 0;
        const bool is_memory = type == secinfo::type_regular &&
                               ((rights & secinfo::write) == 0 || (rights & secinfo::read) != 0);
        const bool ascending = summary_.pages == 0 || offset > page_;
        if (offset % page_bytes != 0 || offset >= summary_.size || !ascending ||
            !(is_thread || is_memory) || (flags & ~std::uint64_t{0xFF07}) != 0 ||
            !zero(record.rest())) {
            return malformed(
                begin,
                fmt::format("a page at {:#x} with flags {:#x}", offset, flags),
                "a page of the enclave, after the one before, of a kind that is loaded");
        }
        page_ = offset;
        extended_ = 0;
        ++summary_.pages;
        summary_.threads += is_thread ? 1 : 0;
        return true;
    }

    Expected<bool> extend(std::size_t begin, Reader& record) {
        const std::uint64_t offset = record.u64();
        const ByteView rest = record.rest();
        (void)reader_.take(sgxs_chunk_bytes);
        const std::uint64_t chunk = (offset - page_) / sgxs_chunk_bytes;
        const bool within = summary_.pages != 0 && offset >= page_ && offset - page_ < page_bytes;
        if (!within || offset % sgxs_chunk_bytes != 0 || !zero(rest) || !reader_.ok() ||
            (extended_ >> chunk & 1U) != 0) {
            return malformed(begin,
                             fmt::format("content for {:#x}", offset),
                             "256 bytes of the page that was added last, each once");
        }
        extended_ |= std::uint32_t{1} << chunk;
        ++summary_.measured_chunks;
        return true;
    }

    ByteView all_;
    Reader reader_;
    SgxsSummary summary_;
    std::uint64_t page_ = 0;
    std::uint32_t extended_ = 0; ///< chunks of that page
};

} // namespace

std::vector<std::uint8_t> write_sgxs(const EnclavePlan& plan) {
    std::vector<std::uint8_t> bytes;
    stream(plan,
           {.function =
                [](void* all, ByteView piece) {
                    auto& to = *static_cast<std::vector<std::uint8_t>*>(all);
                    to.insert(to.end(), piece.begin(), piece.end());
                },
            .object = &bytes});
    return bytes;
}

bool is_sgxs(ByteView bytes) {
    return bytes.size() >= sgxs_record_bytes &&
           std::memcmp(bytes.data(), tag_create.data(), sizeof tag_create) == 0;
}

Expected<SgxsSummary> read_sgxs(ByteView bytes) {
    if (bytes.size() > sgxs_bytes_max) {
        return malformed(0, fmt::format("{} bytes", bytes.size()), "at most 512 MiB");
    }
    return StreamReader(bytes).read();
}

} // namespace authex::tee::sgx
