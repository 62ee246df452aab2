// The handshake of modules whose key the TEE derives, at the owner's end; the module's is
// tests/runtime/small_test.cpp.
#include <algorithm>

#include <gtest/gtest.h>

#include "crypto/spongent.hpp"
#include "deployer/control_session.hpp"
#include "wire/frame.hpp"
#include "wire/seal.hpp"

namespace authex::deployer {
namespace {

namespace spongent = crypto::spongent;
using Octets = std::vector<std::uint8_t>;

constexpr std::array<std::uint8_t, 16> key = {1, 2, 3};
constexpr std::array<std::uint8_t, 32> challenge = {9, 8, 7};

Octets mac(const std::array<std::uint8_t, 16>& under, const wire::KeyedHandshake& said) {
    Octets tag(spongent::tag_bytes);
    spongent::wrap(spongent::KeyView(under),
                   bytes_of(said),
                   {},
                   spongent::Tag(tag.data(), spongent::tag_bytes));
    return tag;
}

/// What a module answers to `challenge`.
struct Answer {
    wire::KeyedHandshake said;
    Octets frame;
    explicit Answer(const std::array<std::uint8_t, 16>& module_key = key,
                    std::uint8_t protocol_version = wire::protocol_version) {
        std::copy_n(challenge.begin(), 16, said.challenge.begin());
        said.session = {1};
        said.random = {4, 5};
        said.limits = {protocol_version, 0, 4, 0, 0, 1, 0, 0};
        const Octets evidence = mac(module_key, said);
        frame.resize(wire::header_bytes);
        wire::write_header({.kind = wire::Kind::handshake,
                            .flags = wire::flag_direction,
                            .length = wire::keyed_answer_bytes},
                           frame);
        const ByteView all = bytes_of(said).subspan(wire::keyed_answer_begin);
        frame.insert(frame.end(), all.begin(), all.end());
        frame.insert(frame.end(), evidence.begin(), evidence.end());
    }
};

TEST(KeyedHandshakeOfTheOwner, SendsTheChallengeAlone) {
    const Octets frame = *KeyedHandshake(key, challenge).first(7);
    wire::FrameView view;
    ASSERT_EQ(wire::parse_frame(frame, view), Error::none);
    EXPECT_EQ(view.header.kind, wire::Kind::handshake);
    EXPECT_EQ(view.header.deployment, 7);
    EXPECT_TRUE(std::equal(view.body.begin(), view.body.end(), challenge.begin()));
    EXPECT_EQ(view.body.size(), wire::keyed_challenge_bytes);
}

TEST(KeyedHandshakeOfTheOwner, OpensASessionThatTheModuleCanRead) {
    KeyedHandshake handshake(key, challenge);
    Answer answer;
    ControlSession session;
    ASSERT_EQ(handshake.second(answer.frame, session), Error::none);
    EXPECT_EQ(handshake.limits().connections, 4);
    EXPECT_EQ(handshake.limits().body_bytes, 256U);
    EXPECT_EQ(Octets(handshake.evidence().begin(), handshake.evidence().end()),
              mac(key, answer.said));
    Octets order;
    ASSERT_EQ(session.order(7, {.type = wire::ControlType::audit}, order), Error::none);
    answer.said.purpose = wire::KeyedPurpose::session;
    crypto::AeadKey module;
    ASSERT_EQ(module.set(crypto::Algorithm::spongent_128, mac(key, answer.said)), Error::none);
    wire::FrameHeader header;
    ASSERT_EQ(wire::parse_header(order, header), Error::none);
    Bytes body;
    ASSERT_EQ(wire::open_frame(module, header, order, body), Error::none);
    EXPECT_EQ(body[0], static_cast<std::uint8_t>(wire::ControlType::audit));
}

TEST(KeyedHandshakeOfTheOwner, RefusesWhatIsCutOrLongerOrOfAnotherVersion) {
    const Answer answer;
    ControlSession session;
    for (std::size_t size = 0; size < answer.frame.size(); ++size) {
        EXPECT_NE(
            KeyedHandshake(key, challenge).second(ByteView(answer.frame).first(size), session),
            Error::none);
    }
    Octets longer = answer.frame;
    longer.push_back(0);
    EXPECT_NE(KeyedHandshake(key, challenge).second(longer, session), Error::none);
    EXPECT_FALSE(session.is_open());
    EXPECT_EQ(KeyedHandshake(key, challenge).second(Answer(key, 2).frame, session),
              Error::unknown_version);
}

TEST(KeyedHandshakeOfTheOwner, WithoutAKeyOpensNothing) {
    ControlSession session;
    EXPECT_EQ(KeyedHandshake({}, challenge).second(Answer().frame, session), Error::malformed);
    EXPECT_FALSE(session.is_open());
}

TEST(KeyedSession, IsTakenUpWhereItWasLeft) {
    KeyedHandshake handshake(key, challenge);
    ControlSession session;
    ASSERT_EQ(handshake.second(Answer().frame, session), Error::none);
    Octets first;
    ASSERT_EQ(session.order(1, {.type = wire::ControlType::audit}, first), Error::none);
    const Octets kept = session.serialize();
    EXPECT_EQ(kept.size(), ControlSession::serialized_keyed_bytes);
    ControlSession later;
    ASSERT_EQ(later.restore(kept), Error::none);
    EXPECT_EQ(later.next_order(), 1U);
    Octets a;
    Octets b;
    ASSERT_EQ(session.order(1, {.type = wire::ControlType::audit}, a), Error::none);
    ASSERT_EQ(later.order(1, {.type = wire::ControlType::audit}, b), Error::none);
    EXPECT_EQ(a, b);
    EXPECT_NE(a, first);
}

} // namespace
} // namespace authex::deployer
