#pragma once
// SHA-256 (FIPS 180-4), HKDF (RFC 5869) and a deterministic generator (NIST SP
// 800-90A, HMAC_DRBG with SHA-256), over BearSSL.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"

namespace authex::crypto {

using Hash = std::array<std::uint8_t, 32>;

/// Of one string, or of two, one after the other.
[[nodiscard]] Hash sha256(ByteView first, ByteView second = {});
/// Extract and expand. @pre out.size() ≤ 255·32
void hkdf_sha256(ByteView salt, ByteView input_key_material, ByteView info, Bytes out);

/// Random bytes from what it was seeded with and nothing else. All zero until seeded, so that one
/// in static memory costs an image nothing; before the first seed it gives zeros. Wipes itself. Not
/// thread-safe.
class Generator {
  public:
    Generator() = default;
    Generator(const Generator&) = delete;
    Generator& operator=(const Generator&) = delete;
    ~Generator() { wipe(state_); }

    /// The first time: instantiate; afterwards: mix in.
    void seed(ByteView entropy);
    [[nodiscard]] bool seeded() const { return seeded_; }
    /// Any number of bytes.
    void fill(Bytes out);

  private:
    alignas(8) std::uint8_t state_[192]{};
    bool seeded_ = false;
};

} // namespace authex::crypto
