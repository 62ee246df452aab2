#pragma once
// AES-CMAC. (NIST SP 800-38B; RFC 4493)

#include <array>

#include <bearssl/bearssl_block.h>

#include "base/bytes.hpp"

namespace authex::tee::trustzone {

class Cmac {
  public:
    static constexpr std::size_t bytes = 16;

    /// @pre key is of 16, 24 or 32 bytes
    void begin(ByteView key);
    void update(ByteView data);
    /// @pre tag has 16 bytes
    void end(Bytes tag);

  private:
    void chain(Bytes blocks);

    br_aes_ct64_ctrcbc_keys keys_{};
    std::array<std::uint8_t, bytes> chain_{};
    std::array<std::uint8_t, bytes> last_{}; ///< what may be the last block
    std::size_t held_ = 0;
};

} // namespace authex::tee::trustzone
