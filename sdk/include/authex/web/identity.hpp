#pragma once
// The key and the certificate of one server: made inside, never given out but for its public half.

#include <authex/abi.h>
#include <authex/bytes.hpp>
#include <authex/web/certificate.hpp>

#include <cstddef>
#include <cstdint>

#include <bearssl/bearssl_ec.h>
#include <bearssl/bearssl_x509.h>

namespace authex::web {

constexpr std::size_t certificate_max_bytes = 4096;

/// All zero until it is made.
class Identity {
  public:
    /// Draws a key from the module's generator, once, and writes its certificate as the
    /// configuration says: `web-names`, `web-valid-from`, `web-valid-until`.
    /// @error AUTHEX_NOT_ATTESTED | AUTHEX_FAILED: the configuration is wrong, and the log says how
    [[nodiscard]] authex_status make();

    /// Empty until it is made.
    [[nodiscard]] ByteView certificate() const { return {chain_.data, chain_.data_len}; }
    // For BearSSL, which keeps pointers to them.
    [[nodiscard]] const br_x509_certificate& chain() const { return chain_; }
    [[nodiscard]] const br_ec_private_key& key() const { return key_; }

  private:
    [[nodiscard]] authex_status draw_key();

    br_ec_private_key key_{};
    br_x509_certificate chain_{};
    std::uint8_t secret_[secret_bytes]{};
    std::uint8_t point_[point_bytes]{};
    std::uint8_t certificate_[certificate_max_bytes]{};
};

} // namespace authex::web
