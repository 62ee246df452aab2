#pragma once
// The owner's end of a module's control channel: handshake, then sealed orders and their answers.
// No input or output: frames in, frames out. (DESIGN "Keys and freshness"; src/wire/handshake.hpp)
//
// A session outlives the process: serialize() after order() and before the frames are sent, so that
// no counter is used twice.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/aead.hpp"
#include "crypto/noise_initiator.hpp"
#include "deployer/credentials.hpp"
#include "deployer/secret.hpp"
#include "wire/control_owner.hpp"
#include "wire/handshake.hpp"

namespace authex::deployer {

/// What the module says of itself inside the handshake.
struct ModuleLimits {
    std::uint16_t protocol_version = 0;
    std::uint16_t connections = 0;
    std::uint32_t body_bytes = 0;
};

/// An answer with its data in memory of its own.
struct OrderAnswer {
    wire::ControlType type = wire::ControlType::audit;
    std::uint64_t answers = 0; ///< counter of the order
    Error error = Error::none;
    std::vector<std::uint8_t> data;
};

class ControlSession {
  public:
    /// Bytes of serialize(): the keys, AES-256-GCM's two or the one of SPONGENT-128, and two
    /// counters.
    static constexpr std::size_t serialized_bytes = 32 + 32 + 8 + 8;
    static constexpr std::size_t serialized_keyed_bytes = 16 + 8 + 8;

    ControlSession() = default;
    ControlSession(const ControlSession&) = delete;
    ControlSession& operator=(const ControlSession&) = delete;
    ~ControlSession() = default;

    /// Takes up a session where serialize() left it. @error malformed: neither of these
    [[nodiscard]] Error restore(ByteView serialized);
    /// Secret. @pre is_open()
    [[nodiscard]] std::vector<std::uint8_t> serialize() const;
    [[nodiscard]] bool is_open() const { return open_; }

    /// Seals an order; its counter is in the frame and grows by one. @error not_attested |
    /// exhausted | malformed
    [[nodiscard]] Error order(std::uint16_t deployment,
                              const wire::ControlMessage& message,
                              std::vector<std::uint8_t>& frame);
    /// Counter of the next order.
    [[nodiscard]] std::uint64_t next_order() const { return next_out_; }
    /// Opens one answer frame; its counter must be beyond that of every answer before.
    /// @error truncated | malformed | wrong_role: no answer | replayed | forged
    [[nodiscard]] Error answer(ByteView frame, OrderAnswer& answer);

  private:
    friend class NoiseHandshake;
    friend class KeyedHandshake;
    /// Of AES-256-GCM, 32 bytes each, or of SPONGENT-128, twice the same 16.
    [[nodiscard]] Error set_keys(ByteView out, ByteView in);

    Secret out_key_;
    Secret in_key_;
    crypto::AeadKey out_;
    crypto::AeadKey in_;
    std::uint64_t next_out_ = 0;
    std::uint64_t next_in_ = 0;
    bool open_ = false;
};

/// One handshake: first(), then second() with the module's answer, each once.
class Handshake {
  public:
    virtual ~Handshake() = default;

    /// The frame to send.
    [[nodiscard]] virtual Expected<std::vector<std::uint8_t>> first(std::uint16_t deployment) = 0;
    /// Takes the module's frame. The session is open then, but proves nothing before the evidence
    /// over report_data() is verified.
    /// @error truncated | malformed | forged | unknown_version: the module speaks another protocol
    /// version
    [[nodiscard]] virtual Error second(ByteView frame, ControlSession& session) = 0;

    /// What the evidence is over.
    [[nodiscard]] ByteView report_data() const { return report_data_; }
    /// Evidence that came inside the module's answer; empty: the node has it.
    [[nodiscard]] ByteView evidence() const { return evidence_; }
    [[nodiscard]] const ModuleLimits& limits() const { return limits_; }

  protected:
    /// @error malformed | unknown_version
    [[nodiscard]] Error take_limits(ByteView bytes);
    std::vector<std::uint8_t> report_data_;
    std::vector<std::uint8_t> evidence_;

  private:
    ModuleLimits limits_;
};

/// With the owner's key.
class NoiseHandshake final : public Handshake {
  public:
    /// @param ephemeral fresh random bytes, never used twice.
    NoiseHandshake(const OwnerKey& owner, const std::array<std::uint8_t, 32>& ephemeral);
    [[nodiscard]] Expected<std::vector<std::uint8_t>> first(std::uint16_t deployment) override;
    [[nodiscard]] Error second(ByteView frame, ControlSession& session) override;

  private:
    crypto::NoiseInitiator noise_;
    std::uint16_t owner_index_;
};

/// With the key that the TEE derives for the module. (wire/handshake.hpp, KeyedHandshake)
class KeyedHandshake final : public Handshake {
  public:
    /// @param module_key 16 bytes, tee::Placed; copied. @param challenge fresh random bytes, of
    /// which 16 are used.
    KeyedHandshake(ByteView module_key, const std::array<std::uint8_t, 32>& challenge);
    [[nodiscard]] Expected<std::vector<std::uint8_t>> first(std::uint16_t deployment) override;
    [[nodiscard]] Error second(ByteView frame, ControlSession& session) override;

  private:
    Secret module_key_;
    wire::KeyedHandshake said_;
};

/// Entries of an audit answer. @error truncated | malformed
[[nodiscard]] Error parse_audit(ByteView data, std::vector<wire::AuditEntry>& entries);

} // namespace authex::deployer
