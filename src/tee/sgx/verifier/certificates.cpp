#include "tee/sgx/verifier/certificates.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

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

tl::unexpected<Diagnostic>
refused(const char* code, const std::string& what, const std::string& expected, const char* fix) {
    Diagnostic diagnostic = make_error(code, what, fix);
    diagnostic.detail = "expected: " + expected;
    return tl::make_unexpected(std::move(diagnostic));
}

constexpr auto fix_chain =
    "get the certificates again from Intel's or your own provisioning service";
constexpr auto fix_date = "get current collateral, and look at this machine's clock";

Expected<Certificate> parse_block(std::string_view block) {
    const std::unique_ptr<BIO, FreeWith<BIO_free>> bio(
        BIO_new_mem_buf(block.data(), static_cast<int>(block.size())));
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (bio == nullptr || PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) {
        return refused("certificate-malformed", "a certificate's PEM is damaged", "PEM", fix_chain);
    }
    const unsigned char* end = data;
    Certificate certificate(d2i_X509(nullptr, &end, size));
    const bool whole = certificate != nullptr && end == data + size && *header == '\0';
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

bool self_issued(const X509& certificate) {
    return X509_NAME_cmp(X509_get_subject_name(&certificate), X509_get_issuer_name(&certificate)) ==
           0;
}

bool issued(const X509& issuer, const X509& subject) {
    return X509_NAME_cmp(X509_get_subject_name(&issuer), X509_get_issuer_name(&subject)) == 0;
}

/// In order: leaf, authority (where there are three), root.
Expected<Chain> in_order(std::vector<Certificate> all, std::size_t count) {
    if (all.size() != count) {
        return refused("chain-malformed",
                       fmt::format("the chain has {} certificates", all.size()),
                       fmt::format("{}", count),
                       fix_chain);
    }
    const auto take = [&all](auto fits) -> Certificate {
        const auto found = std::find_if(all.begin(), all.end(), fits);
        if (found == all.end()) {
            return nullptr;
        }
        Certificate certificate = std::move(*found);
        all.erase(found);
        return certificate;
    };
    Chain chain;
    chain.root = take([](const Certificate& each) { return self_issued(*each); });
    if (chain.root != nullptr && count == 3) {
        chain.authority = take([&](const Certificate& each) { return issued(*chain.root, *each); });
    }
    const X509* issuer = count == 3 ? chain.authority.get() : chain.root.get();
    if (issuer != nullptr) {
        chain.leaf = take([&](const Certificate& each) { return issued(*issuer, *each); });
    }
    if (chain.leaf == nullptr) {
        return refused("chain-malformed",
                       "the certificates do not issue one another",
                       "a chain up to a root that issued itself",
                       fix_chain);
    }
    return chain;
}

Expected<bool>
check_name(const X509& certificate, std::initializer_list<std::string_view> names, bool intels) {
    const std::string found = name_text(X509_get_subject_name(&certificate));
    for (const std::string_view name : names) {
        if (intels ? found == fmt::format("Intel {}", name) : found.ends_with(name)) {
            return true;
        }
    }
    return refused("chain-name",
                   fmt::format("a certificate is of \"{}\"", found),
                   fmt::format("\"{}\"", fmt::join(names, "\" or \"")),
                   fix_chain);
}

Expected<bool> check_names(const Chain& chain, ChainKind kind, bool intels) {
    const std::initializer_list<std::string_view> authorities = {"SGX PCK Processor CA",
                                                                 "SGX PCK Platform CA"};
    Expected<bool> named = intels ? check_name(*chain.root, {"SGX Root CA"}, intels) : true;
    if (named && kind == ChainKind::pck) {
        named = check_name(*chain.authority, authorities, intels);
    }
    if (!named) {
        return named;
    }
    switch (kind) {
    case ChainKind::pck:
        return check_name(*chain.leaf, {"SGX PCK Certificate"}, intels);
    case ChainKind::pck_ca:
        return check_name(*chain.leaf, authorities, intels);
    case ChainKind::tcb_signing:
        return check_name(*chain.leaf, {"SGX TCB Signing"}, intels);
    }
    return true;
}

/// What holds for one certificate of itself: version, key, algorithm, usage.
Expected<bool> check_profile(X509& certificate, bool authority) {
    const std::string name = name_text(X509_get_subject_name(&certificate));
    if (!point_of(certificate)) {
        return refused("chain-key",
                       fmt::format("the key of \"{}\" is not on P-256", name),
                       "a point on the named curve P-256",
                       fix_chain);
    }
    if (X509_get_signature_nid(&certificate) != NID_ecdsa_with_SHA256) {
        return refused("chain-key",
                       fmt::format("\"{}\" is signed in another way", name),
                       "ECDSA with SHA-256",
                       fix_chain);
    }
    const std::uint32_t flags = X509_get_extension_flags(&certificate);
    const bool is_authority = X509_check_ca(&certificate) == 1;
    const std::uint32_t usage = X509_get_key_usage(&certificate); // all, where there is none
    const std::uint32_t needed = authority ? KU_KEY_CERT_SIGN : KU_DIGITAL_SIGNATURE;
    const bool usage_there = !authority || (flags & EXFLAG_KUSAGE) != 0;
    if (X509_get_version(&certificate) != X509_VERSION_3 || (flags & EXFLAG_INVALID) != 0 ||
        is_authority != authority || (usage & needed) == 0 || !usage_there) {
        return refused("chain-usage",
                       fmt::format("\"{}\" may not be used for this", name),
                       authority ? "version 3, a certificate authority that signs certificates"
                                 : "version 3, no certificate authority, digital signatures",
                       fix_chain);
    }
    return true;
}

Diagnostic path_error(X509_STORE_CTX& context, const Chain& chain) {
    const int error = X509_STORE_CTX_get_error(&context);
    const X509* where = X509_STORE_CTX_get_current_cert(&context);
    const std::string name =
        name_text(X509_get_subject_name(where == nullptr ? chain.leaf.get() : where));
    const bool late = error == X509_V_ERR_CERT_HAS_EXPIRED;
    const bool dated = late || error == X509_V_ERR_CERT_NOT_YET_VALID;
    const bool forged = error == X509_V_ERR_CERT_SIGNATURE_FAILURE;
    Diagnostic diagnostic =
        make_error(dated ? "chain-expired" : (forged ? "chain-signature" : "chain-usage"),
                   fmt::format("\"{}\": {}", name, X509_verify_cert_error_string(error)),
                   dated ? fix_date : fix_chain);
    if (dated && where != nullptr) {
        diagnostic.detail = fmt::format("expected: a time from {} to {}",
                                        utc_text(utc_of(*X509_get0_notBefore(where))),
                                        utc_text(utc_of(*X509_get0_notAfter(where))));
    }
    return diagnostic;
}

/// Signatures, dates, constraints and critical extensions, up to the root of the chain itself.
Expected<bool> check_path(const Chain& chain, UnixTime now) {
    const std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>> store(X509_STORE_new());
    const std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>> context(
        X509_STORE_CTX_new());
    const std::unique_ptr<STACK_OF(X509),
                          FreeWith<[](STACK_OF(X509) * stack) { sk_X509_free(stack); }>>
        between(sk_X509_new_null());
    if (store == nullptr || context == nullptr || between == nullptr ||
        X509_STORE_add_cert(store.get(), chain.root.get()) != 1 ||
        (chain.authority != nullptr && sk_X509_push(between.get(), chain.authority.get()) == 0) ||
        X509_STORE_CTX_init(context.get(), store.get(), chain.leaf.get(), between.get()) != 1) {
        return failure("out-of-memory", "there is no memory for certificates");
    }
    X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(parameters, now);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_CHECK_SS_SIGNATURE);
    if (X509_verify_cert(context.get()) != 1) {
        return tl::make_unexpected(path_error(*context, chain));
    }
    return true;
}

} // namespace

