#include "wire/seal.hpp"

#include "base/counter.hpp"

namespace authex::wire {
namespace {

/// Sancus hardware handles whole words and cannot open an empty body.            (DESIGN "Frames")
std::size_t padding_of(crypto::Algorithm algorithm, std::size_t body_bytes) {
    if (algorithm != crypto::Algorithm::spongent_128) {
        return 0;
    }
    return body_bytes == 0 ? 2 : body_bytes % 2;
}

} // namespace

std::size_t sealed_frame_bytes(crypto::Algorithm algorithm, std::size_t body_bytes) {
    return header_bytes + body_bytes + padding_of(algorithm, body_bytes) + tag_bytes;
}

Error seal_frame(crypto::AeadKey& key, FrameHeader& header, ByteView body, Bytes frame) {
    if (body.size() > max_body_bytes) {
        return Error::too_large;
    }
    if (!below(header.counter, counter_limit)) {
        return Error::exhausted;
    }
    if (!key.is_set()) {
        return Error::not_attested;
    }
    const std::size_t padding = padding_of(key.algorithm(), body.size());
    const std::size_t padded_bytes = body.size() + padding;
    header.flags = static_cast<std::uint16_t>((header.flags & ~flag_padding) | padding);
    header.length = static_cast<std::uint32_t>(padded_bytes + tag_bytes);
    if (header.frame_bytes() > frame.size()) {
        return Error::no_space;
    }
    write_header(header, frame);
    const Bytes sealed_body = frame.subspan(header_bytes, padded_bytes);
    copy(body, sealed_body);
    wipe(sealed_body.subspan(body.size()));
    const crypto::Tag tag(sealed_body.data() + padded_bytes, tag_bytes);
    return key.seal(nonce(header), associated_data(header), sealed_body, tag);
}

Error open_frame(crypto::AeadKey& key, const FrameHeader& header, Bytes frame, Bytes& body) {
    const auto length = static_cast<std::size_t>(header.length);
    if (length < tag_bytes + header.padding() || length > frame.size() - header_bytes) {
        return Error::malformed;
    }
    const Bytes sealed_body = frame.subspan(header_bytes, length - tag_bytes);
    const crypto::TagView tag(sealed_body.data() + sealed_body.size(), tag_bytes);
    const Error error = key.open(nonce(header), associated_data(header), sealed_body, tag);
    if (error != Error::none) {
        wipe(sealed_body);
        return error;
    }
    body = sealed_body.first(sealed_body.size() - header.padding());
    return Error::none;
}

} // namespace authex::wire
