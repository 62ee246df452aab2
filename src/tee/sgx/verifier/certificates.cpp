#include "tee/sgx/verifier/certificates.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tee/sgx/verifier/library.hpp"
#include "tee/sgx/verifier/refusal.hpp"
#include "tee/sgx/verifier/utc.hpp"

namespace authex::tee::sgx {
namespace {

constexpr std::size_t pem_bytes_max = std::size_t{32} * 1024;
constexpr std::size_t certificates_max = 8;
constexpr std::string_view padding{" \t\r\n\0", 5};
constexpr std::string_view begin_mark = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view end_mark = "-----END CERTIFICATE-----";

/// A SubjectPublicKeyInfo with a point on the named curve P-256 is this and the point.
/// (RFC 5480 §2; SEC 1 §2.3.3)
constexpr std::array<std::uint8_t, 27> p256_prefix = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06,
    0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

/// Nothing where the bytes are no certificate, or more than one.
Certificate decode(OSSL_LIB_CTX* library, const unsigned char* begin, std::size_t size) {
    X509* certificate = X509_new_ex(library, nullptr);
    const unsigned char* end = begin;
    // Null where it cannot be read; where its extensions cannot, it says so later (EXFLAG_INVALID).
    (void)d2i_X509(&certificate, &end, static_cast<long>(size));
    Certificate owned = own(certificate);
    return end == begin + size ? owned : nullptr;
}

/// A key without a point. Lives as long as the process.
EVP_PKEY* p256_curve() {
    std::array<char, 6> group = {"P-256"};
    std::array<OSSL_PARAM, 2> parameters = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
        OSSL_PARAM_construct_end()};
    const std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>> context(
        EVP_PKEY_CTX_new_from_name(p256_library(), "EC", nullptr));
    EVP_PKEY* curve = nullptr;
    if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &curve, EVP_PKEY_KEY_PARAMETERS, parameters.data()) != 1) {
        return nullptr;
    }
    return curve;
}

/// Where a certificate keeps its key.
int key_slot() {
    static const int slot = CRYPTO_get_ex_new_index(
        CRYPTO_EX_INDEX_X509,
        0,
        nullptr,
        nullptr,
        nullptr,
        [](void* /*certificate*/, void* key, CRYPTO_EX_DATA*, int, long, void*) {
            EVP_PKEY_free(static_cast<EVP_PKEY*>(key));
        });
    return slot;
}

void keep_key(X509& certificate) {
    const std::optional<Point> point = point_of(certificate);
    PublicKey key = point ? key_of(*point) : nullptr;
    if (key != nullptr && X509_set_ex_data(&certificate, key_slot(), key.get()) == 1) {
        (void)key.release();
    }
}

Expected<Certificate> parse_block(OSSL_LIB_CTX* library, std::string_view block) {
    const std::unique_ptr<BIO, FreeWith<BIO_free>> bio(
        BIO_new_mem_buf(block.data(), static_cast<int>(block.size())));
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (bio == nullptr || PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) {
        return refused("certificate-malformed", "a certificate's PEM is damaged", "PEM", fix_chain);
    }
    const Certificate certificate = decode(library, data, static_cast<std::size_t>(size));
    const bool whole = certificate != nullptr && *header == '\0';
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    if (!whole) {
        return refused(
            "certificate-malformed", "a certificate is damaged", "X.509 in DER", fix_chain);
    }
    return certificate;
}

std::string name_text(const X509_NAME* name) {
    std::array<char, 256> text{};
    // The common name is what Intel's profile tells them apart by.
    const int size = X509_NAME_get_text_by_NID(
        const_cast<X509_NAME*>(name), NID_commonName, text.data(), text.size());
    return size < 0 ? std::string("a name without a common name")
                    : std::string(text.data(), static_cast<std::size_t>(size));
}

} // namespace

const Point intel_root_key = {
    0x0B, 0xA9, 0xC4, 0xC0, 0xC0, 0xC8, 0x61, 0x93, 0xA3, 0xFE, 0x23, 0xD6, 0xB0, 0x2C, 0xDA, 0x10,
    0xA8, 0xBB, 0xD4, 0xE8, 0x8E, 0x48, 0xB4, 0x45, 0x85, 0x61, 0xA3, 0x6E, 0x70, 0x55, 0x25, 0xF5,
    0x67, 0x91, 0x8E, 0x2E, 0xDC, 0x88, 0xE4, 0x0D, 0x86, 0x0B, 0xD0, 0xCC, 0x4E, 0xE2, 0x6A, 0xAC,
    0xC9, 0x88, 0xE5, 0x05, 0xA9, 0x53, 0x55, 0x8C, 0x45, 0x3F, 0x6B, 0x09, 0x04, 0xAE, 0x73, 0x94};

Certificate own(X509* certificate) {
    return {certificate, X509_free};
}

Expected<std::vector<std::string_view>> certificate_blocks(std::string_view pem) {
    std::vector<std::string_view> all;
    if (pem.size() > pem_bytes_max) {
        return refused("certificate-malformed",
                       fmt::format("the certificates have {} bytes", pem.size()),
                       fmt::format("at most {}", pem_bytes_max),
                       fix_chain);
    }
    while (true) {
        pem.remove_prefix(std::min(pem.find_first_not_of(padding), pem.size()));
        if (pem.empty()) {
            return all;
        }
        const std::size_t end = pem.find(end_mark);
        if (!pem.starts_with(begin_mark) || end == std::string_view::npos ||
            all.size() == certificates_max) {
            return refused(
                "certificate-malformed",
                "the certificates are damaged, too many, or other things lie between them",
                fmt::format("at most {} PEM certificates", certificates_max),
                fix_chain);
        }
        const std::size_t size = end + end_mark.size();
        all.push_back(pem.substr(0, size));
        pem.remove_prefix(size);
    }
}

