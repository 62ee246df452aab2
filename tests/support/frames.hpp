#pragma once
// Frames, the owner and the other end of a connection, as tests hold them: owned bytes.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "crypto/aead.hpp"
#include "runtime/features.hpp"
#include "wire/control_owner.hpp"
#include "wire/frame.hpp"
#include "wire/seal.hpp"

#if AUTHEX_WITH_NOISE
#include "crypto/noise_initiator.hpp"
#else
#include "crypto/spongent.hpp"
#include "wire/handshake.hpp"
#endif

namespace authex::test {

using Octets = std::vector<std::uint8_t>;

struct Frame {
    wire::FrameHeader header;
    Octets body; ///< without the tag
    Octets bytes;
};

/// Whole frames, one after the other. Throws where they are not.
inline std::vector<Frame> split(ByteView bytes) {
    std::vector<Frame> frames;
    while (!bytes.empty()) {
        wire::FrameView view;
        if (wire::parse_frame(bytes, view) != Error::none) {
            throw std::runtime_error("not a row of frames");
        }
        const ByteView whole = bytes.first(view.frame_bytes());
        frames.push_back({view.header,
                          Octets(view.body.begin(), view.body.end()),
                          Octets(whole.begin(), whole.end())});
        bytes = bytes.subspan(view.frame_bytes());
    }
    return frames;
}

inline Octets plain(wire::FrameHeader header, const Octets& body = {}) {
    header.length = static_cast<std::uint32_t>(body.size());
    Octets bytes(wire::header_bytes + body.size());
    wire::write_header(header, bytes);
    std::copy(body.begin(), body.end(), bytes.begin() + wire::header_bytes);
    return bytes;
}

inline Octets operator+(Octets a, const Octets& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

inline Octets sealed(crypto::AeadKey& key, wire::FrameHeader header, const Octets& body) {
    Octets bytes(wire::header_bytes + body.size() + 2 + wire::tag_bytes);
    const Error error = wire::seal_frame(key, header, body, bytes);
    if (error != Error::none) {
        throw std::runtime_error(error_text(error));
    }
    bytes.resize(header.frame_bytes());
    return bytes;
}

/// The plaintext, or nothing where the tag does not verify.
inline std::optional<Octets> opened(crypto::AeadKey& key, const Frame& frame) {
    Octets bytes = frame.bytes;
    Bytes body;
    if (wire::open_frame(key, frame.header, bytes, body) != Error::none) {
        return std::nullopt;
    }
    return Octets(body.begin(), body.end());
}

#if !AUTHEX_WITH_NOISE
/// What the processor has for the module, and what the board's device of random numbers gives.
inline std::array<std::uint8_t, 16> module_key{1, 2, 3};
inline std::array<std::uint8_t, 8> module_random{};
#endif

/// The owner of a module: handshake and orders.
class Owner {
  public:
    struct Answer {
        wire::ControlAnswer fixed;
        Octets data;
    };

#if AUTHEX_WITH_NOISE
    explicit Owner(std::uint8_t secret = 1) {
        secret_.fill(secret);
        crypto::x25519_public(secret_, public_key_);
    }

    [[nodiscard]] const crypto::DhKey& public_key() const {
        return public_key_;
    }

    /// @param index of the owner key in the image
    Octets hello(std::uint16_t index = 0) {
        crypto::DhKey ephemeral{};
        ephemeral.fill(++handshakes_);
        constexpr std::uint8_t prologue[] = {'a', 'u', 't', 'h', 'e', 'x', ' ', '1'};
        initiator_ = std::make_unique<crypto::NoiseInitiator>(prologue, secret_, ephemeral);
        Octets message(crypto::noise_first_overhead);
        (void)initiator_->write_first({}, message);
        return plain({.kind = wire::Kind::handshake, .channel = index}, message);
    }
    /// Takes the module's answer. @return what it says of its limits; nothing where it is forged.
    std::optional<Octets> finish(const Frame& answer) {
        Reader reader(answer.body);
        const ByteView message = reader.take(reader.u16());
        Octets copy(message.begin(), message.end());
        const ByteView report = reader.rest();
        report_data = Octets(report.begin(), report.end());
        ByteView payload;
        if (initiator_->read_second(copy, payload, session) != Error::none) {
            return std::nullopt;
        }
        (void)to_module_.set(crypto::Algorithm::aes_256_gcm, session.initiator_to_responder);
        (void)from_module_.set(crypto::Algorithm::aes_256_gcm, session.responder_to_initiator);
        next_ = 0;
        return Octets(payload.begin(), payload.end());
    }
#else
    Octets hello() {
        said_.challenge.fill(++challenges_);
        return plain({.kind = wire::Kind::handshake},
                     Octets(said_.challenge.begin(), said_.challenge.end()));
    }
    /// Takes the module's answer. @return what it says of its limits; nothing where it is forged.
    std::optional<Octets> finish(const Frame& answer) {
        if (answer.body.size() != wire::keyed_answer_bytes) {
            return std::nullopt;
        }
        std::copy_n(answer.body.begin(), 8, said_.session.begin());
        std::copy_n(answer.body.begin() + 8, 8, said_.random.begin());
        std::copy_n(answer.body.begin() + 16, 8, said_.limits.begin());
        const Octets evidence = tag(wire::KeyedPurpose::evidence);
        if (!std::equal(evidence.begin(), evidence.end(), answer.body.begin() + 24)) {
            return std::nullopt;
        }
        const Octets key = tag(wire::KeyedPurpose::session);
        (void)to_module_.set(crypto::Algorithm::spongent_128, key);
        (void)from_module_.set(crypto::Algorithm::spongent_128, key);
        next_ = 0;
        return Octets(said_.limits.begin(), said_.limits.end());
    }
#endif

    Octets order(const wire::ControlMessage& message) {
        Octets body(wire::control_message_max_bytes);
        const Result<std::size_t> size = wire::write_control(message, body);
        body.resize(*size);
        return raw_order(body);
    }
    Octets raw_order(const Octets& body) {
        return order_at(next_++, body);
    }
    Octets order_at(std::uint64_t counter, const Octets& body) {
        return sealed(to_module_, {.kind = wire::Kind::control, .counter = counter}, body);
    }
    std::optional<Answer> open(const Frame& frame) {
        const std::optional<Octets> body = opened(from_module_, frame);
        if (!body) {
            return std::nullopt;
        }
        Answer answer;
        if (wire::parse_answer(*body, answer.fixed) != Error::none) {
            return std::nullopt;
        }
        answer.data = Octets(answer.fixed.data.begin(), answer.fixed.data.end());
        answer.fixed.data = {};
        return answer;
    }

#if AUTHEX_WITH_NOISE
    crypto::NoiseSession session;
    Octets report_data;
#endif

  private:
#if AUTHEX_WITH_NOISE
    crypto::DhKey secret_{};
    crypto::DhKey public_key_{};
    std::uint8_t handshakes_ = 100;
    std::unique_ptr<crypto::NoiseInitiator> initiator_;
#else
    Octets tag(wire::KeyedPurpose purpose) {
        said_.purpose = purpose;
        Octets tag(wire::tag_bytes);
        crypto::spongent::wrap(crypto::spongent::KeyView(module_key),
                               {reinterpret_cast<const std::uint8_t*>(&said_), sizeof said_},
                               {},
                               crypto::spongent::Tag(tag.data(), tag.size()));
        return tag;
    }
    std::uint8_t challenges_ = 0;
    wire::KeyedHandshake said_;
#endif
    crypto::AeadKey to_module_;
    crypto::AeadKey from_module_;
    std::uint64_t next_ = 0;
};

} // namespace authex::test
