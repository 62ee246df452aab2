#include "em/control/access.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

namespace authex::em {
namespace {

constexpr std::size_t known_max = 256;
/// RFC 5280 §4.1.2.2: at most 20 bytes.
constexpr std::size_t serial_digits_max = 40;

template <auto Free>
struct Deleter {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

/// SHA-256 of the certificate's SubjectPublicKeyInfo in hex.
std::string key_digest(X509* certificate) {
    unsigned char* encoded = nullptr;
    const int bytes = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &encoded);
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
    SHA256(encoded, bytes > 0 ? static_cast<std::size_t>(bytes) : 0, digest.data());
    OPENSSL_free(encoded);
    return fmt::format("{:02x}", fmt::join(digest, ""));
}

std::string serial_of(X509* certificate) {
    const Number number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
    char* digits = number == nullptr ? nullptr : BN_bn2hex(number.get());
    std::string serial = digits == nullptr ? "" : digits;
    OPENSSL_free(digits);
    return serial;
}

/// One whose end cannot be read has ended.
std::chrono::system_clock::time_point end_of(X509* certificate) {
    std::tm until{};
    return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until) == 1
               ? std::chrono::system_clock::from_time_t(::timegm(&until))
               : std::chrono::system_clock::time_point::min();
}

std::string common_name_of(X509* certificate) {
    std::array<char, 65> name{};
    const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate),
                                               NID_commonName,
                                               name.data(),
                                               static_cast<int>(name.size()));
    std::string text(name.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7F; }, '?');
    return text;
}

/// The one role that it names. One with several says nothing clear, and so nothing.
std::optional<rpc::Role> role_in(X509* certificate) {
    const Names names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::optional<rpc::Role> role;
    int found = 0;
    for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_URI) {
            continue;
        }
        const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
        const auto of_uri =
            rpc::role_of_uri({reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                              static_cast<std::size_t>(ASN1_STRING_length(uri))});
        role = of_uri ? of_uri : role;
        found += of_uri ? 1 : 0;
    }
    return found == 1 ? role : std::nullopt;
}

bool is_serial(const std::string& text) {
    return !text.empty() && text.size() <= serial_digits_max &&
           text.find_first_not_of("0123456789ABCDEF") == std::string::npos;
}

Expected<bool> append(const std::filesystem::path& file, const std::string& text) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    const bool written =
        fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fsync(fd) == 0;
    const int error = errno;
    if (fd >= 0) {
        ::close(fd);
    }
    return written ? Expected<bool>(true)
                   : failure("store",
                             fmt::format("cannot write {}: {}",
                                         file.string(),
                                         std::generic_category().message(error)),
                             "make room on the node's disk, then revoke again");
}

} // namespace

struct Access::Authorities {
    struct One {
        Certificate certificate;
        Owner owner;
    };
    std::vector<One> all;
};

Access::Access() = default;
Access::~Access() = default;

Expected<std::unique_ptr<Access>> Access::open(const std::filesystem::path& authority,
                                               const std::filesystem::path& revoked_file) {
    std::unique_ptr<Access> access(new Access());
    access->revoked_file_ = revoked_file;
    if (authority.empty()) {
        return access;
    }
    std::ifstream stream(authority, std::ios::binary);
    const std::string pem((std::istreambuf_iterator<char>(stream)),
                          std::istreambuf_iterator<char>());
    const Bio source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    auto authorities = std::make_unique<Authorities>();
    for (;;) {
        Certificate certificate(PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr));
        if (certificate == nullptr) {
            break;
        }
        Owner owner = key_digest(certificate.get());
        authorities->all.push_back({std::move(certificate), std::move(owner)});
    }
    ERR_clear_error();
    if (authorities->all.empty()) {
        return failure("tls",
                       fmt::format("{}: is no certificate in PEM", authority.string()),
                       "make the node's files anew with authex node bundle, or check --tls");
    }
    access->authorities_ = std::move(authorities);
    const Expected<bool> read = access->read_revoked();
    return read ? Expected<std::unique_ptr<Access>>(std::move(access))
                : tl::make_unexpected(read.error());
}

bool Access::plaintext() const {
    return authorities_ == nullptr;
}

/// Lines of authority and serial number. What was cut short was never answered.
Expected<bool> Access::read_revoked() {
    std::error_code error;
    if (std::filesystem::symlink_status(revoked_file_, error).type() ==
        std::filesystem::file_type::not_found) {
        return true;
    }
    std::ifstream stream(revoked_file_);
    const bool opened = stream.is_open();
    std::string line;
    while (std::getline(stream, line)) {
        std::istringstream words(line);
        Owner owner;
        std::string serial;
        words >> owner >> serial;
        if (is_serial(serial)) {
            revoked_[owner].insert(serial);
        }
    }
    return !opened || stream.bad()
               ? failure("store",
                         fmt::format("cannot read {}", revoked_file_.string()),
                         "without it, revoked certificates would be taken: restore it")
               : Expected<bool>(true);
}

