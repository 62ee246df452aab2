#include "runtime/control.hpp"

#include "base/counter.hpp"
#include "runtime/port.hpp"
#include "wire/seal.hpp"

#if !AUTHEX_WITH_NOISE
#include "crypto/hardware.hpp"
#endif

namespace authex::runtime {

Error Control::open_under(ControlSession& session,
                          const wire::FrameHeader& header,
                          Bytes frame,
                          Bytes& body) {
    Error error = check_counter(header.counter, session.next_in, wire::Delivery::lossy);
    if (error == Error::none) {
        error = wire::open_frame(session.in(), header, frame, body);
    }
    if (error == Error::none) {
        assign_next(session.next_in, header.counter);
    }
    return error;
}

void Control::answer(wire::FrameHeader& header, ByteView body, Bytes scratch, Emitter& emitter) {
    ControlSession& session = active();
    header.flags = wire::flag_direction;
    assign(header.counter, session.next_out);
    (void)emitter.sealed(session.out(), header, body, scratch);
    advance(session.next_out);
}

#if AUTHEX_WITH_NOISE

namespace {
/// Orders are short; anything longer is refused before it is touched.
constexpr std::size_t order_frame_max_bytes =
    wire::header_bytes + wire::control_message_max_bytes + 2 + wire::tag_bytes;

constexpr std::size_t owner_keys_max =
    with_delegate ? wire::owner_keys_max : wire::owner_keys_max - 1;
static_assert(wire::delegate_index == wire::owner_keys_max - 1);

/// A key takes the place of those that rank below. A delegate has the rank of the owner.
constexpr std::uint16_t rank(std::uint16_t owner) {
    return owner == wire::delegate_index ? 0 : owner;
}
} // namespace

void Control::start(ByteView entropy) {
    generator_.seed(entropy);
}

void Control::seed(ByteView entropy) {
    generator_.seed(entropy);
    module_random_.seed(entropy);
}

Error Control::random(Bytes out) {
    module_random_.fill(out);
    return module_random_.seeded() ? Error::none : Error::not_attested;
}

Error Control::open(const wire::FrameHeader& header, Bytes frame, Bytes scratch, Bytes& body) {
    if (!attested_ && !pending_) {
        return Error::not_attested;
    }
    if (frame.size() > order_frame_max_bytes) {
        return Error::too_large;
    }
    const Bytes arrived = scratch.first(frame.size());
    copy(frame, arrived);
    Error error = Error::not_attested;
    if (attested_) {
        error = open_under(active(), header, frame, body);
    }
    if (error != Error::none && pending_) {
        const auto other = static_cast<std::uint8_t>(active_ ^ 1U);
        copy(arrived, frame);
        const Error under_pending = open_under(sessions_[other], header, frame, body);
        if (under_pending == Error::none) {
            take_pending();
            error = Error::none;
        } else if (!attested_) {
            error = under_pending;
        }
    }
    return error;
}

void Control::take_pending() {
    sessions_[active_].in().clear();
    sessions_[active_].out().clear();
    active_ ^= 1U;
    attested_ = true;
    pending_ = false;
    taken_over_ = rank(pending_owner_) > rank(owner_);
    owner_ = pending_owner_;
}

bool Control::was_taken_over() {
    const bool was = taken_over_;
    taken_over_ = false;
    return was;
}

Error Control::handshake(
    ByteView body, ByteView owner_keys, std::uint16_t owner, Bytes scratch, Emitter& emitter) {
    if (owner >= owner_keys.size() / crypto::dh_bytes || owner >= owner_keys_max) {
        return Error::unsupported;
    }
    if (rank(owner) < rank(owner_)) {
        return Error::superseded;
    }
    const ByteView owner_key =
        owner_keys.subspan(std::size_t{owner} * crypto::dh_bytes, crypto::dh_bytes);
    crypto::DhKey ephemeral{};
    generator_.fill(ephemeral);
    crypto::NoiseResponder responder(
        wire::handshake_prologue, owner_key.first<crypto::dh_bytes>(), ephemeral);
    wipe(ephemeral);
    ByteView unused;
    const Error error = responder.read_first(body, unused);
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
    std::size_t answer_bytes = 2 + *written + crypto::hash_bytes;
#if AUTHEX_WITH_REPORTS
    port::report(report_data, tail.subspan(crypto::hash_bytes, port::report_bytes));
    answer_bytes += port::report_bytes;
#endif

    pending_ = false;
    ControlSession& next = sessions_[active_ ^ 1U];
    // Where a key cannot be set, nothing is opened or sealed.
    (void)next.in().set(crypto::Algorithm::aes_256_gcm, session.initiator_to_responder);
    (void)next.out().set(crypto::Algorithm::aes_256_gcm, session.responder_to_initiator);
    next.next_in = 0;
    next.next_out = 0;
    pending_owner_ = owner;
    pending_ = true;
    wire::FrameHeader header{
        .kind = wire::Kind::handshake, .channel = owner, .flags = wire::flag_direction};
    return emitter.plain(header, scratch.first(answer_bytes));
}

#else

Error Control::handshake(ByteView challenge,
                         wire::FrameHeader& header,
                         Bytes scratch,
                         Emitter& emitter) {
    if (challenge.size() != wire::keyed_challenge_bytes) {
        return Error::malformed;
    }
    static constexpr wire::KeyedLimits limits{.connections = max_connections,
                                              .body_bytes = wire::max_body_bytes};
    auto& said = *reinterpret_cast<wire::KeyedHandshake*>(scratch.data());
    std::uint8_t* const tag = scratch.data() + sizeof said;
    copy(challenge, said.challenge);
    advance(handshakes_);
    store(said.session.data(), handshakes_);
    crypto::hardware::random(said.random.data());
    copy(bytes_of(limits), said.limits);

    ControlSession& session = active();
    wipe({reinterpret_cast<std::uint8_t*>(&session), sizeof session});
    said.purpose = wire::KeyedPurpose::session;
    crypto::hardware::own_tag(scratch.data(), sizeof said, tag);
    (void)session.in().set(crypto::Algorithm::spongent_128, {tag, wire::tag_bytes});

    said.purpose = wire::KeyedPurpose::evidence;
    crypto::hardware::own_tag(scratch.data(), sizeof said, tag);
    header.flags = wire::flag_direction;
    return emitter.plain(header,
                         scratch.subspan(wire::keyed_answer_begin, wire::keyed_answer_bytes));
}

Error Control::random(Bytes out) {
    wipe(out);
    return Error::not_attested;
}

Error Control::open(const wire::FrameHeader& header, Bytes frame, Bytes, Bytes& body) {
    return open_under(active(), header, frame, body);
}

#endif

} // namespace authex::runtime
