#pragma once
// Authorities and certificates for tests: ECDSA P-256, valid for an hour.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "support/temporary_folder.hpp"

namespace authex::test {

struct PemPair {
    std::string certificate;
    std::string key;
};

/// What a certificate says beside its name.
struct Says {
    std::vector<std::string> uris = {"urn:authex:role:owner"}; ///< alternative names
    long valid_s = 3600; ///< seconds from now on; negative: it ended then
};

class Authority {
  public:
    explicit Authority(const std::string& name) : key_(make_key()) {
        certificate_ = sign(name, key_.get(), nullptr, "critical,CA:TRUE", {});
    }
    [[nodiscard]] std::string pem() const { return pem_of(certificate_.get()); }
    /// An owner's, unless it is to say something else.
    PemPair issue(const std::string& name, const Says& says = {}) {
        const Key key = make_key();
        const Certificate certificate =
            sign(name, key.get(), certificate_.get(), "critical,CA:FALSE", says);
        return {pem_of(certificate.get()), pem_of(key.get())};
    }
    /// Another certificate for the key of an earlier one.
    PemPair renew(const PemPair& earlier, const std::string& name, const Says& says = {}) {
        BIO* source = BIO_new_mem_buf(earlier.key.data(), static_cast<int>(earlier.key.size()));
        const Key key(PEM_read_bio_PrivateKey(source, nullptr, nullptr, nullptr), EVP_PKEY_free);
        BIO_free(source);
        const Certificate certificate =
            sign(name, key.get(), certificate_.get(), "critical,CA:FALSE", says);
        return {pem_of(certificate.get()), earlier.key};
    }
    /// Of the certificate that was made last, as BN_bn2hex writes it.
    [[nodiscard]] std::string last_serial() const {
        char digits[17];
        (void)std::snprintf(digits, sizeof digits, "%lX", serial_);
        return std::string(digits).size() % 2 == 0 ? digits : std::string("0") + digits;
    }

  private:
    using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
    using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

    static Key make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

    static std::string text_of(BIO* sink) {
        char* data = nullptr;
        const long bytes = BIO_get_mem_data(sink, &data);
        std::string text(data, static_cast<std::size_t>(bytes));
        BIO_free(sink);
        return text;
    }
    static std::string pem_of(X509* certificate) {
        BIO* sink = BIO_new(BIO_s_mem());
        PEM_write_bio_X509(sink, certificate);
        return text_of(sink);
    }
    static std::string pem_of(EVP_PKEY* key) {
        BIO* sink = BIO_new(BIO_s_mem());
        PEM_write_bio_PrivateKey(sink, key, nullptr, nullptr, 0, nullptr, nullptr);
        return text_of(sink);
    }
    static void extend(X509* certificate, X509* issuer, int kind, const char* value) {
        X509V3_CTX context;
        X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    }

    Certificate sign(const std::string& name,
                     EVP_PKEY* key,
                     X509* issuer,
                     const char* constraints,
                     const Says& says) {
        Certificate made(X509_new(), X509_free);
        X509* certificate = made.get();
        X509_set_version(certificate, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial_);
        X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
        X509_gmtime_adj(X509_getm_notAfter(certificate), says.valid_s);
        X509_set_pubkey(certificate, key);
        X509_NAME* subject = X509_get_subject_name(certificate);
        X509_NAME_add_entry_by_txt(subject,
                                   "CN",
                                   MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(name.c_str()),
                                   -1,
                                   -1,
                                   0);
        X509* signer = issuer == nullptr ? certificate : issuer;
        X509_set_issuer_name(certificate, X509_get_subject_name(signer));
        extend(certificate, signer, NID_basic_constraints, constraints);
        std::string names = "IP:127.0.0.1,DNS:localhost";
        for (const std::string& uri : says.uris) {
            names += ",URI:" + uri;
        }
        extend(certificate, signer, NID_subject_alt_name, names.c_str());
        if (X509_sign(certificate, key_.get(), EVP_sha256()) == 0) {
            throw std::runtime_error("cannot sign a certificate");
        }
        return made;
    }

    Key key_;
    long serial_ = 0;
    Certificate certificate_{nullptr, X509_free};
};

} // namespace authex::test
