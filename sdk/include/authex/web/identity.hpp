#pragma once
// The key and the certificate of one server: made inside, never given out but for its public half.

#include <authex/abi.h>
#include <authex/bytes.hpp>
#include <authex/web/certificate.hpp>
#include <authex/web/evidence.hpp>

#include <cstddef>
#include <cstdint>

#include <bearssl/bearssl_ec.h>
#include <bearssl/bearssl_x509.h>

namespace authex::web {

/// Without evidence.
constexpr std::size_t bare_certificate_max_bytes = 4096;
/// Evidence is wrapped in less than 128 bytes.
constexpr std::size_t certificate_max_bytes = bare_certificate_max_bytes + 128 + evidence_max_bytes;

/// All zero until it is made.
class Identity {
  public:
    /// Draws a key from the module's generator, once, and writes its certificate as the
    /// configuration says: `web-names`, `web-valid-from`, `web-valid-until`.
    /// @error AUTHEX_NOT_ATTESTED | AUTHEX_FAILED: the configuration is wrong, and the log says how
    [[nodiscard]] authex_status make();

    /// A report of the TEE over the key, which is drawn if there is none: for the node, which makes
    /// evidence of it. Empty where there is evidence already.
    /// @error AUTHEX_NOT_ATTESTED | AUTHEX_UNSUPPORTED: the TEE makes none, or there is no room
    [[nodiscard]] authex_status report(Bytes out, std::size_t& size);
    /// Evidence for the certificate. Only its length is looked at: who relies on it verifies it.
    /// @error AUTHEX_FAILED: no key, or no evidence | as make(), where there is a certificate
    [[nodiscard]] authex_status take(ByteView evidence);

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
    std::size_t evidence_bytes_ = 0;
    std::uint8_t evidence_[evidence_max_bytes]{};
    /// The one in use, and room for the next.
    std::uint8_t certificates_[2][certificate_max_bytes]{};
    std::uint8_t current_ = 0;
};

} // namespace authex::web
