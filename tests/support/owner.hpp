#pragma once
// The owner of modules in tests: opens their control channel and orders their connections.

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.hpp"
#include "crypto/aead.hpp"
#include "crypto/x25519.hpp"
#include "wire/control.hpp"
#include "wire/frame.hpp"

namespace authex::test {

const crypto::DhKey& owner_public();
/// The key of a connection, for the owner and for who seals in its place.
std::array<std::uint8_t, wire::connection_key_bytes>
connection_key(std::uint16_t deployment, std::uint16_t channel, std::uint32_t epoch);

class Owner {
  public:
    /// Hands a handshake or control frame to the module; returns its answer.
    using Exchange = std::function<std::vector<std::uint8_t>(ByteView frame)>;

    Owner(std::uint16_t deployment, Exchange exchange)
        : deployment_(deployment), exchange_(std::move(exchange)) {}

    /// Each throws std::runtime_error where the module does not answer as it must.
    void attest();
    void connect(std::uint16_t channel, std::uint16_t endpoint, bool source, std::uint32_t epoch);
    void disconnect(std::uint16_t channel);

  private:
    void order(const wire::ControlMessage& message);

    std::uint16_t deployment_;
    Exchange exchange_;
    crypto::AeadKey to_module_;
    std::uint64_t next_order_ = 0;
};

} // namespace authex::test