Expected<std::vector<Certificate>> parse_certificates(std::string_view pem) {
    const Expected<std::vector<std::string_view>> blocks = certificate_blocks(pem);
    if (!blocks) {
        return tl::make_unexpected(blocks.error());
    }
    std::vector<Certificate> all;
    for (const std::string_view block : *blocks) {
        Expected<Certificate> certificate = parse_block(p256_library(), block);
        if (!certificate) {
            return tl::make_unexpected(certificate.error());
        }
        keep_key(**certificate);
        all.push_back(std::move(*certificate));
    }
    return all;
}

Expected<Certificate> parse_certificate(std::string_view bytes) {
    if (bytes.starts_with(begin_mark)) {
        const auto blocks = certificate_blocks(bytes);
        if (blocks && blocks->size() == 1) {
            return parse_block(nullptr, blocks->front());
        }
    } else {
        const auto* begin = reinterpret_cast<const unsigned char*>(bytes.data());
        if (const Certificate certificate = decode(nullptr, begin, bytes.size())) {
            return certificate;
        }
    }
    return refused(
        "certificate-malformed", "this is not one certificate", "X.509 in PEM or DER", fix_chain);
}

std::string subject_of(const X509& certificate) {
    return name_text(X509_get_subject_name(&certificate));
}

std::string issuer_of(const X509& certificate) {
    return name_text(X509_get_issuer_name(&certificate));
}

std::string serial_of(const X509& certificate) {
    const ASN1_INTEGER* serial = X509_get0_serialNumber(&certificate);
    std::string text;
    for (int i = 0; i < serial->length; ++i) {
        text += fmt::format("{:02x}", serial->data[i]);
    }
    return text;
}

std::optional<Point> point_of(const X509& certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(&certificate), &der);
    if (size < 0) {
        return std::nullopt;
    }
    const std::unique_ptr<unsigned char,
                          FreeWith<[](unsigned char* bytes) { OPENSSL_free(bytes); }>>
        owner(der);
    Point point{};
    if (static_cast<std::size_t>(size) != p256_prefix.size() + point.size() ||
        !std::equal(p256_prefix.begin(), p256_prefix.end(), der)) {
        return std::nullopt;
    }
    std::copy_n(der + p256_prefix.size(), point.size(), point.begin());
    return point;
}

Expected<ByteView> extension_of(const X509& certificate, const char* oid) {
    const std::unique_ptr<ASN1_OBJECT, FreeWith<ASN1_OBJECT_free>> object(OBJ_txt2obj(oid, 1));
    const int at = X509_get_ext_by_OBJ(&certificate, object.get(), -1);
    if (at < 0 || X509_get_ext_by_OBJ(&certificate, object.get(), at) >= 0) {
        return refused("pck-extension",
                       at < 0 ? "the PCK certificate has no SGX extension"
                              : "the PCK certificate has two SGX extensions",
                       "one",
                       fix_chain);
    }
    const ASN1_OCTET_STRING* data = X509_EXTENSION_get_data(X509_get_ext(&certificate, at));
    return ByteView(data->data, static_cast<std::size_t>(data->length));
}

void Period::narrow(const Period& other) {
    from = std::max(from, other.from);
    until = std::min(until, other.until);
}

PublicKey key_of(ByteView point) {
    // To copy what OpenSSL computes of a curve takes a quarter of the time of a key made anew.
    static EVP_PKEY* const curve = p256_curve();
    std::array<std::uint8_t, 1 + public_key_bytes> encoded = {0x04}; // uncompressed (SEC 1 §2.3.3)
    if (point.size() != public_key_bytes || curve == nullptr) {
        return nullptr;
    }
    copy(point, Bytes(encoded).subspan(1));
    PublicKey key(EVP_PKEY_dup(curve));
    // The point must be on the curve.
    const bool taken = key != nullptr && EVP_PKEY_set1_encoded_public_key(
                                             key.get(), encoded.data(), encoded.size()) == 1;
    return taken ? std::move(key) : nullptr;
}

EVP_PKEY* p256_key(const X509& certificate) {
    return static_cast<EVP_PKEY*>(X509_get_ex_data(&certificate, key_slot()));
}

bool is_signed(X509& certificate, const X509& issuer) {
    EVP_PKEY* const key = p256_key(issuer);
    return key != nullptr && X509_verify(&certificate, key) == 1;
}

bool signature_holds(EVP_PKEY& key, ByteView message, ByteView signature) {
    if (signature.size() != signature_bytes) {
        return false;
    }
    const int half = static_cast<int>(signature_bytes / 2);
    const std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>> pair(ECDSA_SIG_new());
    BIGNUM* const r = BN_bin2bn(signature.data(), half, nullptr);
    BIGNUM* const s = BN_bin2bn(signature.data() + half, half, nullptr);
    if (pair == nullptr || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return false;
    }
    std::array<unsigned char, 80> der{}; // two integers of at most 33 bytes, and three headers
    unsigned char* end = der.data();
    const int size = i2d_ECDSA_SIG(pair.get(), &end);
    const std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    return size > 0 && context != nullptr &&
           EVP_DigestVerifyInit_ex(
               context.get(), nullptr, "SHA256", p256_library(), nullptr, &key, nullptr) == 1 &&
           EVP_DigestVerify(context.get(),
                            der.data(),
                            static_cast<std::size_t>(size),
                            message.data(),
                            message.size()) == 1;
}

} // namespace authex::tee::sgx
