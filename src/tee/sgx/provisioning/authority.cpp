#include "tee/sgx/provisioning/authority.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace authex::tee::sgx {
namespace {

constexpr auto sgx_extension_oid = "1.2.840.113741.1.13.1";

void add_extension(X509& certificate, int nid, const std::string& value) {
    const std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
    X509_add_ext(&certificate, extension.get(), -1);
}

std::string usage_words(int usage) {
    std::vector<std::string_view> words{"critical"};
    if ((usage & KU_DIGITAL_SIGNATURE) != 0) {
        words.emplace_back("digitalSignature");
    }
    if ((usage & KU_KEY_CERT_SIGN) != 0) {
        words.emplace_back("keyCertSign");
    }
    if ((usage & KU_CRL_SIGN) != 0) {
        words.emplace_back("cRLSign");
    }
    return fmt::format("{}", fmt::join(words, ","));
}

void add_sgx_extension(X509& certificate, const std::vector<std::uint8_t>& content, bool critical) {
    const std::unique_ptr<ASN1_OBJECT, FreeWith<ASN1_OBJECT_free>> oid(
        OBJ_txt2obj(sgx_extension_oid, 1));
    const std::unique_ptr<ASN1_OCTET_STRING, FreeWith<ASN1_OCTET_STRING_free>> octets(
        ASN1_OCTET_STRING_new());
    ASN1_OCTET_STRING_set(octets.get(), content.data(), static_cast<int>(content.size()));
    const std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>> extension(
        X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), critical ? 1 : 0, octets.get()));
    X509_add_ext(&certificate, extension.get(), -1);
}

using Octets = std::vector<std::uint8_t>;

/// One element of DER with less than 64 KiB of content.
Octets element(std::uint8_t tag, const Octets& content) {
    Octets der{tag};
    const std::size_t size = content.size();
    if (size >= 0x100) {
        der.insert(der.end(), {0x82, static_cast<std::uint8_t>(size >> 8U)});
    } else if (size >= 0x80) {
        der.push_back(0x81);
    }
    der.push_back(static_cast<std::uint8_t>(size));
    der.insert(der.end(), content.begin(), content.end());
    return der;
}

Octets integer(std::uint32_t value) {
    Octets content;
    for (int shift = 24; shift >= 0; shift -= 8) {
        const auto byte = static_cast<std::uint8_t>(value >> static_cast<unsigned>(shift));
        if (!content.empty() || byte != 0 || shift == 0) {
            if (content.empty() && (byte & 0x80U) != 0) {
                content.push_back(0);
            }
            content.push_back(byte);
        }
    }
    return element(0x02, content);
}

/// SEQUENCE { OID below Intel's, value }
Octets member(const Octets& suffix, const Octets& value) {
    Octets oid = {0x2A, 0x86, 0x48, 0x86, 0xF8, 0x4D, 0x01, 0x0D, 0x01};
    oid.insert(oid.end(), suffix.begin(), suffix.end());
    Octets content = element(0x06, oid);
    content.insert(content.end(), value.begin(), value.end());
    return element(0x30, content);
}

void append(Octets& all, const Octets& more) {
    all.insert(all.end(), more.begin(), more.end());
}

} // namespace

KeyPair new_key() {
    return KeyPair(EVP_EC_gen("P-256"));
}

Point public_point(const EVP_PKEY& key) {
    std::array<unsigned char, 1 + public_key_bytes> encoded{}; // 04 ‖ x ‖ y
    std::size_t size = 0;
    EVP_PKEY_get_octet_string_param(&key, "pub", encoded.data(), encoded.size(), &size);
    Point point{};
    copy(ByteView(encoded).subspan(1), point);
    return point;
}

std::array<std::uint8_t, signature_bytes> sign(EVP_PKEY& key, ByteView message) {
    std::array<unsigned char, 80> der{};
    std::size_t size = der.size();
    const std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, &key);
    EVP_DigestSign(context.get(), der.data(), &size, message.data(), message.size());
    const unsigned char* end = der.data();
    const std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>> pair(
        d2i_ECDSA_SIG(nullptr, &end, static_cast<long>(size)));
    std::array<std::uint8_t, signature_bytes> signature{};
    constexpr int half = signature_bytes / 2;
    BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), signature.data(), half);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), signature.data() + half, half);
    return signature;
}

