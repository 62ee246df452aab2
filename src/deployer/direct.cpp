#include "deployer/direct.hpp"

#include <fmt/format.h>

#include "wire/frame.hpp"
#include "wire/seal.hpp"

namespace authex::deployer {
namespace {

Diagnostic sealing_failed(Error error, std::size_t body_bytes) {
    switch (error) {
    case Error::too_large:
        return make_error("body-too-large",
                          fmt::format("the payload has {} bytes; the largest that is taken has {}",
                                      body_bytes,
                                      wire::max_body_bytes),
                          "send it in parts");
    case Error::exhausted:
        return make_error("counter-exhausted",
                          "the connection's key has sealed as many messages as it may",
                          "turn the key: authex connect --again");
    default:
        return make_error("algorithm-unsupported", error_text(error));
    }
}

} // namespace

Expected<std::vector<std::uint8_t>>
seal_direct(const DirectKey& key, bool request, std::uint64_t counter, ByteView data) {
    crypto::AeadKey aead;
    const Error set = aead.set(key.algorithm, key.key);
    if (set != Error::none) {
        return tl::make_unexpected(sealing_failed(set, data.size()));
    }
    std::vector<std::uint8_t> frame(wire::sealed_frame_bytes(key.algorithm, data.size()));
    wire::FrameHeader header{.kind = request ? wire::Kind::request : wire::Kind::event,
                             .deployment = key.deployment,
                             .channel = key.channel,
                             .flags =
                                 static_cast<std::uint16_t>(key.odd_turn ? wire::flag_turned : 0),
                             .counter = counter};
    const Error sealed = wire::seal_frame(aead, header, data, frame);
    if (sealed != Error::none) {
        return tl::make_unexpected(sealing_failed(sealed, data.size()));
    }
    return frame;
}

Expected<std::vector<std::uint8_t>>
open_reply(const DirectKey& key, std::uint64_t counter, ByteView frames) {
    crypto::AeadKey aead;
    if (aead.set(key.algorithm, key.key) != Error::none) {
        return failure("algorithm-unsupported", "the connection's algorithm is not in this build");
    }
    while (!frames.empty()) {
        wire::FrameView view;
        if (wire::parse_frame(frames, view) != Error::none) {
            break;
        }
        const ByteView whole = frames.first(view.frame_bytes());
        frames = frames.subspan(view.frame_bytes());
        const bool ours = view.header.kind == wire::Kind::reply &&
                          view.header.direction() == wire::Direction::back &&
                          view.header.channel == key.channel && view.header.counter == counter;
        if (!ours) {
            continue;
        }
        std::vector<std::uint8_t> copy_of_frame(whole.begin(), whole.end());
        Bytes body;
        if (wire::open_frame(aead, view.header, copy_of_frame, body) != Error::none) {
            return failure("reply-forged",
                           "the reply does not verify: the module did not write it",
                           "the node or the network changes messages; look at authex status");
        }
        if (view.header.negative()) {
            return failure("request-failed", "the handler answered that it failed");
        }
        return std::vector<std::uint8_t>(body.begin(), body.end());
    }
    return failure("reply-missing", "the node gave no reply to this request");
}

} // namespace authex::deployer
