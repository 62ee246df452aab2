#include "tee/sgx/verifier/attested_certificate.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/hex.hpp"
#include "tee/sgx/verifier/cbor.hpp"
#include "tee/sgx/verifier/quote.hpp"
#include "tee/sgx/verifier/refusal.hpp"
#include "tee/sgx/verifier/utc.hpp"

namespace authex::tee::sgx {
namespace {

constexpr auto evidence_oid = "2.23.133.5.4.9";
/// Of the registry of CBOR tags at IANA: quote of an Intel TEE.
constexpr std::uint32_t quote_tag = 60000;
constexpr std::string_view key_claim = "pubkey-hash";
constexpr std::size_t claims_max = 16;
constexpr auto fix_certificate = "do not trust this certificate; ask the server for another";

using Hash = std::vector<std::uint8_t>;

tl::unexpected<Diagnostic> bad_certificate(const char* code,
                                           const std::string& found,
                                           const std::string& expected,
                                           const char* fix = fix_certificate) {
    return refused(code, found, expected, fix);
}

tl::unexpected<Diagnostic> not_evidence(const std::string& found) {
    return bad_certificate(
        "certificate-unattested",
        found,
        "a quote in the format of Interoperable RA-TLS",
        "only certificates that carry a quote can be verified: modules with a web server "
        "on nodes with SGX have such");
}

Expected<bool> check_signature(X509& certificate) {
    if (X509_NAME_cmp(X509_get_subject_name(&certificate), X509_get_issuer_name(&certificate)) !=
            0 ||
        X509_verify(&certificate, X509_get0_pubkey(&certificate)) != 1) {
        return bad_certificate(
            "certificate-forged",
            fmt::format("\"{}\" is not signed by its own key", subject_of(certificate)),
            "the signature of the key that the quote is about");
    }
    return true;
}

Expected<bool> check_dates(const X509& certificate, UnixTime now) {
    const Period period = {.from = utc_of(*X509_get0_notBefore(&certificate)),
                           .until = utc_of(*X509_get0_notAfter(&certificate)) + 1};
    if (!period.contains(now)) {
        return bad_certificate(
            "certificate-expired",
            fmt::format("\"{}\" does not hold at {}", subject_of(certificate), utc_text(now)),
            fmt::format("a time from {} to {}", utc_text(period.from), utc_text(period.until - 1)),
            "ask the server for another, and look at this machine's clock");
    }
    return true;
}

/// The two parts of the extension's value.
struct Parts {
    ByteView quote;
    ByteView claims;
};

Expected<Parts> read_evidence(const X509& certificate) {
    const std::unique_ptr<ASN1_OBJECT, FreeWith<ASN1_OBJECT_free>> oid(
        OBJ_txt2obj(evidence_oid, 1));
    const int at = X509_get_ext_by_OBJ(&certificate, oid.get(), -1);
    if (at < 0) {
        return not_evidence("the certificate carries no evidence of a TEE");
    }
    if (X509_get_ext_by_OBJ(&certificate, oid.get(), at) >= 0) {
        return not_evidence("the certificate carries evidence twice");
    }
    const ASN1_OCTET_STRING* data = X509_EXTENSION_get_data(X509_get_ext(&certificate, at));
    CborReader reader({data->data, static_cast<std::size_t>(data->length)});
    const auto tag = reader.head(CborType::tag);
    if (tag && *tag != quote_tag) {
        return not_evidence(fmt::format("the evidence is of another kind: tag {}", *tag));
    }
    const auto count = reader.head(CborType::array);
    const auto quote = reader.string(CborType::bytes);
    const auto claims = reader.string(CborType::bytes);
    if (count != 2U || !quote || !claims || !reader.done()) {
        return not_evidence("the evidence is damaged");
    }
    return Parts{.quote = *quote, .claims = *claims};
}

/// [ algorithm, hash ] of the claim about the key.
struct KeyHash {
    std::uint32_t algorithm = 0;
    ByteView hash;
};

Expected<KeyHash> read_claims(ByteView bytes) {
    CborReader reader(bytes);
    const std::size_t count = reader.head(CborType::map).value_or(0);
    std::optional<ByteView> entry;
    for (std::size_t i = 0; i < count && i < claims_max; ++i) {
        const auto name = reader.string(CborType::text);
        const auto value = reader.string(CborType::bytes);
        if (name && std::equal(name->begin(), name->end(), key_claim.begin(), key_claim.end())) {
            if (entry) {
                return not_evidence("the evidence names the key twice");
            }
            entry = value;
        }
    }
    if (!reader.done() || !entry) {
        return not_evidence("the claims of the evidence do not name a key");
    }
    CborReader inner(*entry);
    const auto parts = inner.head(CborType::array);
    const auto algorithm = inner.head(CborType::unsigned_integer);
    const auto hash = inner.string(CborType::bytes);
    if (parts != 2U || !algorithm || !hash || !inner.done()) {
        return not_evidence("the evidence's hash of the key is damaged");
    }
    return KeyHash{.algorithm = *algorithm, .hash = *hash};
}

/// Of the registry of named information hash algorithms at IANA.
const EVP_MD* hash_algorithm(std::uint32_t number) {
    switch (number) {
    case 1:
        return EVP_sha256();
    case 7:
        return EVP_sha384();
    case 8:
        return EVP_sha512();
    default:
        return nullptr;
    }
}

Expected<bool> check_key(const X509& certificate, const KeyHash& claimed) {
    const EVP_MD* algorithm = hash_algorithm(claimed.algorithm);
    if (algorithm == nullptr) {
        return not_evidence(
            fmt::format("the key is hashed with an unknown algorithm, {}", claimed.algorithm));
    }
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(&certificate), &der);
    const std::unique_ptr<unsigned char,
                          FreeWith<[](unsigned char* bytes) { OPENSSL_free(bytes); }>>
        owner(der);
    Hash hash(static_cast<std::size_t>(EVP_MD_get_size(algorithm)));
    if (size < 0 ||
        EVP_Digest(der, static_cast<std::size_t>(size), hash.data(), nullptr, algorithm, nullptr) !=
            1) {
        return failure("out-of-memory", "there is no memory for the certificate's key");
    }
    if (!std::equal(hash.begin(), hash.end(), claimed.hash.begin(), claimed.hash.end())) {
        return bad_certificate(
            "certificate-key",
            fmt::format("the evidence is about another key: {}", to_hex(claimed.hash)),
            to_hex(hash) + ", the hash of the certificate's key");
    }
    return true;
}

Expected<bool> check_report_data(const Parts& parts) {
    const Expected<Quote> quote = parse_quote(parts.quote);
    if (!quote) {
        return tl::make_unexpected(quote.error());
    }
    std::array<std::uint8_t, sgx_report_data_bytes> expected{};
    SHA256(parts.claims.data(), parts.claims.size(), expected.data());
    if (quote->body.report_data != expected) {
        return bad_certificate("certificate-key",
                               "the quote was made for something else: its report data are " +
                                   to_hex(quote->body.report_data),
                               to_hex(expected) + ", the hash of the claims");
    }
    return true;
}

} // namespace

