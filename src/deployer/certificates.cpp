#include "deployer/certificates.hpp"

#include <array>
#include <ctime>
#include <fstream>
#include <iterator>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "deployer/private_file.hpp"

namespace authex::deployer {
namespace {

template <auto Free>
struct Deleter {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

constexpr long x509_version_3 = 2;
constexpr long hour_seconds = 3600;
constexpr long day_seconds = 24 * hour_seconds;

tl::unexpected<Diagnostic> tls_failure(const std::string& what) {
    std::array<char, 256> text{};
    ERR_error_string_n(ERR_get_error(), text.data(), text.size());
    return failure("tls", fmt::format("{} ({})", what, text.data()));
}

std::string pem_of(const X509* certificate) {
    const Bio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate);
    const char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

Secret pem_of(const EVP_PKEY* key) {
    const Bio bio(BIO_new(BIO_s_secmem()));
    PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    const std::uint8_t* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return Secret(ByteView(data, static_cast<std::size_t>(size)));
}

bool add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
    return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
    // RFC 5280 §4.1.2.2: positive, at most 20 bytes.
    std::array<unsigned char, 16> serial{};
    if (RAND_bytes(serial.data(), static_cast<int>(serial.size())) != 1) {
        return false;
    }
    serial[0] = static_cast<unsigned char>((serial[0] & 0x7FU) | 0x40U);
    const std::unique_ptr<BIGNUM, Deleter<BN_free>> number(
        BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
    return number != nullptr &&
           BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_name(X509_NAME* name, const std::string& common_name) {
    return X509_NAME_add_entry_by_txt(name,
                                      "CN",
                                      MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(common_name.data()),
                                      static_cast<int>(common_name.size()),
                                      -1,
                                      0) == 1;
}

/// All but what is special to its use.
Certificate draft(EVP_PKEY* key, const std::string& common_name, int days) {
    Certificate certificate(X509_new());
    X509* const draft = certificate.get();
    const bool made = draft != nullptr && X509_set_version(draft, x509_version_3) == 1 &&
                      set_serial(draft) && set_name(X509_get_subject_name(draft), common_name) &&
                      X509_gmtime_adj(X509_getm_notBefore(draft), -hour_seconds) != nullptr &&
                      X509_gmtime_adj(X509_getm_notAfter(draft), days * day_seconds) != nullptr &&
                      X509_set_pubkey(draft, key) == 1;
    return made ? std::move(certificate) : nullptr;
}

bool is_ip_address(const std::string& host) {
    std::array<unsigned char, 16> bytes{};
    return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

/// A host becomes part of a text that OpenSSL parses: only what names and addresses are made of.
bool is_plain_host(const std::string& host) {
    constexpr auto allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:_";
    return !host.empty() && host.find_first_not_of(allowed) == std::string::npos;
}

std::string alternative_names(const CertificateRequest& request) {
    std::vector<std::string> names;
    for (const std::string& host : request.hosts) {
        names.push_back((is_ip_address(host) ? "IP:" : "DNS:") + host);
    }
    if (request.role) {
        names.push_back("URI:" + rpc::role_uri(*request.role));
    }
    return fmt::format("{}", fmt::join(names, ","));
}

Expected<std::pair<Certificate, Key>> make_authority() {
    Key key(EVP_EC_gen("P-256"));
    Certificate certificate =
        key ? draft(key.get(), "authex application", authority_days) : nullptr;
    X509* const self = certificate.get();
    const bool is_signed =
        self != nullptr && X509_set_issuer_name(self, X509_get_subject_name(self)) == 1 &&
        add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        add_extension(self, self, NID_subject_key_identifier, "hash") &&
        X509_sign(self, key.get(), EVP_sha256()) > 0;
    if (!is_signed) {
        return tls_failure("cannot make a certificate authority");
    }
    return std::pair(std::move(certificate), std::move(key));
}

} // namespace

struct Authority::Parts {
    Certificate certificate;
    Key key;
};

Expected<bool> Authority::issue(const CertificateRequest& request,
                                const std::filesystem::path& certificate_file,
                                const std::filesystem::path& key_file) const {
    for (const std::string& host : request.hosts) {
        if (!is_plain_host(host)) {
            return failure("tls", fmt::format("\"{}\" is no host name or address", host));
        }
    }
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate =
        key ? draft(key.get(), request.common_name, request.days) : nullptr;
    X509* const leaf = certificate.get();
    X509* const issuer = parts_->certificate.get();
    const std::string names = alternative_names(request);
    std::string usage = request.server ? "serverAuth" : "";
    usage += request.client ? (usage.empty() ? "clientAuth" : ",clientAuth") : "";
    const bool is_signed =
        leaf != nullptr && X509_set_issuer_name(leaf, X509_get_subject_name(issuer)) == 1 &&
        add_extension(leaf, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(leaf, issuer, NID_key_usage, "critical,digitalSignature") &&
        add_extension(leaf, issuer, NID_ext_key_usage, usage) &&
        add_extension(leaf, issuer, NID_authority_key_identifier, "keyid") &&
        (names.empty() || add_extension(leaf, issuer, NID_subject_alt_name, names)) &&
        X509_sign(leaf, parts_->key.get(), EVP_sha256()) > 0;
    if (!is_signed) {
        return tls_failure(fmt::format("cannot make a certificate for {}", request.common_name));
    }
    const Expected<bool> key_written =
        replace_file(key_file, pem_of(key.get()).text(), FileAccess::owner_only);
    return key_written ? replace_file(certificate_file, pem_of(leaf), FileAccess::everyone_reads)
                       : key_written;
}

Expected<CertificateFacts> read_certificate(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    const std::string pem((std::istreambuf_iterator<char>(stream)),
                          std::istreambuf_iterator<char>());
    const Bio source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const Certificate certificate(PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr));
    std::tm until{};
    if (certificate == nullptr ||
        ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &until) != 1) {
        return tls_failure(fmt::format("{} is no certificate", file.string()));
    }
    CertificateFacts facts;
    facts.valid_until = std::chrono::system_clock::from_time_t(::timegm(&until));
    std::array<char, 65> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()),
                              NID_commonName,
                              name.data(),
                              static_cast<int>(name.size()));
    facts.common_name = name.data();
    const std::unique_ptr<BIGNUM, Deleter<BN_free>> number(
        ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr));
    char* digits = BN_bn2hex(number.get());
    facts.serial = digits == nullptr ? "" : digits;
    OPENSSL_free(digits);
    const std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>> names(
        static_cast<GENERAL_NAMES*>(
            X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* each = sk_GENERAL_NAME_value(names.get(), i);
        if (each->type == GEN_URI) {
            const ASN1_IA5STRING* uri = each->d.uniformResourceIdentifier;
            facts.role =
                rpc::role_of_uri({reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                                  static_cast<std::size_t>(ASN1_STRING_length(uri))});
        }
    }
    return facts;
}

Expected<Authority> open_authority(const std::filesystem::path& folder) {
    const std::filesystem::path certificate_file = folder / "ca.crt";
    const std::filesystem::path key_file = folder / "ca.key";
    // The key is written first: a certificate without its key is damage, a key alone is a start
    // that was cut short.
    if (!std::filesystem::exists(certificate_file)) {
        auto made = make_authority();
        if (!made) {
            return tl::make_unexpected(made.error());
        }
        Expected<bool> written =
            replace_file(key_file, pem_of(made->second.get()).text(), FileAccess::owner_only);
        if (written) {
            written = create_file(
                certificate_file, pem_of(made->first.get()), FileAccess::everyone_reads);
        }
        if (!written) {
            return tl::make_unexpected(written.error());
        }
    }
    const auto key_pem = read_private_file(key_file);
    if (!key_pem) {
        return tl::make_unexpected(key_pem.error());
    }
    std::ifstream stream(certificate_file, std::ios::binary);
    const std::string certificate_pem((std::istreambuf_iterator<char>(stream)),
                                      std::istreambuf_iterator<char>());
    const Bio certificate_bio(
        BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())));
    const Bio key_bio(
        BIO_new_mem_buf(key_pem->text().data(), static_cast<int>(key_pem->text().size())));
    auto parts = std::make_shared<Authority::Parts>();
    parts->certificate.reset(PEM_read_bio_X509(certificate_bio.get(), nullptr, nullptr, nullptr));
    parts->key.reset(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
    if (parts->certificate == nullptr || parts->key == nullptr ||
        X509_check_private_key(parts->certificate.get(), parts->key.get()) != 1) {
        return tls_failure(fmt::format(
            "ca.crt and ca.key in {} are damaged or do not belong together", folder.string()));
    }
    Authority authority;
    authority.parts_ = std::move(parts);
    return authority;
}

} // namespace authex::deployer
