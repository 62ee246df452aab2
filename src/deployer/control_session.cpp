#include "deployer/control_session.hpp"

#include <algorithm>

#include "crypto/kdf.hpp"
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

ControlSession::~ControlSession() {
    wipe(out_key_);
    wipe(in_key_);
}

Error ControlSession::set_keys(ByteView out, ByteView in) {
    copy(out, out_key_);
    copy(in, in_key_);
    Error error = out_.set(crypto::Algorithm::aes_256_gcm, out_key_);
    if (error == Error::none) {
        error = in_.set(crypto::Algorithm::aes_256_gcm, in_key_);
    }
    next_out_ = 0;
    next_in_ = 0;
    open_ = error == Error::none;
    return error;
}

Error ControlSession::restore(ByteView serialized) {
    if (serialized.size() != serialized_bytes) {
        return Error::malformed;
    }
    Reader reader(serialized);
    const ByteView out = reader.take(out_key_.size());
    const ByteView in = reader.take(in_key_.size());
    const Error error = set_keys(out, in);
    next_out_ = reader.u64();
    next_in_ = reader.u64();
    return error;
}

std::vector<std::uint8_t> ControlSession::serialize() const {
    std::vector<std::uint8_t> bytes(serialized_bytes);
    Writer(bytes).bytes(out_key_).bytes(in_key_).u64(next_out_).u64(next_in_);
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

Handshake::Handshake(const OwnerKey& owner, const std::array<std::uint8_t, 32>& ephemeral)
    : noise_(wire::handshake_prologue, owner.secret, ephemeral), owner_index_(owner.index) {}

Expected<std::vector<std::uint8_t>> Handshake::first(std::uint16_t deployment) {
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

Error Handshake::second(ByteView frame, ControlSession& session) {
    wire::FrameView view;
    const Error error = parse_from_module(frame, wire::Kind::handshake, view);
    if (error != Error::none) {
        return error;
    }
    Reader reader(view.body);
    const ByteView message = reader.take(reader.u16());
    reader.take(wire::report_data_bytes); // for the node; computed below instead of believed
    if (!reader.done()) {
        return Error::malformed;
    }
    std::vector<std::uint8_t> copy_of_message(message.begin(), message.end());
    ByteView payload;
    crypto::NoiseSession keys;
    const Error opened = noise_.read_second(copy_of_message, payload, keys);
    if (opened != Error::none) {
        return opened;
    }
    Reader limits(payload);
    limits_ = {
        .protocol_version = limits.u16(), .connections = limits.u16(), .body_bytes = limits.u32()};
    if (!limits.done()) {
        return Error::malformed;
    }
    if (limits_.protocol_version != wire::protocol_version) {
        return Error::unknown_version;
    }
    report_data_ = crypto::sha256_of_two(wire::report_label, keys.handshake_hash);
    return session.set_keys(keys.initiator_to_responder, keys.responder_to_initiator);
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
