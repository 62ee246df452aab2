// A state that outlives the process: sealed after each invocation, or when its host asks, together
// with the counters of that moment, before anything that the invocation has caused leaves the node.
//                                                         (docs/protocol.md "State at rest")
#include "runtime/runtime.hpp"
#include "wire/seal.hpp"

#if AUTHEX_WITH_KEEPING

namespace authex::runtime {

namespace {
/// Of everything in a kept state but the state.
constexpr std::size_t beside_state_bytes = wire::kept_state_fixed_bytes +
                                           max_connections * wire::audit_entry_bytes +
                                           2 * max_endpoints * wire::waiting_bytes;
/// It comes back inside an order.
constexpr std::size_t kept_max_bytes = wire::max_body_bytes - wire::restore_state_fixed_bytes;
static_assert(beside_state_bytes < kept_max_bytes);
} // namespace

Error Runtime::keep_state(const wire::ControlMessage& message) {
    if (state().size() > kept_max_bytes - beside_state_bytes) {
        return Error::too_large;
    }
    // The same key again goes on where it is: a counter under it never comes twice.
    if (!keeping_.is_set() || !equal_constant_time(message.connection.key, keeping_key_)) {
        kept_ = 0;
        keeping_key_ = message.connection.key;
        return keeping_.set(crypto::Algorithm::aes_128_gcm, keeping_key_);
    }
    return Error::none;
}

/// At the latest before there is too little room for its host to tell it, and for the state.
void Runtime::seal_if_due() {
    const bool is_told =
        !seals_when_told_ || told_to_seal_ ||
        emitter_.free() < room_for_a_frame() + wire::header_bytes + wire::tag_bytes;
    told_to_seal_ = false;
    if (to_keep_ && keeping_.is_set() && is_told) {
        emit_state();
    }
}

void Runtime::emit_state() {
    to_keep_ = false;
    std::uint16_t connections = 0;
    for (const Connection& connection : connections_.slots()) {
        connections += connection.used ? 1 : 0;
    }
    // Sealed where it lies.
    Writer data(seal_room().subspan(wire::header_bytes, wire::max_body_bytes));
    data.u32(static_cast<std::uint32_t>(state().size())).bytes(state()).u16(connections);
    (void)audit(data);
    write_waiting(data);
    header_ = {.kind = wire::Kind::state, .channel = persist_every_ms, .counter = kept_};
    emitter_.allow(wire::max_frame_bytes);
    (void)emitter_.sealed(keeping_, header_, data.written(), seal_room());
    ++kept_;
}

/// Into a module that was never anything else. It goes on when its owner has told it the rest.
Error Runtime::restore_state(const wire::ControlMessage& message, Writer& data) {
    if (keeping_.is_set()) {
        return Error::replayed; // it goes on already
    }
    if (pause_ == Pause::none) {
        return Error::wrong_role; // it has begun
    }
    if (pause_ == Pause::restored) {
        connections_
            .clear(); // its owner begins again: under none of these keys anything was sealed
    }
    for (const Connection& connection : connections_.slots()) {
        if (connection.used) {
            return Error::wrong_role;
        }
    }
    const Bytes frame = Bytes(result_).first(message.sealed.size());
    copy(message.sealed, frame);
    wire::FrameView view;
    Error error = wire::parse_frame(frame, view);
    if (error == Error::none && view.header.kind != wire::Kind::state) {
        error = Error::malformed;
    }
    crypto::AeadKey key;
    Bytes kept;
    if (error == Error::none) {
        error = key.set(crypto::Algorithm::aes_128_gcm, message.connection.key);
    }
    if (error == Error::none) {
        error = wire::open_frame(key, view.header, frame, kept);
    }
    if (error == Error::none) {
        Reader reader(kept);
        const std::uint32_t bytes = reader.u32();
        const ByteView kept_state = reader.take(bytes);
        if (!reader.ok() || bytes != state().size()) {
            error = Error::malformed;
        } else {
            copy(kept_state, state());
            data.u64(view.header.counter).bytes(reader.rest());
            pause_ = Pause::restored;
        }
    }
    wipe(frame);
    return error;
}

} // namespace authex::runtime

#endif
