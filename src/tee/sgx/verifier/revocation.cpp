// Revocation lists.
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tee/sgx/verifier/certificates.hpp"
#include "tee/sgx/verifier/library.hpp"
#include "tee/sgx/verifier/refusal.hpp"
#include "tee/sgx/verifier/utc.hpp"

namespace authex::tee::sgx {
namespace {

constexpr std::size_t crl_bytes_max = std::size_t{4} * 1024 * 1024;
constexpr std::string_view pem_mark = "-----BEGIN X509 CRL-----";

tl::unexpected<Diagnostic>
bad_list(const char* code, const std::string& what, const std::string& expected) {
    return refused(
        code, what, expected, "get the revocation list again, and look at this machine's clock");
}

std::optional<std::string> from_hex(std::string_view digits) {
    while (!digits.empty() && (digits.back() == '\n' || digits.back() == '\r')) {
        digits.remove_suffix(1);
    }
    long size = 0;
    const std::string text(digits);
    const std::unique_ptr<unsigned char,
                          FreeWith<[](unsigned char* bytes) { OPENSSL_free(bytes); }>>
        bytes(OPENSSL_hexstr2buf(text.c_str(), &size));
    return bytes == nullptr ? std::nullopt
                            : std::optional(std::string(reinterpret_cast<char*>(bytes.get()),
                                                        static_cast<std::size_t>(size)));
}

RevocationList from_der(std::string_view der) {
    const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
    const unsigned char* end = begin;
    X509_CRL* crl = X509_CRL_new_ex(p256_library(), nullptr);
    (void)d2i_X509_CRL(&crl, &end, static_cast<long>(der.size())); // null where it cannot be read
    RevocationList owned(crl);
    return end == begin + der.size() ? std::move(owned) : nullptr;
}

bool only_known_critical_extensions(const X509_CRL& crl) {
    for (int i = 0; i < X509_CRL_get_ext_count(&crl); ++i) {
        if (X509_EXTENSION_get_critical(X509_CRL_get_ext(&crl, i)) != 0) {
            return false; // neither of the two that the profile has is critical
        }
    }
    return true;
}

} // namespace

Expected<RevocationList> parse_crl(std::string_view bytes) {
    if (bytes.size() > crl_bytes_max) {
        return bad_list("crl-malformed",
                        fmt::format("the revocation list has {} bytes", bytes.size()),
                        fmt::format("at most {}", crl_bytes_max));
    }
    RevocationList crl;
    if (bytes.starts_with(pem_mark)) {
        const std::unique_ptr<BIO, FreeWith<BIO_free>> bio(
            BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
        crl.reset(PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr));
    } else if (bytes.starts_with("30")) {
        const auto der = from_hex(bytes);
        crl = der ? from_der(*der) : nullptr;
    } else {
        crl = from_der(bytes);
    }
    if (crl == nullptr || X509_CRL_get_version(crl.get()) != X509_CRL_VERSION_2 ||
        X509_CRL_get0_nextUpdate(crl.get()) == nullptr || !only_known_critical_extensions(*crl)) {
        return bad_list(
            "crl-malformed", "the revocation list is damaged", "an X.509 CRL, version 2");
    }
    return crl;
}

Expected<bool> check_crl(const X509_CRL& crl, X509& issuer, UnixTime now) {
    if (X509_NAME_cmp(X509_CRL_get_issuer(&crl), X509_get_subject_name(&issuer)) != 0 ||
        (X509_get_key_usage(&issuer) & KU_CRL_SIGN) == 0) {
        return bad_list("crl-issuer",
                        "the revocation list is by another authority",
                        fmt::format("a list by \"{}\"", subject_of(issuer)));
    }
    if (X509_CRL_get_signature_nid(&crl) != NID_ecdsa_with_SHA256 ||
        X509_CRL_verify(const_cast<X509_CRL*>(&crl), p256_key(issuer)) != 1) {
        return bad_list("crl-signature",
                        "the signature of the revocation list does not hold",
                        fmt::format("a signature by \"{}\"", subject_of(issuer)));
    }
    const Period period = period_of(crl);
    if (!period.contains(now)) {
        return bad_list("crl-expired",
                        fmt::format("the revocation list of \"{}\" does not hold at {}",
                                    subject_of(issuer),
                                    utc_text(now)),
                        fmt::format("a time from {} to before {}",
                                    utc_text(period.from),
                                    utc_text(period.until)));
    }
    return true;
}

bool is_revoked(const X509_CRL& crl, X509& certificate) {
    X509_REVOKED* entry = nullptr;
    return X509_CRL_get0_by_cert(const_cast<X509_CRL*>(&crl), &entry, &certificate) != 0;
}

Period period_of(const X509_CRL& crl) {
    return {.from = utc_of(*X509_CRL_get0_lastUpdate(&crl)),
            .until = utc_of(*X509_CRL_get0_nextUpdate(&crl))};
}

} // namespace authex::tee::sgx