Certificate issue(const CertificateSpec& spec, EVP_PKEY& subject, const Issuer& issuer) {
    Certificate certificate = own(X509_new());
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), spec.serial);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()),
                               "CN",
                               MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(spec.common_name.data()),
                               static_cast<int>(spec.common_name.size()),
                               -1,
                               0);
    X509_set_issuer_name(certificate.get(),
                         X509_get_subject_name(issuer.certificate == nullptr ? certificate.get()
                                                                             : issuer.certificate));
    ASN1_TIME_set(X509_getm_notBefore(certificate.get()), spec.from);
    ASN1_TIME_set(X509_getm_notAfter(certificate.get()), spec.until);
    X509_set_pubkey(certificate.get(), &subject);
    std::string constraints = spec.authority ? "critical,CA:TRUE" : "critical,CA:FALSE";
    if (spec.path_length) {
        constraints += fmt::format(",pathlen:{}", *spec.path_length);
    }
    add_extension(*certificate, NID_basic_constraints, constraints);
    if (spec.key_usage != 0) {
        add_extension(*certificate, NID_key_usage, usage_words(spec.key_usage));
    }
    if (!spec.sgx_extension.empty()) {
        add_sgx_extension(*certificate, spec.sgx_extension, spec.sgx_extension_critical);
    }
    X509_sign(certificate.get(), issuer.key, EVP_sha256());
    return certificate;
}

RevocationList issue_crl(const CrlSpec& spec, const Issuer& issuer) {
    RevocationList crl(X509_CRL_new());
    X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.certificate));
    const std::unique_ptr<ASN1_TIME, FreeWith<ASN1_TIME_free>> from(
        ASN1_TIME_set(nullptr, spec.from));
    const std::unique_ptr<ASN1_TIME, FreeWith<ASN1_TIME_free>> until(
        ASN1_TIME_set(nullptr, spec.until));
    X509_CRL_set1_lastUpdate(crl.get(), from.get());
    X509_CRL_set1_nextUpdate(crl.get(), until.get());
    for (const std::uint64_t serial : spec.revoked) {
        const std::unique_ptr<ASN1_INTEGER, FreeWith<ASN1_INTEGER_free>> number(ASN1_INTEGER_new());
        ASN1_INTEGER_set_uint64(number.get(), serial);
        X509_REVOKED* const entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, number.get());
        X509_REVOKED_set_revocationDate(entry, from.get());
        X509_CRL_add0_revoked(crl.get(), entry); // owns it now
    }
    X509_CRL_sort(crl.get());
    X509_CRL_sign(crl.get(), issuer.key, EVP_sha256());
    return crl;
}

std::string to_pem(const X509& certificate) {
    const std::unique_ptr<BIO, FreeWith<BIO_free>> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), &certificate);
    const char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

std::string to_der(const X509_CRL& crl) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_CRL(&crl, &der);
    const std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return bytes;
}

std::vector<std::uint8_t> write_pck_extension(const PckExtension& extension) {
    Octets tcb;
    Octets cpu_svn(extension.tcb.components.begin(), extension.tcb.components.end());
    for (std::uint8_t i = 0; i < tcb_components; ++i) {
        append(
            tcb,
            member({2, static_cast<std::uint8_t>(i + 1)}, integer(extension.tcb.components.at(i))));
    }
    append(tcb, member({2, 17}, integer(extension.tcb.pce)));
    append(tcb, member({2, 18}, element(0x04, cpu_svn)));
    Octets all = member({1}, element(0x04, Octets(16))); // PPID
    append(all, member({2}, element(0x30, tcb)));
    append(all, member({3}, element(0x04, {extension.pce_id.begin(), extension.pce_id.end()})));
    append(all, member({4}, element(0x04, {extension.fmspc.begin(), extension.fmspc.end()})));
    append(all, member({5}, element(0x0A, {0}))); // SGX type: standard
    return element(0x30, all);
}

std::string sign_statement(const std::string& member, const nlohmann::json& value, EVP_PKEY& key) {
    const std::string raw = value.dump();
    const auto signature =
        sign(key, {reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size()});
    return fmt::format(
        R"({{"{}":{},"signature":"{:02x}"}})", member, raw, fmt::join(signature, ""));
}

} // namespace authex::tee::sgx
