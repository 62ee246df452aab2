#pragma once
// The owner's channel into the module: handshake, then sealed orders. (docs/protocol.md "Control")

#include "crypto/aead.hpp"
#include "runtime/connections.hpp"
#include "runtime/emitter.hpp"
#include "runtime/features.hpp"
#include "wire/control.hpp"
#include "wire/handshake.hpp"

#if AUTHEX_WITH_NOISE
#include "crypto/kdf.hpp"
#include "crypto/noise.hpp"
#endif

namespace authex::runtime {

/// Keys and counters of one control session. Without Noise both directions share one key.
struct ControlSession {
    crypto::AeadKey keys[with_noise ? 2 : 1];
    [[nodiscard]] crypto::AeadKey& in() { return keys[0]; }
    [[nodiscard]] crypto::AeadKey& out() { return keys[with_noise ? 1 : 0]; }
    std::uint64_t next_in = 0;
    std::uint64_t next_out = 0;
};

class Control {
  public:
    /// Opens one control frame in place; `body` is the order, inside `frame`. Counters strictly
    /// increase; gaps are the owner's business. `scratch` is private memory of the frame's size.
    /// @error not_attested | too_large | replayed | exhausted | forged | malformed
    [[nodiscard]] Error
    open(const wire::FrameHeader& header, Bytes frame, Bytes scratch, Bytes& body);
    /// Seals the answer to an order that was opened, and emits it. `header` is the order's and
    /// becomes the answer's. `scratch` is private memory for one frame.
    /// @pre the emitter has room for it. There are as many answers as orders, so their counters end
    /// with the orders'.
    void answer(wire::FrameHeader& header, ByteView body, Bytes scratch, Emitter& emitter);

    /// For the module: a function of the owner's seeds alone, so that what a module draws follows
    /// from its frames. @error not_attested: before the first seed, and always in builds without
    /// Noise; `out` is zeroed.
    [[nodiscard]] Error random(Bytes out);

#if AUTHEX_WITH_NOISE
    /// Feeds the handshake's generator. @pre before the first handshake.
    void start(ByteView entropy);
    /// Answers Noise message 1 with message 2 and the report data for the evidence. The new keys
    /// take the place of the old when the first order under them verifies, so a stranger's
    /// handshake disturbs no open channel; one that comes between the owner's handshake and its
    /// first order costs the owner another handshake.
    /// @param owner_keys of the image, one after another; `owner` is the index of the one to use.
    /// @error unsupported: no such key | superseded: a key of a higher index has given orders |
    /// truncated | malformed | no_space
    [[nodiscard]] Error handshake(
        ByteView body, ByteView owner_keys, std::uint16_t owner, Bytes scratch, Emitter& emitter);
    /// Whether the order that was opened last is a delegate's.
    [[nodiscard]] bool is_delegates() const {
        return owner_ == wire::delegate_index;
    }
    /// Whether the order that was opened last is the first under an owner key of a higher index:
    /// then what the module has of the owner before is to be forgotten. True once.
    [[nodiscard]] bool was_taken_over();
    /// Secrets that the owner does not know.
    void draw(Bytes out) {
        generator_.fill(out);
    }
    /// From an order of the owner: 32 bytes for both generators.
    void seed(ByteView entropy);
#else
    /// Answers the owner's challenge (wire/handshake.hpp, KeyedHandshake) and takes a new channel
    /// for the old, at once: on a TEE like this, frames come from the module's own node alone,
    /// which can withhold them as well. `header` is the challenge's and becomes the answer's.
    /// @error malformed: no challenge | no_space
    [[nodiscard]] Error
    handshake(ByteView challenge, wire::FrameHeader& header, Bytes scratch, Emitter& emitter);
    void start(ByteView /*entropy*/) {}
    void seed(ByteView /*entropy*/) {}
    [[nodiscard]] constexpr bool was_taken_over() const {
        return false;
    }
#endif

  private:
    [[nodiscard]] static Error
    open_under(ControlSession& session, const wire::FrameHeader& header, Bytes frame, Bytes& body);
#if AUTHEX_WITH_NOISE
    void take_pending();
#endif
    [[nodiscard]] ControlSession& active() {
#if AUTHEX_WITH_NOISE
        return sessions_[active_];
#else
        return sessions_[0];
#endif
    }

    ControlSession sessions_[with_noise ? 2 : 1];
#if AUTHEX_WITH_NOISE
    std::uint8_t active_ = 0;
    bool attested_ = false;
    bool pending_ = false;
    bool taken_over_ = false;
    std::uint16_t owner_ =
        0; ///< index of the key under which orders are taken; its rank only grows
    std::uint16_t pending_owner_ = 0;
    crypto::Generator generator_; ///< of ephemeral keys
    crypto::Generator module_random_;
#else
    std::uint64_t handshakes_ = 0;
#endif
};

} // namespace authex::runtime