bool looks_like_certificate(std::string_view content) {
    constexpr char der_sequence = 0x30; // a quote begins with its version
    return content.starts_with("-----BEGIN CERTIFICATE-----") ||
           (!content.empty() && content.front() == der_sequence);
}

std::optional<std::vector<std::uint8_t>>
quote_of_certificate(std::string_view content, UnixTime now, Steps& steps) {
    Expected<Certificate> certificate = parse_certificate(content);
    if (!certificate) {
        certificate = bad_certificate("certificate-malformed",
                                      "this is not one certificate",
                                      "X.509 in PEM or DER, and nothing else",
                                      "of what openssl s_client prints: openssl x509");
    }
    if (!steps.note("certificate-structure",
                    certificate,
                    certificate ? fmt::format("\"{}\"", subject_of(**certificate)) : "") ||
        !steps.note(
            "certificate-signature", check_signature(**certificate), "by the certificate's key") ||
        !steps.note("certificate-dates", check_dates(**certificate, now), "in its time")) {
        return std::nullopt;
    }
    const Expected<Parts> parts = read_evidence(**certificate);
    if (!steps.note("certificate-evidence",
                    parts,
                    parts ? fmt::format("a quote of {} bytes", parts->quote.size()) : "")) {
        return std::nullopt;
    }
    const Expected<KeyHash> claimed = read_claims(parts->claims);
    if (!steps.note("certificate-key",
                    claimed ? check_key(**certificate, *claimed)
                            : Expected<bool>(tl::make_unexpected(claimed.error())),
                    "the claims name the certificate's key") ||
        !steps.note("certificate-report-data",
                    check_report_data(*parts),
                    "the quote is about the claims")) {
        return std::nullopt;
    }
    return std::vector<std::uint8_t>(parts->quote.begin(), parts->quote.end());
}

} // namespace authex::tee::sgx
