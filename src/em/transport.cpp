#include "em/transport.hpp"

#include <cerrno>
#include <climits>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

namespace authex::em {
namespace {

class PlainTransport final : public Transport {
  public:
    explicit PlainTransport(int fd) : fd_(fd) {}

    Moved read(Bytes to) override {
        const ssize_t count = ::recv(fd_, to.data(), to.size(), MSG_DONTWAIT);
        if (count > 0) {
            return {static_cast<std::size_t>(count), Readiness::done};
        }
        return {0, count < 0 && would_block() ? Readiness::wants_read : Readiness::closed};
    }
    Moved write(ByteView from) override {
        const ssize_t count = ::send(fd_, from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count >= 0) {
            return {static_cast<std::size_t>(count), Readiness::done};
        }
        return {0, would_block() ? Readiness::wants_write : Readiness::closed};
    }

  private:
    static bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }
    int fd_;
};

struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};
struct ContextFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

class TlsTransport final : public Transport {
  public:
    explicit TlsTransport(std::unique_ptr<SSL, SslFree> ssl) : ssl_(std::move(ssl)) {}

    Moved read(Bytes to) override {
        std::size_t count = 0;
        ERR_clear_error();
        const int done = SSL_read_ex(ssl_.get(), to.data(), to.size(), &count);
        return done == 1 ? Moved{count, Readiness::done} : Moved{0, wants(done)};
    }
    Moved write(ByteView from) override {
        std::size_t count = 0;
        ERR_clear_error();
        const int done = SSL_write_ex(ssl_.get(), from.data(), from.size(), &count);
        return done == 1 ? Moved{count, Readiness::done} : Moved{0, wants(done)};
    }

  private:
    Readiness wants(int done) const {
        switch (SSL_get_error(ssl_.get(), done)) {
        case SSL_ERROR_WANT_READ:
            return Readiness::wants_read;
        case SSL_ERROR_WANT_WRITE:
            return Readiness::wants_write;
        default:
            return Readiness::closed;
        }
    }
    std::unique_ptr<SSL, SslFree> ssl_;
};

bool is_numeric(const std::string& host) {
    in6_addr address{};
    return ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

class OpensslContext final : public TlsContext {
  public:
    explicit OpensslContext(SSL_CTX* context) : context_(context) {}
    [[nodiscard]] SSL_CTX* get() const { return context_.get(); }

    std::unique_ptr<Transport> make(int fd, bool opened, const std::string& host) override {
        std::unique_ptr<SSL, SslFree> ssl(SSL_new(context_.get()));
        if (ssl == nullptr || SSL_set_fd(ssl.get(), fd) != 1) {
            return nullptr;
        }
        if (!opened) {
            SSL_set_accept_state(ssl.get());
            return std::make_unique<TlsTransport>(std::move(ssl));
        }
        X509_VERIFY_PARAM* verify = SSL_get0_param(ssl.get());
        const int named = is_numeric(host) ? X509_VERIFY_PARAM_set1_ip_asc(verify, host.c_str())
                                           : SSL_set1_host(ssl.get(), host.c_str());
        if (named != 1) {
            return nullptr;
        }
        SSL_set_connect_state(ssl.get());
        return std::make_unique<TlsTransport>(std::move(ssl));
    }

  private:
    std::unique_ptr<SSL_CTX, ContextFree> context_;
};

} // namespace

std::unique_ptr<Transport> make_plain_transport(int fd) {
    return std::make_unique<PlainTransport>(fd);
}

Expected<std::unique_ptr<TlsContext>> TlsContext::open(const std::string& certificate,
                                                       const std::string& key,
                                                       const std::string& authority) {
    auto context = std::make_unique<OpensslContext>(SSL_CTX_new(TLS_method()));
    SSL_CTX* raw = context->get();
    if (raw == nullptr) {
        return failure("tls", "OpenSSL has no TLS", "check the installation of OpenSSL");
    }
    SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
    SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // Also who opens a link is a node, whose certificate serves; those of roles are for clients.
    const bool ready = SSL_CTX_set_purpose(raw, X509_PURPOSE_SSL_SERVER) == 1 &&
                       SSL_CTX_use_certificate_chain_file(raw, certificate.c_str()) == 1 &&
                       SSL_CTX_use_PrivateKey_file(raw, key.c_str(), SSL_FILETYPE_PEM) == 1 &&
                       SSL_CTX_check_private_key(raw) == 1 &&
                       SSL_CTX_load_verify_locations(raw, authority.c_str(), nullptr) == 1;
    if (!ready) {
        const char* reason = ERR_reason_error_string(ERR_get_error());
        return failure("tls",
                       fmt::format("the links' TLS files do not work: {}",
                                   reason == nullptr ? "unknown reason" : reason),
                       fmt::format("check {}, {} and {}", certificate, key, authority));
    }
    return context;
}

} // namespace authex::em
