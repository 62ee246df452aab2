#pragma once
// Enclaves as streams of what is measured: the SHA-256 of a file is the MRENCLAVE.
//                  (fortanix/rust-sgx, doc/SGXS.md: the canonical form, without UNMEASRD and
//                  UNSIZED)

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "tee/sgx/image/enclave.hpp"

namespace authex::tee::sgx {

constexpr std::size_t sgxs_bytes_max = std::size_t{512} << 20U;

[[nodiscard]] std::vector<std::uint8_t> write_sgxs(const EnclavePlan& plan);

/// What a stream says of an enclave.
struct SgxsSummary {
    std::uint64_t size = 0; ///< of ELRANGE
    std::uint32_t ssa_frame_pages = 0;
    std::uint64_t pages = 0;
    std::uint64_t threads = 0;         ///< TCS pages
    std::uint64_t measured_chunks = 0; ///< of 256 bytes
    Measurement mrenclave{};
};

/// Whether the file begins like a stream.
[[nodiscard]] bool is_sgxs(ByteView bytes);

/// Takes any bytes. @error sgxs-malformed: with the offset, what was found and what was expected
[[nodiscard]] Expected<SgxsSummary> read_sgxs(ByteView bytes);

} // namespace authex::tee::sgx
