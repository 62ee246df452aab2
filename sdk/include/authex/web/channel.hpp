#pragma once
// The bytes of one client: TLS 1.2, or as they are. What came from outside goes in, what goes
// outside comes out; who carries it sees neither keys nor contents.

#include <authex/bytes.hpp>
#include <authex/web/identity.hpp>

#include <cstddef>
#include <cstdint>

#include <bearssl/bearssl_ssl.h>

namespace authex::web {

/// What may be written at once, in bytes: one record.
constexpr std::size_t record_max_bytes = 16384;
constexpr std::size_t seed_bytes = 32;

class Channel {
  public:
    /// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 or …_CHACHA20_POLY1305_SHA256, with keys agreed on
    /// over Curve25519 or P-256; no renegotiation, no resumption. (RFC 5246, 5289, 7905, 8422)
    /// @param identity outlives the channel. `seed` is secret, and another each time.
    void open_tls(const Identity& identity, ByteView seed);
    void open_plain();

    /// Takes what came from outside. @return how much; 0: read() and sent() first, or none any more
    [[nodiscard]] std::size_t receive(ByteView bytes);
    /// What the client said. Valid until the next call.
    [[nodiscard]] ByteView readable();
    void read(std::size_t bytes);

    /// How much may be written now.
    [[nodiscard]] std::size_t room();
    /// @pre bytes.size() <= room()
    void write(ByteView bytes);
    /// What was written goes out.
    void flush();
    /// Says goodbye to the client.
    void close();

    /// What is to go outside. Valid until the next call.
    [[nodiscard]] ByteView pending();
    void sent(std::size_t bytes);
    /// Nothing will come any more: the client said goodbye, or what came was no TLS.
    [[nodiscard]] bool over() const;

  private:
    br_ssl_server_context tls_{};
    bool plain_ = false;
    bool closed_ = false;
    // Plain: how much of `in_` and `out_` is in use.
    std::size_t in_bytes_ = 0;
    std::size_t out_bytes_ = 0;
    std::uint8_t in_[BR_SSL_BUFSIZE_INPUT]{};
    std::uint8_t out_[BR_SSL_BUFSIZE_OUTPUT]{};
};

} // namespace authex::web
