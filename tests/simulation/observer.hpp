#pragma once
// Sees every key, seal and opening at the boundary of crypto::AeadKey: the linker puts wrappers in
// the place of its functions in programs of the simulation (CMakeLists.txt), so that no production
// source knows of it.

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "crypto/aead.hpp"
#include "wire/frame.hpp"

namespace authex::simulation {

/// A key, as a name for it; the second half is zero for keys of 128 bits.
using KeyName = std::array<std::uint8_t, 32>;

/// What a seal or an opening was done over.
struct SealView {
    const KeyName& key;
    crypto::Algorithm algorithm;
    crypto::NonceView nonce;
    ByteView associated;
    ByteView plain;

    /// A frame of a connection: not of a control channel, not of a handshake, no kept state.
    [[nodiscard]] bool of_connection() const { return of_frame() && kind() != wire::Kind::state; }
    [[nodiscard]] bool of_state() const { return of_frame() && kind() == wire::Kind::state; }
    /// Under a key that a module was given.
    [[nodiscard]] bool of_frame() const {
        return algorithm == crypto::Algorithm::aes_128_gcm &&
               associated.size() == wire::associated_bytes;
    }
    /// An order of the owner, or its answer.
    [[nodiscard]] bool of_order() const {
        return algorithm == crypto::Algorithm::aes_256_gcm &&
               associated.size() == wire::associated_bytes && kind() == wire::Kind::control;
    }
    // What the associated data of a frame says.                     (wire/frame.hpp, docs P6)
    [[nodiscard]] wire::Kind kind() const { return static_cast<wire::Kind>(associated[0]); }
    [[nodiscard]] bool back() const { return (associated[1] & wire::flag_direction) != 0; }
    [[nodiscard]] bool negative() const { return (associated[1] & wire::flag_negative) != 0; }
    [[nodiscard]] std::uint16_t channel() const {
        return static_cast<std::uint16_t>(associated[2] | (associated[3] << 8U));
    }
    [[nodiscard]] std::uint64_t counter() const;
};

class Observer {
  public:
    virtual ~Observer() = default;
    virtual void key_set(const KeyName& key, crypto::Algorithm algorithm) = 0;
    virtual void sealed(const SealView& seal) = 0;
    /// The tag has verified.
    virtual void opened(const SealView& seal) = 0;
};
/// Null: nobody looks. One at a time.
void observe(Observer* observer);

} // namespace authex::simulation