const Point intel_root_key = {
    0x0B, 0xA9, 0xC4, 0xC0, 0xC0, 0xC8, 0x61, 0x93, 0xA3, 0xFE, 0x23, 0xD6, 0xB0, 0x2C, 0xDA, 0x10,
    0xA8, 0xBB, 0xD4, 0xE8, 0x8E, 0x48, 0xB4, 0x45, 0x85, 0x61, 0xA3, 0x6E, 0x70, 0x55, 0x25, 0xF5,
    0x67, 0x91, 0x8E, 0x2E, 0xDC, 0x88, 0xE4, 0x0D, 0x86, 0x0B, 0xD0, 0xCC, 0x4E, 0xE2, 0x6A, 0xAC,
    0xC9, 0x88, 0xE5, 0x05, 0xA9, 0x53, 0x55, 0x8C, 0x45, 0x3F, 0x6B, 0x09, 0x04, 0xAE, 0x73, 0x94};

Expected<std::vector<Certificate>> parse_certificates(std::string_view pem) {
    std::vector<Certificate> all;
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
        Expected<Certificate> certificate = parse_block(pem.substr(0, size));
        if (!certificate) {
            return tl::make_unexpected(certificate.error());
        }
        all.push_back(std::move(*certificate));
        pem.remove_prefix(size);
    }
}

