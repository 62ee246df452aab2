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
#include "crypto/noise.hpp"
#include "deployer/credentials.hpp"
#include "wire/control.hpp"
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
    /// Bytes of serialize(): two keys, two counters.
    static constexpr std::size_t serialized_bytes = 32 + 32 + 8 + 8;

    ControlSession() = default;
    ControlSession(const ControlSession&) = delete;
    ControlSession& operator=(const ControlSession&) = delete;
    ~ControlSession();

    /// Takes up a session where serialize() left it. @error malformed: not serialized_bytes
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
    friend class Handshake;
    [[nodiscard]] Error set_keys(ByteView out, ByteView in);

    std::array<std::uint8_t, 32> out_key_{};
    std::array<std::uint8_t, 32> in_key_{};
    crypto::AeadKey out_;
    crypto::AeadKey in_;
    std::uint64_t next_out_ = 0;
    std::uint64_t next_in_ = 0;
    bool open_ = false;
};

/// One handshake: first(), then second() with the module's answer, each once.
class Handshake {
  public:
    /// @param ephemeral fresh random bytes, never used twice.
    Handshake(const OwnerKey& owner, const std::array<std::uint8_t, 32>& ephemeral);

    /// The frame to send.
    [[nodiscard]] Expected<std::vector<std::uint8_t>> first(std::uint16_t deployment);
    /// Takes the module's frame. The session is open then, but proves nothing before the evidence
    /// over report_data() is verified.
    /// @error truncated | malformed | forged | unknown_version: the module speaks another protocol
    /// version
    [[nodiscard]] Error second(ByteView frame, ControlSession& session);

    [[nodiscard]] const std::array<std::uint8_t, wire::report_data_bytes>& report_data() const {
        return report_data_;
    }
    [[nodiscard]] const ModuleLimits& limits() const { return limits_; }

  private:
    crypto::NoiseInitiator noise_;
    std::uint16_t owner_index_;
    std::array<std::uint8_t, wire::report_data_bytes> report_data_{};
    ModuleLimits limits_;
};

/// Entries of an audit answer. @error truncated | malformed
[[nodiscard]] Error parse_audit(ByteView data, std::vector<wire::AuditEntry>& entries);

} // namespace authex::deployer
