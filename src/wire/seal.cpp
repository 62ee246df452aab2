#include "wire/seal.hpp"

namespace authex::wire {
namespace {

/// Sancus hardware handles whole words and cannot open an empty body.            (DESIGN "Frames")
std::uint8_t padding_of(crypto::Algorithm algorithm, std::size_t body_bytes) {
    if (algorithm != crypto::Algorithm::spongent_128) {
        return 0;
    }
    if (body_bytes == 0) {
        return 2;
    }
    return static_cast<std::uint8_t>(body_bytes % 2);
}

} // namespace

std::size_t sealed_frame_bytes(crypto::Algorithm algorithm, std::size_t body_bytes) {
    return header_bytes + body_bytes + padding_of(algorithm, body_bytes) + tag_bytes;
}

Result<std::size_t>
seal_frame(crypto::AeadKey& key, FrameHeader& header, ByteView body, Bytes frame) {
    if (body.size() > max_body_bytes) {
        return Error::too_large;
    }
    if (header.counter >= counter_limit) {
        return Error::exhausted;
    }
    const std::uint8_t padding = padding_of(key.algorithm(), body.size());
    const std::size_t body_bytes = body.size() + padding;
    const std::size_t frame_bytes = header_bytes + body_bytes + tag_bytes;
    if (frame.size() < frame_bytes) {
        return Error::no_space;
    }
    header.flags =
        static_cast<std::uint16_t>((header.flags & ~static_cast<unsigned>(flag_padding)) | padding);
    header.length = static_cast<std::uint32_t>(body_bytes + tag_bytes);
    const Bytes sealed_body = frame.subspan(header_bytes, body_bytes);
    copy(body, sealed_body);
    for (std::size_t i = body.size(); i < body_bytes; ++i) {
        sealed_body[i] = 0;
    }
    write_header(header, frame);
    const crypto::Tag tag(frame.data() + header_bytes + body_bytes, tag_bytes);
    const Error error = key.seal(nonce(header), associated_data(header), sealed_body, tag);
    if (error != Error::none) {
        wipe(sealed_body);
        return error;
    }
    return frame_bytes;
}

Error open_frame(crypto::AeadKey& key, const FrameHeader& header, Bytes frame, Bytes& body) {
    if (header.length < tag_bytes + header.padding() || header.frame_bytes() > frame.size()) {
        return Error::malformed;
    }
    const std::size_t body_bytes = header.length - tag_bytes;
    const Bytes sealed_body = frame.subspan(header_bytes, body_bytes);
    const crypto::TagView tag(frame.data() + header_bytes + body_bytes, tag_bytes);
    const Error error = key.open(nonce(header), associated_data(header), sealed_body, tag);
    if (error != Error::none) {
        wipe(sealed_body);
        return error;
    }
    body = sealed_body.first(body_bytes - header.padding());
    return Error::none;
}

} // namespace authex::wire
