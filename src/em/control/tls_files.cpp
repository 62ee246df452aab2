#include "em/control/tls_files.hpp"

#include <charconv>
#include <fstream>
#include <iterator>
#include <netdb.h>

#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace authex::em {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{1} << 20U;

tl::unexpected<Diagnostic> tls_failure(const std::filesystem::path& file, const std::string& what) {
    return failure("tls",
                   fmt::format("{}: {}", file.string(), what),
                   "make the node's files anew with authex node bundle, or check --tls");
}

Expected<std::string> read(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
    if (!stream.is_open() || stream.bad()) {
        return tls_failure(file, "cannot be read");
    }
    if (content.empty() || content.size() > file_bytes_max) {
        return tls_failure(file, "is empty or too large");
    }
    return content;
}

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Certificate certificate_of(const std::string& pem) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    return {PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free};
}

Key key_of(const std::string& pem) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    // No terminal is asked for a password.
    const auto no_password = [](char*, int, int, void*) { return 0; };
    return {PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr), EVP_PKEY_free};
}

struct HostPort {
    std::string host;
    std::uint16_t port = 0;
};

Expected<HostPort> split(const std::string& address) {
    HostPort parts;
    const std::size_t colon = address.rfind(':');
    const bool bracketed = !address.empty() && address.front() == '[';
    const bool sound = colon != std::string::npos && colon != 0 &&
                       (bracketed ? address[colon - 1] == ']' : address.find(':') == colon);
    const char* const end = address.data() + address.size();
    const char* const digits = sound ? address.data() + colon + 1 : end;
    const auto parsed = std::from_chars(digits, end, parts.port);
    if (!sound || digits == end || parsed.ec != std::errc() || parsed.ptr != end) {
        return failure("address",
                       fmt::format("\"{}\" is no host:port", address),
                       "write it as 192.0.2.1:6000, [2001:db8::1]:6000 or name:6000");
    }
    parts.host = bracketed ? address.substr(1, colon - 2) : address.substr(0, colon);
    return parts;
}

} // namespace

TlsFiles tls_files_in(const std::filesystem::path& folder) {
    return {folder / "node.crt", folder / "node.key", folder / "ca.crt"};
}

Expected<std::shared_ptr<grpc::ServerCredentials>> open_credentials(const TlsFiles& files) {
    if (files.empty()) {
        return grpc::InsecureServerCredentials();
    }
    const Expected<std::string> certificate = read(files.certificate);
    const Expected<std::string> key = read(files.key);
    const Expected<std::string> authority = read(files.authority);
    for (const auto* each : {&certificate, &key, &authority}) {
        if (!*each) {
            return tl::make_unexpected(each->error());
        }
    }
    const Certificate own = certificate_of(*certificate);
    const Key secret = key_of(*key);
    if (own == nullptr) {
        return tls_failure(files.certificate, "is no certificate in PEM");
    }
    if (secret == nullptr) {
        return tls_failure(files.key, "is no unencrypted private key in PEM");
    }
    if (certificate_of(*authority) == nullptr) {
        return tls_failure(files.authority, "is no certificate in PEM");
    }
    const bool belong = X509_check_private_key(own.get(), secret.get()) == 1;
    ERR_clear_error();
    if (!belong) {
        return tls_failure(files.key, "does not belong to the certificate");
    }
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = *authority;
    options.pem_key_cert_pairs.push_back({*key, *certificate});
    return grpc::SslServerCredentials(options);
}

Expected<std::uint16_t> port_of(const std::string& address) {
    const Expected<HostPort> parts = split(address);
    return parts ? Expected<std::uint16_t>(parts->port) : tl::make_unexpected(parts.error());
}

Expected<bool> is_loopback(const std::string& address) {
    const Expected<HostPort> parts = split(address);
    if (!parts) {
        return tl::make_unexpected(parts.error());
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(parts->host.c_str(), nullptr, &hints, &found);
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
    if (code != 0) {
        return failure(
            "address",
            fmt::format("\"{}\" is not known here: {}", parts->host, ::gai_strerror(code)),
            "name an address of this machine");
    }
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
        bool local = false;
        if (each->ai_family == AF_INET) {
            const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(each->ai_addr);
            local = (ntohl(ipv4->sin_addr.s_addr) >> 24U) == 127;
        } else if (each->ai_family == AF_INET6) {
            const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(each->ai_addr);
            local = IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr);
        }
        if (!local) {
            return false;
        }
    }
    return true;
}

} // namespace authex::em