Expected<Identity> Access::read_certificate(const std::string& pem) const {
    const Bio source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const Certificate certificate(PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) {
        ERR_clear_error();
        return failure("certificate-missing",
                       "the caller has shown no certificate",
                       "connect with a client certificate of the node's authority");
    }
    X509* const leaf = certificate.get();
    const auto issuer = std::find_if(
        authorities_->all.begin(), authorities_->all.end(), [&](const Authorities::One& each) {
            X509* const authority = each.certificate.get();
            return X509_check_issued(authority, leaf) == X509_V_OK &&
                   X509_verify(leaf, X509_get0_pubkey(authority)) == 1;
        });
    ERR_clear_error();
    Identity identity{
        .name = common_name_of(leaf), .serial = serial_of(leaf), .valid_until = end_of(leaf)};
    if (issuer == authorities_->all.end()) {
        return failure(
            "certificate-foreign",
            fmt::format("the certificate of \"{}\" is not signed by an authority of this "
                        "node itself",
                        identity.name),
            "use one that authex init or authex role add has made");
    }
    identity.owner = issuer->owner;
    const auto role = role_in(leaf);
    if (!role) {
        return failure("certificate-without-role",
                       fmt::format("the certificate of \"{}\" is no client's: it names no role, or "
                                   "several",
                                   identity.name),
                       "a node's certificate opens no node; get one from authex role add");
    }
    identity.role = *role;
    return identity;
}

Expected<Identity> Access::identify(const std::string& pem) const {
    if (plaintext()) {
        return Identity{
            .owner = local_owner, .role = rpc::Role::owner, .name = local_owner, .serial = {}};
    }
    std::optional<Identity> identity;
    {
        const std::lock_guard lock(mutex_);
        const auto known = known_.find(pem);
        if (known != known_.end()) {
            identity = known->second;
        }
    }
    if (!identity) {
        auto read = read_certificate(pem);
        if (!read) {
            return read;
        }
        identity = std::move(*read);
        const std::lock_guard lock(mutex_);
        if (known_.size() >= known_max) {
            known_.clear();
        }
        known_[pem] = *identity;
    }
    const Expected<bool> valid = still_valid(*identity);
    return valid ? Expected<Identity>(std::move(*identity)) : tl::make_unexpected(valid.error());
}

Expected<bool> Access::check(const Identity& identity, Method method) {
    const MethodRule& rule = rule_of(method);
    if (identity.role >= rule.least) {
        return true;
    }
    return failure(
        "role-too-low",
        fmt::format("\"{}\" is {}, and {} is for the role {}",
                    identity.name,
                    rpc::to_string(identity.role),
                    rule.name,
                    rpc::to_string(rule.least)),
        fmt::format("ask the owner: authex role add NAME --role {}", rpc::to_string(rule.least)));
}

Expected<bool> Access::revoke(const Owner& owner, const std::vector<std::string>& serials) {
    const std::lock_guard lock(mutex_);
    std::set<std::string> all = revoked_[owner];
    std::string lines;
    for (const std::string& serial : serials) {
        if (!is_serial(serial)) {
            return failure("bad-request",
                           "this is no serial number of a certificate",
                           "at most 40 hexadecimal digits, in capitals");
        }
        if (all.insert(serial).second) {
            // A line begins with its break: the one before may have been cut short.
            lines += fmt::format("\n{} {}", owner, serial);
        }
    }
    if (all.size() > revoked_max) {
        return failure("limit",
                       fmt::format("this node keeps no more than {} revoked certificates of an "
                                   "application",
                                   revoked_max),
                       "make a new authority: docs/recovery.md, \"The folder is stolen\"");
    }
    if (!lines.empty()) {
        Expected<bool> kept = append(revoked_file_, lines);
        if (!kept) {
            return kept;
        }
    }
    revoked_[owner] = std::move(all);
    return true;
}

Expected<bool> Access::still_valid(const Identity& identity) const {
    const auto refused = [&](const char* code, const char* what) {
        return failure(code,
                       fmt::format("the certificate of \"{}\" ({}) {}",
                                   identity.name,
                                   rpc::to_string(identity.role),
                                   what),
                       "ask the owner for a new one: authex role add");
    };
    if (identity.valid_until < std::chrono::system_clock::now()) {
        return refused("certificate-expired", "has ended");
    }
    const std::lock_guard lock(mutex_);
    const auto of_owner = revoked_.find(identity.owner);
    const bool revoked = of_owner != revoked_.end() && of_owner->second.contains(identity.serial);
    return revoked ? refused("certificate-revoked", "was revoked") : Expected<bool>(true);
}

std::size_t Access::revoked_count(const Owner& owner) const {
    const std::lock_guard lock(mutex_);
    const auto of_owner = revoked_.find(owner);
    return of_owner == revoked_.end() ? 0 : of_owner->second.size();
}

} // namespace authex::em
