#include "runtime/control.hpp"

#include "wire/handshake.hpp"
#include "wire/seal.hpp"

namespace authex::runtime {
namespace {

/// Orders are short; anything longer is refused before it is touched.
constexpr std::size_t order_frame_max_bytes =
    wire::header_bytes + wire::control_message_max_bytes + 2 + wire::tag_bytes;

} // namespace

Error Control::open_under(ControlSession& session,
                          const wire::FrameHeader& header,
                          Bytes frame,
                          Bytes& body) {
    if (header.counter < session.next_in) {
        return Error::replayed;
    }
    if (header.counter >= wire::counter_limit) {
        return Error::exhausted;
    }
    const Error error = wire::open_frame(session.in, header, frame, body);
    if (error == Error::none) {
        session.next_in = header.counter + 1;
    }
    return error;
}

#if AUTHEX_WITH_NOISE

void Control::start(ByteView entropy) {
    generator_.seed(entropy);
}

Error Control::random(Bytes out) {
    module_random_.fill(out);
    return module_random_.seeded() ? Error::none : Error::not_attested;
}

Error Control::open(const wire::FrameHeader& header, Bytes frame, Taken& taken) {
    if (!attested_ && !pending_) {
        return Error::not_attested;
    }
    if (frame.size() > order_frame_max_bytes) {
        return Error::too_large;
    }
    std::uint8_t copy_of_frame[order_frame_max_bytes];
    const Bytes second(copy_of_frame, frame.size());
    copy(frame, second);
    Bytes body;
    Error error = Error::not_attested;
    if (attested_) {
        error = open_under(sessions_[active_], header, frame, body);
    }
    if (error != Error::none && pending_) {
        const auto other = static_cast<std::uint8_t>(active_ ^ 1U);
        const Error under_pending = open_under(sessions_[other], header, second, body);
        if (under_pending == Error::none) {
            sessions_[active_].in.clear();
            sessions_[active_].out.clear();
            active_ = other;
            attested_ = true;
            pending_ = false;
            error = Error::none;
        } else if (!attested_) {
            error = under_pending;
        }
    }
    if (error == Error::none) {
        taken.counter = header.counter;
        taken.parsed = wire::parse_control(body, taken.message);
        if (taken.message.type == wire::ControlType::seed && taken.parsed == Error::none) {
            generator_.seed(taken.message.entropy);
            module_random_.seed(taken.message.entropy);
            taken.message.entropy = {};
        }
    }
    wipe(second);
    wipe(frame);
    return error;
}

Error Control::handshake(ByteView body, ByteView owner_key, Bytes scratch, Emitter& emitter) {
    crypto::DhKey ephemeral{};
    generator_.fill(ephemeral);
    crypto::NoiseResponder responder(
        wire::handshake_prologue, owner_key.first<crypto::dh_bytes>(), ephemeral);
    wipe(ephemeral);
    ByteView unused;
    Error error = responder.read_first(body, unused);
    if (error != Error::none) {
        return error;
    }
    std::uint8_t limits[wire::handshake_limits_bytes];
    Writer(limits).u16(wire::protocol_version).u16(max_connections).u32(wire::max_body_bytes);
    crypto::NoiseSession session;
    const Bytes message = scratch.subspan(2);
    const Result<std::size_t> written = responder.write_second(limits, message, session);
    if (!written.has_value()) {
        return written.error();
    }
    std::uint8_t label_and_hash[wire::report_label.size() + crypto::hash_bytes];
    Writer(label_and_hash).bytes(wire::report_label).bytes(session.handshake_hash);
    const crypto::Hash report_data = crypto::sha256(label_and_hash);
    const Bytes tail = scratch.subspan(2 + *written);
    Writer(scratch).u16(static_cast<std::uint16_t>(*written));
    copy(report_data, tail);

    pending_ = false;
    ControlSession& next = sessions_[active_ ^ 1U];
    error = next.in.set(crypto::Algorithm::aes_256_gcm, session.initiator_to_responder);
    if (error == Error::none) {
        error = next.out.set(crypto::Algorithm::aes_256_gcm, session.responder_to_initiator);
    }
    if (error != Error::none) {
        return error;
    }
    next.next_in = 0;
    next.next_out = 0;
    pending_ = true;
    return emitter.plain({.kind = wire::Kind::handshake, .flags = wire::flag_direction},
                         scratch.first(2 + *written + crypto::hash_bytes));
}

#else

Error Control::random(Bytes out) {
    wipe(out);
    return Error::not_attested;
}

Error Control::open(const wire::FrameHeader& header, Bytes frame, Taken& taken) {
    if (frame.size() > order_frame_max_bytes) {
        return Error::too_large;
    }
    Bytes body;
    Error error = open_under(sessions_[active_], header, frame, body);
    if (error == Error::none) {
        attested_ = true;
        taken.counter = header.counter;
        taken.parsed = wire::parse_control(body, taken.message);
    }
    wipe(frame);
    return error;
}

#endif

Error Control::answer(
    const Taken& taken, Error error, ByteView data, Bytes scratch, Emitter& emitter) {
    std::uint8_t fixed[wire::control_answer_bytes];
    Writer(fixed)
        .u8(static_cast<std::uint8_t>(static_cast<std::uint8_t>(taken.message.type) |
                                      wire::control_answer_bit))
        .u64(taken.counter)
        .u8(static_cast<std::uint8_t>(error));
    Writer body(scratch.subspan(wire::header_bytes));
    body.bytes(fixed).bytes(data);
    if (!body.ok()) {
        return Error::no_space;
    }
    ControlSession& session = sessions_[active_];
    wire::FrameHeader header{.kind = wire::Kind::control,
                             .deployment = emitter.deployment(),
                             .flags = wire::flag_direction,
                             .counter = session.next_out};
    const Result<std::size_t> sealed =
        wire::seal_frame(session.out, header, body.written(), scratch);
    if (!sealed.has_value()) {
        return sealed.error();
    }
    ++session.next_out;
    return emitter.sealed(scratch.first(*sealed));
}

} // namespace authex::runtime
