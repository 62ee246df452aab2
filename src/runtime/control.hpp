#pragma once
// The owner's channel into the module: handshake, then sealed orders. (docs/protocol.md "Control")

#include "crypto/aead.hpp"
#include "runtime/connections.hpp"
#include "runtime/emitter.hpp"
#include "wire/control.hpp"

#ifndef AUTHEX_WITH_NOISE
#define AUTHEX_WITH_NOISE 1
#endif
#if AUTHEX_WITH_NOISE
#include "crypto/kdf.hpp"
#include "crypto/noise.hpp"
#endif

namespace authex::runtime {

/// Keys and counters of one control session.
struct ControlSession {
    crypto::AeadKey in;
    crypto::AeadKey out;
    std::uint64_t next_in = 0;
    std::uint64_t next_out = 0;
};

class Control {
  public:
    /// One authentic order. `parsed` says whether it was understood.
    struct Taken {
        wire::ControlMessage message;
        std::uint64_t counter = 0;
        Error parsed = Error::none;
    };

    /// Opens one control frame in place. Counters strictly increase; gaps are the owner's business.
    /// @error not_attested | too_large | replayed | exhausted | forged | malformed
    [[nodiscard]] Error open(const wire::FrameHeader& header, Bytes frame, Taken& taken);
    /// Seals the answer and emits it. `scratch` is private memory for one frame. @error no_space |
    /// too_large | exhausted
    [[nodiscard]] Error
    answer(const Taken& taken, Error error, ByteView data, Bytes scratch, Emitter& emitter);

    [[nodiscard]] bool attested() const { return attested_; }
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
    /// first order costs the owner another handshake. @error truncated | malformed | no_space
    [[nodiscard]] Error
    handshake(ByteView body, ByteView owner_key, Bytes scratch, Emitter& emitter);
#endif

  private:
    [[nodiscard]] Error
    open_under(ControlSession& session, const wire::FrameHeader& header, Bytes frame, Bytes& body);

    ControlSession sessions_[AUTHEX_WITH_NOISE ? 2 : 1];
    std::uint8_t active_ = 0;
    bool attested_ = false;
#if AUTHEX_WITH_NOISE
    bool pending_ = false;
    crypto::Generator generator_; ///< of ephemeral keys
    crypto::Generator module_random_;
#endif
};

} // namespace authex::runtime
