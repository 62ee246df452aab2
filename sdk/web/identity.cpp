#include <authex/module.hpp>
#include <authex/web/identity.hpp>

#include <bearssl/bearssl_hash.h>
#include <bearssl/bearssl_rand.h>

namespace authex::web {
namespace {

ByteView or_else(const Value& value, ByteView otherwise) {
    return value.ok() ? value.bytes : otherwise;
}

} // namespace

authex_status Identity::draw_key() {
    if (key_.xlen != 0) {
        return AUTHEX_OK;
    }
    std::uint8_t seed[32];
    const authex_status status = random(seed);
    if (status != AUTHEX_OK) {
        return status;
    }
    br_hmac_drbg_context generator;
    br_hmac_drbg_init(&generator, &br_sha256_vtable, seed, sizeof seed);
    (void)br_ec_keygen(&generator.vtable, &br_ec_p256_m31, &key_, secret_, BR_EC_secp256r1);
    (void)br_ec_compute_pub(&br_ec_p256_m31, nullptr, point_, &key_);
    wipe(seed);
    wipe({reinterpret_cast<std::uint8_t*>(&generator), sizeof generator});
    return AUTHEX_OK;
}

authex_status Identity::report(Bytes out, std::size_t& size) {
    size = 0;
    const authex_status status = draw_key();
    if (status != AUTHEX_OK || evidence_bytes_ != 0) {
        return status;
    }
    std::uint8_t key_hash[key_hash_bytes];
    std::uint8_t claims[claims_bytes];
    hash_key(point_, key_hash);
    write_claims(key_hash, claims);
    size = authex_report(claims, sizeof claims, out.data(), out.size());
    return size == 0 ? AUTHEX_UNSUPPORTED : AUTHEX_OK;
}

authex_status Identity::take(ByteView evidence) {
    if (key_.xlen == 0 || evidence.size() < evidence_min_bytes ||
        evidence.size() > evidence_max_bytes) {
        return AUTHEX_FAILED;
    }
    copy(evidence, evidence_);
    evidence_bytes_ = evidence.size();
    return certificate().empty() ? AUTHEX_OK : make();
}

authex_status Identity::make() {
    const authex_status status = draw_key();
    if (status != AUTHEX_OK) {
        return status;
    }
    const Value names = config("web-names");
    const Value from = config("web-valid-from");
    const Value until = config("web-valid-until");
    const std::uint8_t next = current_ ^ 1U; // where one is refused, the earlier one stays
    const Certificate made = write_certificate(
        {.names = or_else(names, bytes_of_text("localhost, 127.0.0.1, ::1")),
         .valid_from = or_else(from, bytes_of_text("2020-01-01")),
         .valid_until = or_else(until, bytes_of_text("9999-12-31")),
         .evidence = ByteView(evidence_).first(evidence_bytes_)},
        secret_,
        point_,
        Bytes(certificates_[next])
            .first(evidence_bytes_ == 0 ? bare_certificate_max_bytes : certificate_max_bytes));
    switch (made.fault) {
    case CertificateFault::none:
        break;
    case CertificateFault::names:
        log_error("`web-names` is not a list of names and addresses");
        return AUTHEX_FAILED;
    case CertificateFault::dates:
        log_error("`web-valid-from` and `web-valid-until` are days, as in 2030-12-31");
        return AUTHEX_FAILED;
    case CertificateFault::room:
        log_error("`web-names` is longer than a certificate has room for");
        return AUTHEX_FAILED;
    }
    current_ = next;
    chain_ = {.data = made.der.data(), .data_len = made.der.size()};
    return AUTHEX_OK;
}

} // namespace authex::web
