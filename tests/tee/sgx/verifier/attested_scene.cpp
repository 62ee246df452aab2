#include "tee/sgx/verifier/attested_scene.hpp"

#include <openssl/sha.h>
#include <openssl/x509v3.h>

namespace authex::tee::sgx {
namespace {

using Octets = AttestedScene::Octets;

/// A string of CBOR with its length in two bytes.
void append_string(Octets& to, ByteView content) {
    to.push_back(0x59);
    to.push_back(static_cast<std::uint8_t>(content.size() >> 8U));
    to.push_back(static_cast<std::uint8_t>(content.size()));
    to.insert(to.end(), content.begin(), content.end());
}

void add_extension(X509& certificate, const Octets& value) {
    ASN1_OBJECT* oid = OBJ_txt2obj("2.23.133.5.4.9", 1);
    ASN1_OCTET_STRING* data = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(data, value.data(), static_cast<int>(value.size()));
    X509_EXTENSION* extension = X509_EXTENSION_create_by_OBJ(nullptr, oid, 0, data);
    X509_add_ext(&certificate, extension, -1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(oid);
}

void set_name(X509_NAME* name, const std::string& common_name) {
    X509_NAME_add_entry_by_txt(name,
                               "CN",
                               MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.data()),
                               static_cast<int>(common_name.size()),
                               -1,
                               0);
}

} // namespace

std::vector<std::uint8_t> claims_of(const EVP_PKEY& key) {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(&key, &der);
    std::vector<std::uint8_t> claims = {0xA1,
                                        0x6B,
                                        'p',
                                        'u',
                                        'b',
                                        'k',
                                        'e',
                                        'y',
                                        '-',
                                        'h',
                                        'a',
                                        's',
                                        'h',
                                        0x58,
                                        0x24,
                                        0x82,
                                        0x01,
                                        0x58,
                                        0x20};
    const std::size_t head = claims.size();
    claims.resize(head + SHA256_DIGEST_LENGTH);
    SHA256(der, static_cast<std::size_t>(size), claims.data() + head);
    OPENSSL_free(der);
    return claims;
}

AttestedScene::AttestedScene() : signer(key.get()), claims(claims_of(*key)) {}

Octets AttestedScene::evidence(const Octets& quote_bytes) const {
    Octets value = {0xD9, 0xEA, 0x60, 0x82};
    append_string(value, quote_bytes);
    append_string(value, claims);
    return value;
}

std::string AttestedScene::certificate() {
    quote.body.report_data.fill(0);
    SHA256(claims.data(), claims.size(), quote.body.report_data.data());
    return certificate_with(build().quote);
}

std::string AttestedScene::certificate_with(const Octets& quote_bytes) const {
    const Certificate made = own(X509_new());
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    set_name(X509_get_subject_name(made.get()), "server");
    set_name(X509_get_issuer_name(made.get()), issuer);
    ASN1_TIME_set(X509_getm_notBefore(made.get()), from);
    ASN1_TIME_set(X509_getm_notAfter(made.get()), until);
    X509_set_pubkey(made.get(), key.get());
    Octets value = evidence(quote_bytes);
    if (change_evidence) {
        change_evidence(value);
    }
    for (int i = 0; i < extensions; ++i) {
        add_extension(*made, value);
    }
    X509_sign(made.get(), signer, EVP_sha256());
    return to_pem(*made);
}

} // namespace authex::tee::sgx
