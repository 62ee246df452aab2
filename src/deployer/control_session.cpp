#include "deployer/control_session.hpp"

#include <algorithm>

#include "crypto/kdf.hpp"
#include "crypto/spongent.hpp"
#include "wire/frame.hpp"
#include "wire/seal.hpp"

namespace authex::deployer {
namespace {

/// A whole frame of one kind that comes from the module.
Error parse_from_module(ByteView bytes, wire::Kind kind, wire::FrameView& frame) {
    const Error error = wire::parse_frame(bytes, frame);
    if (error != Error::none) {
        return error;
    }
    if (frame.header.kind != kind || frame.header.direction() != wire::Direction::back) {
        return Error::wrong_role;
    }
    return frame.frame_bytes() == bytes.size() ? Error::none : Error::malformed;
}

} // namespace

Error ControlSession::set_keys(ByteView out, ByteView in) {
    out_key_.assign(out);
    in_key_.assign(in);
    const crypto::Algorithm algorithm =
        out.size() == crypto::key_bytes(crypto::Algorithm::spongent_128)
            ? crypto::Algorithm::spongent_128
            : crypto::Algorithm::aes_256_gcm;
    Error error = out_.set(algorithm, out);
    if (error == Error::none) {
        error = in_.set(algorithm, in);
    }
    next_out_ = 0;
    next_in_ = 0;
    open_ = error == Error::none;
    return error;
}

Error ControlSession::restore(ByteView serialized) {
    Reader reader(serialized);
    Error error = Error::malformed;
    if (serialized.size() == serialized_bytes) {
        const ByteView out = reader.take(32);
        const ByteView in = reader.take(32);
        error = set_keys(out, in);
    } else if (serialized.size() == serialized_keyed_bytes) {
        const ByteView key = reader.take(16);
        error = set_keys(key, key);
    }
    if (error == Error::none) {
        next_out_ = reader.u64();
        next_in_ = reader.u64();
    }
    return error;
}

std::vector<std::uint8_t> ControlSession::serialize() const {
    const bool keyed = out_.algorithm() == crypto::Algorithm::spongent_128;
    std::vector<std::uint8_t> bytes(keyed ? serialized_keyed_bytes : serialized_bytes);
    Writer writer(bytes);
    writer.bytes(out_key_.view());
    if (!keyed) {
        writer.bytes(in_key_.view());
    }
    writer.u64(next_out_).u64(next_in_);
    return bytes;
}

Error ControlSession::order(std::uint16_t deployment,
                            const wire::ControlMessage& message,
                            std::vector<std::uint8_t>& frame) {
    if (!open_) {
        return Error::not_attested;
    }
    std::array<std::uint8_t, wire::control_message_max_bytes> body{};
    const Result<std::size_t> written = wire::write_control(message, body);
    if (!written.has_value()) {
        return written.error();
    }
    frame.assign(wire::sealed_frame_bytes(out_.algorithm(), *written), 0);
    wire::FrameHeader header{
        .kind = wire::Kind::control, .deployment = deployment, .counter = next_out_};
    const Error sealed = wire::seal_frame(out_, header, ByteView(body).first(*written), frame);
    wipe(body);
    if (sealed != Error::none) {
        frame.clear();
        return sealed;
    }
    ++next_out_;
    return Error::none;
}

Error ControlSession::answer(ByteView frame, OrderAnswer& answer) {
    if (!open_) {
        return Error::not_attested;
    }
    wire::FrameView view;
    Error error = parse_from_module(frame, wire::Kind::control, view);
    if (error != Error::none) {
        return error;
    }
    if (view.header.counter < next_in_) {
        return Error::replayed;
    }
    std::vector<std::uint8_t> copy_of_frame(frame.begin(), frame.end());
    Bytes body;
    error = wire::open_frame(in_, view.header, copy_of_frame, body);
    if (error != Error::none) {
        return error;
    }
    next_in_ = view.header.counter + 1;
    wire::ControlAnswer parsed;
    error = wire::parse_answer(body, parsed);
    if (error == Error::none) {
        answer.type = parsed.type;
        answer.answers = parsed.answers;
        answer.error = parsed.error;
        answer.data.assign(parsed.data.begin(), parsed.data.end());
    }
    return error;
}

Error Handshake::take_limits(ByteView bytes) {
    Reader reader(bytes);
    limits_ = {
        .protocol_version = reader.u16(), .connections = reader.u16(), .body_bytes = reader.u32()};
    if (!reader.done()) {
        return Error::malformed;
    }
    return limits_.protocol_version == wire::protocol_version ? Error::none
                                                              : Error::unknown_version;
}

NoiseHandshake::NoiseHandshake(const OwnerKey& owner, const std::array<std::uint8_t, 32>& ephemeral)
    : noise_(wire::handshake_prologue, owner.secret, ephemeral), owner_index_(owner.index) {}

Expected<std::vector<std::uint8_t>> NoiseHandshake::first(std::uint16_t deployment) {
    std::vector<std::uint8_t> frame(wire::header_bytes + crypto::noise_first_overhead);
    const Bytes body = Bytes(frame).subspan(wire::header_bytes);
    const Result<std::size_t> written = noise_.write_first({}, body);
    if (!written.has_value()) {
        return failure("handshake-failed", error_text(written.error()));
    }
    wire::write_header({.kind = wire::Kind::handshake,
                        .deployment = deployment,
                        .channel = owner_index_,
                        .length = static_cast<std::uint32_t>(*written)},
                       frame);
    return frame;
}

Error NoiseHandshake::second(ByteView frame, ControlSession& session) {
    wire::FrameView view;
    Error error = parse_from_module(frame, wire::Kind::handshake, view);
    if (error != Error::none) {
        return error;
    }
    Reader reader(view.body);
    const ByteView message = reader.take(reader.u16());
    // Report data and what the TEE makes of it are for the node; computed below instead of
    // believed.
    if (reader.rest().size() < wire::report_data_bytes || !reader.ok()) {
        return Error::malformed;
    }
    std::vector<std::uint8_t> copy_of_message(message.begin(), message.end());
    ByteView payload;
    crypto::NoiseSession keys;
    const Error opened = noise_.read_second(copy_of_message, payload, keys);
    if (opened != Error::none) {
        return opened;
    }
    error = take_limits(payload);
    if (error != Error::none) {
        return error;
    }
    const crypto::Hash report = crypto::sha256(wire::report_label, keys.handshake_hash);
    report_data_.assign(report.begin(), report.end());
    return session.set_keys(keys.initiator_to_responder, keys.responder_to_initiator);
}

KeyedHandshake::KeyedHandshake(ByteView module_key, const std::array<std::uint8_t, 32>& challenge)
    : module_key_(module_key) {
    copy(ByteView(challenge).first(said_.challenge.size()), said_.challenge);
}

Expected<std::vector<std::uint8_t>> KeyedHandshake::first(std::uint16_t deployment) {
    std::vector<std::uint8_t> frame(wire::header_bytes + said_.challenge.size());
    wire::write_header({.kind = wire::Kind::handshake,
                        .deployment = deployment,
                        .length = static_cast<std::uint32_t>(said_.challenge.size())},
                       frame);
    copy(said_.challenge, Bytes(frame).subspan(wire::header_bytes));
    return frame;
}

Error KeyedHandshake::second(ByteView frame, ControlSession& session) {
    wire::FrameView view;
    Error error = parse_from_module(frame, wire::Kind::handshake, view);
    if (error != Error::none) {
        return error;
    }
    if (view.body.size() != wire::keyed_answer_bytes ||
        module_key_.view().size() != crypto::spongent::key_bytes) {
        return Error::malformed;
    }
    Reader reader(view.body);
    copy(reader.take(said_.session.size()), said_.session);
    copy(reader.take(said_.random.size()), said_.random);
    copy(reader.take(said_.limits.size()), said_.limits);
    const ByteView evidence = reader.rest();
    evidence_.assign(evidence.begin(), evidence.end());

    said_.purpose = wire::KeyedPurpose::session;
    std::array<std::uint8_t, crypto::spongent::tag_bytes> key{};
    crypto::spongent::wrap(module_key_.view().first<crypto::spongent::key_bytes>(),
                           bytes_of(said_),
                           {},
                           crypto::spongent::Tag(key));
    error = session.set_keys(key, key);
    wipe(key);
    said_.purpose = wire::KeyedPurpose::evidence;
    const ByteView said = bytes_of(said_);
    report_data_.assign(said.begin(), said.end());
    return error == Error::none ? take_limits(said_.limits) : error;
}

Error parse_audit(ByteView data, std::vector<wire::AuditEntry>& entries) {
    Reader reader(data);
    entries.clear();
    while (reader.remaining() > 0) {
        wire::AuditEntry entry;
        const Error error = wire::parse_audit_entry(reader, entry);
        if (error != Error::none) {
            return error;
        }
        entries.push_back(entry);
    }
    return Error::none;
}

} // namespace authex::deployer
