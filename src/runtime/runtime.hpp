#pragma once
// The in-enclave runtime: invoke(frames in) -> frames out.                                (DESIGN
// "The one idea")

#include <authex/abi.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/connections.hpp"
#include "runtime/control.hpp"
#include "runtime/emitter.hpp"
#include "wire/frame.hpp"

namespace authex::runtime {

#ifndef AUTHEX_MAX_ENDPOINTS
#define AUTHEX_MAX_ENDPOINTS 64
#endif
constexpr std::size_t max_endpoints = AUTHEX_MAX_ENDPOINTS;

/// Room that must be free in the output buffer before a frame is taken: one frame of the largest
/// size for what it emits, and one for its reply. So a handler that sends once never meets a full
/// buffer, and an answer is never lost.
constexpr std::size_t output_guarantee_bytes = std::size_t{2} * wire::max_frame_bytes;
/// Kept free for the acknowledgements that end an invocation.
constexpr std::size_t acks_bytes = max_connections * wire::header_bytes;
/// Smallest output buffer with which an invocation makes progress.
constexpr std::size_t output_min_bytes = output_guarantee_bytes + acks_bytes;

/// What an invocation did with its buffers, in bytes.
struct Progress {
    std::size_t consumed = 0;
    std::size_t produced = 0;
};

/// One module's runtime. Exactly one exists in an enclave, in static memory; not thread-safe, not
/// re-entrant.
class Runtime {
  public:
    // All zero until start(): the object lies in the image's zero-initialised memory.

    /// Once, before the first invocation.
    /// @param endpoints the image's records, kept by reference; an endpoint's id is its index. More
    /// than max_endpoints are not reachable.
    /// @param owner_key X25519 public key, kept by reference; compiled into the image, hence
    /// measured.
    /// @param entropy   ≥ 32 bytes for the first handshake's ephemeral key.
    void start(std::span<const authex_endpoint> endpoints, ByteView owner_key, ByteView entropy);

    /// Takes the whole frames of `in` in order and leaves what they cause in `out`. Both may be
    /// hostile shared memory: each frame is copied in once before it is looked at, `out` is only
    /// written. A cut last frame is left; so is everything from the first frame for which `out` has
    /// less room than output_min_bytes.
    Progress invoke(ByteView in, Bytes out);

    // What the SDK's functions do (abi.h).
    authex_status
    send(const authex_endpoint* endpoint, ByteView data, bool request, std::uint64_t* id);
    authex_status timer_start(const authex_endpoint* timer, std::uint64_t delay_us);
    void timer_stop(const authex_endpoint* timer);
    authex_status
    stream(const authex_endpoint* stream, wire::Kind kind, std::uint64_t id, ByteView data);
    void log(std::uint8_t level, ByteView text);
    void random(Bytes out);

  private:
    [[nodiscard]] const authex_endpoint* endpoint(std::uint16_t id, std::uintptr_t kind) const;
    [[nodiscard]] std::uint16_t id_of(const authex_endpoint* endpoint) const;

    void take(const wire::FrameHeader& header, Bytes frame);
    void take_sealed(const wire::FrameHeader& header, Bytes frame);
    void take_control(const wire::FrameHeader& header, Bytes frame);
    void take_plain(const wire::FrameHeader& header, ByteView body);
    void take_stream(const wire::FrameHeader& header, ByteView body);
    void
    run_handler(Connection& connection, const wire::FrameHeader& header, authex_message& message);
    void run_entry(const wire::FrameHeader& header, authex_message& message);
    void answer_ack_question(const wire::FrameHeader& header);
    [[nodiscard]] Error carry_out(const wire::ControlMessage& message, Writer& data);
    [[nodiscard]] Error set_connection(const wire::SetConnection& terms, Writer& data);
    void audit(Writer& data);
    void refuse(const wire::FrameHeader& header, Error error);
    void emit_owed_acks();
    void emit_ack(const Connection& connection, bool early);

    std::span<const authex_endpoint> endpoints_;
    ByteView owner_key_;
    Emitter emitter_;
    ConnectionTable connections_;
    Control control_;
    std::uint32_t timers_[max_endpoints]{}; ///< arming number of each timer endpoint; 0: not armed
    std::uint32_t timers_armed_ = 0;
    bool disabled_ = false;
    std::uint8_t frame_[wire::max_frame_bytes]{}; ///< the frame being handled, private copy
    std::uint8_t
        result_[wire::max_body_bytes]{};         ///< the answer being written by a handler or entry
    std::uint8_t seal_[wire::max_frame_bytes]{}; ///< the frame being sealed
};

/// The runtime that the SDK's functions act on; set for the length of an invocation.
extern Runtime* active_runtime;

} // namespace authex::runtime