Expected<Certificate> parse_certificate(std::string_view bytes) {
    if (bytes.starts_with(begin_mark)) {
        auto all = parse_certificates(bytes);
        if (all && all->size() == 1) {
            return std::move(all->front());
        }
    } else {
        const auto* begin = reinterpret_cast<const unsigned char*>(bytes.data());
        const unsigned char* end = begin;
        Certificate certificate(d2i_X509(nullptr, &end, static_cast<long>(bytes.size())));
        if (certificate != nullptr && end == begin + bytes.size()) {
            return certificate;
        }
    }
    return refused(
        "certificate-malformed", "this is not one certificate", "X.509 in PEM or DER", fix_chain);
}

Expected<Chain>
check_chain(std::string_view pem, ChainKind kind, const Point& root_key, UnixTime now) {
    Expected<std::vector<Certificate>> all = parse_certificates(pem);
    if (!all) {
        return tl::make_unexpected(all.error());
    }
    Expected<Chain> chain = in_order(std::move(*all), kind == ChainKind::pck ? 3 : 2);
    if (!chain) {
        return chain;
    }
    if (point_of(*chain->root) != root_key) {
        return refused("chain-root",
                       fmt::format("the root \"{}\" has another key", subject_of(*chain->root)),
                       "the key of the root that is trusted",
                       "another root is trusted only where you name it (--root)");
    }
    Expected<bool> checked = check_names(*chain, kind, root_key == intel_root_key);
    for (X509* each : {chain->root.get(), chain->authority.get(), chain->leaf.get()}) {
        if (checked && each != nullptr) {
            checked = check_profile(*each, each != chain->leaf.get() || kind == ChainKind::pck_ca);
        }
    }
    if (checked) {
        checked = check_path(*chain, now);
    }
    return checked ? std::move(chain) : tl::make_unexpected(checked.error());
}

std::string subject_of(const X509& certificate) {
    return name_text(X509_get_subject_name(&certificate));
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

Period period_of(const Chain& chain) {
    Period period;
    for (const X509* each : {chain.leaf.get(), chain.authority.get(), chain.root.get()}) {
        if (each != nullptr) {
            period.narrow({.from = utc_of(*X509_get0_notBefore(each)),
                           .until = utc_of(*X509_get0_notAfter(each)) + 1});
        }
    }
    return period;
}

PublicKey key_of(ByteView point) {
    std::array<std::uint8_t, p256_prefix.size() + public_key_bytes> der{};
    if (point.size() != public_key_bytes) {
        return nullptr;
    }
    copy(p256_prefix, der);
    copy(point, Bytes(der).subspan(p256_prefix.size()));
    const unsigned char* end = der.data();
    return PublicKey(d2i_PUBKEY(nullptr, &end, static_cast<long>(der.size())));
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
           EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, &key) == 1 &&
           EVP_DigestVerify(context.get(),
                            der.data(),
                            static_cast<std::size_t>(size),
                            message.data(),
                            message.size()) == 1;
}

} // namespace authex::tee::sgx
