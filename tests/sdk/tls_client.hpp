#pragma once
// A client of the server under test, in the same thread.

#include <memory>
#include <string>

#include <openssl/ssl.h>

#include "sdk/web_under_test.hpp"

namespace authex::test {

/// A client of TLS 1.2, OpenSSL's, that speaks over a stream of the node.
class TlsClient {
  public:
    /// @param trusted PEM of the one certificate that it takes, for `name`.
    TlsClient(WebServer& web,
              std::uint64_t stream,
              const std::string& trusted,
              const std::string& name = "localhost");

    /// Moves bytes to and fro until nothing moves any more.
    void move();
    /// @return whether it has taken the server's certificate and shaken hands
    bool shake_hands();
    void say(const std::string& text);
    /// All that can be read now.
    std::string hear();
    std::string ask(const std::string& request) {
        say(request);
        return hear();
    }
    [[nodiscard]] SSL* ssl() { return ssl_.get(); }
    /// Bytes that the client wants to send, which move() would have sent.
    std::string outgoing();

  private:
    struct Free {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };
    WebServer& web_;
    std::uint64_t stream_;
    std::unique_ptr<SSL_CTX, Free> context_;
    std::unique_ptr<SSL, Free> ssl_;
};

} // namespace authex::test
