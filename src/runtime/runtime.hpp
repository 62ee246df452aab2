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
#include "runtime/features.hpp"
#include "runtime/values.hpp"
#include "wire/frame.hpp"

namespace authex::runtime {

#ifndef AUTHEX_MAX_ENDPOINTS
#define AUTHEX_MAX_ENDPOINTS 64
#endif
constexpr std::size_t max_endpoints = AUTHEX_MAX_ENDPOINTS;

#if AUTHEX_WITH_LINKED_ENDPOINTS
extern "C" const authex_endpoint __start_authex_endpoints[max_endpoints];
extern "C" std::uint8_t __start_authex_state[];
extern "C" std::uint8_t __stop_authex_state[];
#endif

/// What the module may send while one frame is handled: two frames of the largest size, or many
/// small ones. A constant, so that what a module does depends on its frames and never on the room
/// that the host has.
constexpr std::size_t send_allowance_bytes = std::size_t{2} * wire::max_frame_bytes;
/// Each timer is told to the node once a frame at most, whatever was sent before.
constexpr std::size_t timers_bytes = with_timers ? max_endpoints * (wire::header_bytes + 8) : 0;
/// The acknowledgements that end an invocation.
constexpr std::size_t acks_bytes = max_connections * (wire::header_bytes + wire::ack_body_bytes);
/// Room that must be free in the output buffer before a frame is taken: what the module sends, one
/// reply, result or answer, the timers, the acknowledgements. Smallest buffer that makes progress.
constexpr std::size_t output_min_bytes =
    send_allowance_bytes + wire::max_frame_bytes + timers_bytes + acks_bytes;

/// Largest answer of a handler or entry.
#ifndef AUTHEX_MAX_RESULT_BYTES
#define AUTHEX_MAX_RESULT_BYTES AUTHEX_MAX_BODY_BYTES
#endif
constexpr std::size_t max_result_bytes = AUTHEX_MAX_RESULT_BYTES;
static_assert(max_result_bytes >= 1 && max_result_bytes <= wire::max_body_bytes);

/// What an invocation did with its buffers, in bytes.
struct Progress {
    std::size_t consumed = 0;
    std::size_t produced = 0;
};

/// The frame being handled, private copy. Its header becomes that of its answer.
class HandledFrame {
  protected:
    wire::FrameHeader header_{.version = 0, .kind = {}};
    alignas(2) std::uint8_t frame_[wire::max_frame_bytes]{};
    [[nodiscard]] Bytes frame() { return frame_; }
};
/// The same where the header need not be kept twice.
class HandledFrameInOne {
  protected:
    wire::FrameHeader header_{.version = 0, .kind = {}};
    std::uint8_t after_header_[wire::max_length]{};
    [[nodiscard]] Bytes frame() {
        return {reinterpret_cast<std::uint8_t*>(&header_), wire::max_frame_bytes};
    }
};

/// One module's runtime. Exactly one exists in an enclave, in static memory; not thread-safe, not
/// re-entrant.
class Runtime
    : std::conditional_t<wire::header_is_as_on_the_wire, HandledFrameInOne, HandledFrame> {
  public:
    // All zero until start(): the object lies in the image's zero-initialised memory.

    /// Once, before the first invocation.
    /// @param endpoints the image's records, kept by reference; an endpoint's id is its index. More
    /// than max_endpoints are not reachable.
    /// @param owner_keys X25519 public keys, one after another, kept by reference; compiled into
    /// the image, hence measured.
    /// @param entropy   ≥ 32 bytes for the first handshake's ephemeral key.
    /// In a build without Noise there are no owner keys and no entropy: the TEE derives a key for
    /// this module alone. One with the linker's endpoints too has nothing to start.
    void start(std::span<const authex_endpoint> endpoints, ByteView owner_keys, ByteView entropy);
#if AUTHEX_WITH_KEEPING
    /// The module's state (AUTHEX_STATE), kept by reference.
    /// @param persists it outlives the process: the module waits until its owner has told it what
    /// it is, or that it begins
    void keep(Bytes state, bool persists) {
        state_ = state;
        persists_ = persists;
        pause_ = persists ? Pause::begins : Pause::none;
    }
#endif

    /// Takes the whole frames of `in` in order and leaves what they cause in `out`. Both may be
    /// hostile shared memory: each frame is copied in once before it is looked at, `out` is only
    /// written. A cut last frame is left; so is everything from the first frame for which `out` has
    /// less room than output_min_bytes.
    Progress invoke(ByteView in, Bytes out);

#if AUTHEX_WITH_INTERRUPTS
    /// From the port: the next invocation that has room calls the functions of interrupts with it.
    /// @param what AUTHEX_INTERRUPT_…; `flags` of the device, added to those that still wait.
    void interrupt(std::uint8_t what, std::uint8_t flags) {
        interrupt_ = static_cast<std::uint8_t>(interrupt_ | what);
        interrupt_flags_ = static_cast<std::uint8_t>(interrupt_flags_ | flags);
    }
#endif

    // What the SDK's functions do (abi.h).
    authex_status
    send(const authex_endpoint* endpoint, ByteView data, bool request, std::uint64_t* id);
    authex_status timer_start(const authex_endpoint* timer, std::uint64_t delay_us);
    void timer_stop(const authex_endpoint* timer);
    authex_status
    stream(const authex_endpoint* stream, wire::Kind kind, std::uint64_t id, ByteView data);
    authex_status listen(const authex_endpoint* stream, std::uint16_t port, bool pulled);
    void log(std::uint8_t level, ByteView text);
    authex_status random(Bytes out);
    authex_status value(std::uint8_t kind, ByteView name, ByteView& value) const;
#if AUTHEX_WITH_DEADLINES
    /// As another module has said; never goes back.
    void set_clock(std::uint64_t now_us) {
        clock_us_ = now_us > clock_us_ ? now_us : clock_us_;
    }
#endif

  private:
    struct TimerState {
        std::uint64_t delay_us = 0;
        std::uint64_t arming = 0; ///< 0: not armed
        bool to_tell = false;     ///< the node has not been told
    };
#if AUTHEX_WITH_HANDOVER
    /// Why the module waits.
    enum class Pause : std::uint8_t{
        none,
        ordered,  ///< by its owner
        begins,   ///< and has not been told yet whether there is a state of it
        restored, ///< from a kept state, and has not been told to go on yet
    };
#endif
    /// What a stream endpoint has asked of the node; the first three bytes are the frame's body.
    struct Listening {
        std::uint16_t port = 0;
        bool pulled = false;
        bool on = false;
        [[nodiscard]] ByteView body() const { return bytes_of(*this).first(3); }
    };
    /// Requests that were sent and not answered: the ids from `begin` to before `end`.
    struct OpenRequests {
        const authex_endpoint* endpoint = nullptr; ///< null: none
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
    };

    [[nodiscard]] const authex_endpoint* endpoint(std::uint16_t id) const;
    [[nodiscard]] const authex_endpoint* endpoint(std::uint16_t id, std::uintptr_t kind) const;
    [[nodiscard]] std::uint16_t id_of(const authex_endpoint* endpoint) const;
    [[nodiscard]] Error nothing_there() const;

    [[nodiscard]] std::size_t take_first(ByteView left);
    void take(Bytes frame);
    [[nodiscard]] Error check(Connection& connection) const;
    void take_sealed(Bytes frame);
    void take_control(Bytes frame);
    void take_plain();
    void take_handshake();
    void take_call();
    void take_stream();
    void take_timer();
#if AUTHEX_WITH_DEADLINES
    void take_time();
    [[nodiscard]] bool comes_in_time(Connection& connection, ByteView& data);
    [[nodiscard]] const std::uint64_t& clock_of(const Connection& connection) const {
        return (connection.terms.deadline & wire::by_own_clock) != 0 ? clock_us_ : host_clock_us_;
    }
    void ask_for_time();
    [[nodiscard]] ByteView body_for(const Connection& connection, ByteView data);
#else
    [[nodiscard]] static ByteView body_for(const Connection& /*connection*/, ByteView data) {
        return data;
    }
#endif
#if AUTHEX_WITH_INTERRUPTS
    void take_interrupts();
#endif
    void run(const authex_endpoint& target);
    void set_body(ByteView body);
    /// For the frame being sealed: private memory of its size. Where it is that of the frame being
    /// handled, nobody looks at that any more, but at its header.
    [[nodiscard]] Bytes seal_room() {
        return sends_while_it_reads ? Bytes(seal_) : frame();
    }
    [[nodiscard]] ByteView body() const {
        return {message_.data, message_.size};
    }
    [[nodiscard]] ByteView result() const {
        return {result_, message_.result_size};
    }
    void answer_ack_question();
#if AUTHEX_WITH_DELEGATE
    [[nodiscard]] bool is_owners_alone(wire::ControlType order) const;
#endif
    [[nodiscard]] Error carry_out(const wire::ControlMessage& message, Writer& data);
    [[nodiscard]] Error set_connection(const wire::SetConnection& terms, Writer& data);
    void remove_connection(std::uint16_t channel);
    void forget_owner();
#if AUTHEX_WITH_VALUES
    [[nodiscard]] Error carry_out_value(const wire::ControlMessage& message);
#endif
#if AUTHEX_WITH_HANDOVER
    [[nodiscard]] Error carry_out_handover(const wire::ControlMessage& message, Writer& data);
    /// But for one that waits with its state: it waits on.
    void pause() {
        pause_ = pause_ == Pause::restored ? pause_ : Pause::ordered;
    }
    void resume();
    [[nodiscard]] Error accept_state(Writer& data);
    void accept_no_state() {
        accepts_state_ = false;
#if AUTHEX_WITH_SEALED_STATE
        wipe(state_secret_);
#endif
    }
    [[nodiscard]] Error export_state(const wire::ControlMessage& message, Writer& data);
    [[nodiscard]] Error import_state(const wire::ControlMessage& message);
    [[nodiscard]] Error take_pieces(const wire::ControlMessage& message, ByteView chunk);
    [[nodiscard]] Error
    take_piece(Reader& reader, ByteView chunk, std::uint32_t version, bool take);
    [[nodiscard]] Error migrate(std::uint32_t version, ByteView name, ByteView bytes);
    [[nodiscard]] Error continue_connection(const wire::ControlMessage& message, Writer& data);
    [[nodiscard]] Error arm(const wire::Waiting& waiting);
    [[nodiscard]] bool holds_back();
    void write_waiting(Writer& data) const;
#endif
#if AUTHEX_WITH_KEEPING
    [[nodiscard]] Bytes state() const {
        return state_;
    }
    [[nodiscard]] Error keep_state(const wire::ControlMessage& message);
    [[nodiscard]] Error restore_state(const wire::ControlMessage& message, Writer& data);
    void seal_if_due();
    void emit_state();
#elif AUTHEX_WITH_HANDOVER
    [[nodiscard]] static Bytes state() {
        return {__start_authex_state, __stop_authex_state};
    }
#endif
#if AUTHEX_WITH_TURNS
    [[nodiscard]] Error turn_key(const wire::ControlMessage& message, Writer& data);
#endif
    /// What must be free before a frame is taken.
    [[nodiscard]] std::size_t room_for_a_frame() const {
#if AUTHEX_WITH_KEEPING
        return output_min_bytes + (keeping_.is_set() ? wire::max_frame_bytes : 0);
#else
        return output_min_bytes;
#endif
    }
    [[nodiscard]] bool asks_on_another(const authex_endpoint& end, std::uint16_t channel);
    [[nodiscard]] static OpenRequests open_requests(const Connection& connection);
    static void fail_requests(const OpenRequests& open);
    [[nodiscard]] Error audit(Writer& data);
    void refuse(Error error);
    void tell_manager();
    void emit_timers();
    void emit_owed_acks();

#if AUTHEX_WITH_LINKED_ENDPOINTS
    static constexpr std::span<const authex_endpoint, max_endpoints> endpoints_{
        __start_authex_endpoints};
#else
    std::span<const authex_endpoint> endpoints_;
#endif
#if AUTHEX_WITH_NOISE
    ByteView owner_keys_;
#endif
    Emitter emitter_;
    ConnectionTable connections_;
    Control control_;
#if AUTHEX_WITH_VALUES
    ValueTable values_;
#endif
#if AUTHEX_WITH_TIMERS
    TimerState timers_[max_endpoints]{}; ///< by endpoint id
    std::uint64_t timers_armed_ = 0;
    bool timers_to_tell_ = false;
#endif
#if AUTHEX_WITH_STREAMS
    Listening listening_[max_endpoints]{}; ///< by endpoint id
#endif
#if AUTHEX_WITH_DEADLINES
    std::uint64_t host_clock_us_ = 0; ///< 0: not told yet
    std::uint64_t clock_us_ = 0;      ///< as other modules say
    std::uint64_t taken_ = 0;         ///< frames, but those that tell the time
#endif
#if AUTHEX_WITH_INTERRUPTS
    std::uint8_t interrupt_ = 0; ///< what waits
    std::uint8_t interrupt_flags_ = 0;
#endif
#if AUTHEX_WITH_HANDOVER
    bool accepts_state_ = false;
    Pause pause_ = Pause::none;
#endif
#if AUTHEX_WITH_SEALED_STATE
    crypto::DhKey state_secret_{}; ///< of the key that state for this instance is sealed under
#endif
#if AUTHEX_WITH_KEEPING
    Bytes state_;
    bool persists_ = false;
    bool to_keep_ = false;         ///< something may have changed since the state was kept
    bool seals_when_told_ = false; ///< its host says when the state is to be sealed
    bool told_to_seal_ = false;
    crypto::AeadKey keeping_; ///< not set: the state is not kept
    std::uint64_t kept_ = 0;  ///< how often, under this key
    std::array<std::uint8_t, wire::connection_key_bytes> keeping_key_{};
#endif
    bool disabled_ = false;
    authex_message message_{}; ///< what of the frame being handled reaches the module
    /// The answer being written by a handler or entry; where there are none, only an error's.
    std::uint8_t result_[with_handlers || with_entries ? max_result_bytes : 1]{};
    alignas(2) std::uint8_t seal_[sends_while_it_reads ? wire::max_frame_bytes : 1]{};
};

/// The runtime that the SDK's functions act on; set for the length of an invocation.
extern Runtime* active_runtime;

} // namespace authex::runtime
