#include <map>

#include <gtest/gtest.h>

#include "crypto/noise_initiator.hpp"
#include "support/vectors.hpp"

namespace authex::crypto {
namespace {

using test::from_hex;
using test::Octets;

DhKeyView view(const Octets& bytes) {
    return DhKeyView(bytes.data(), dh_bytes);
}

struct Vector {
    std::map<std::string, Octets> fields;
    std::vector<std::pair<Octets, Octets>> messages; ///< payload, wire
};

std::vector<Vector> vectors(const std::string& pattern = "kn") {
    std::vector<Vector> all(1);
    for (const test::VectorLine& line :
         test::read_vectors(AUTHEX_TEST_DIR "/vectors/noise_" + pattern + ".txt")) {
        if (line.fields[0] == "end") {
            all.emplace_back();
        } else if (line.fields[0] == "message") {
            all.back().messages.emplace_back(from_hex(line.fields.at(1)),
                                             from_hex(line.fields.at(2)));
        } else {
            all.back().fields[line.fields[0]] = from_hex(line.fields.at(1));
        }
    }
    all.pop_back();
    return all;
}

Octets transport(const std::array<std::uint8_t, 32>& key, std::uint8_t counter, Octets payload) {
    AeadKey aead;
    EXPECT_EQ(aead.set(Algorithm::aes_256_gcm, key), Error::none);
    const std::array<std::uint8_t, nonce_bytes> nonce{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, counter};
    Octets tag(tag_bytes);
    EXPECT_EQ(aead.seal(nonce, {}, payload, Tag(tag.data(), tag_bytes)), Error::none);
    payload.insert(payload.end(), tag.begin(), tag.end());
    return payload;
}

TEST(NoiseKn, GivesThePublishedMessagesOnBothSides) {
    ASSERT_EQ(vectors().size(), 2U);
    for (Vector& v : vectors()) {
        auto& f = v.fields;
        NoiseInitiator initiator(f["prologue"], view(f["init_static"]), view(f["init_ephemeral"]));
        NoiseResponder responder(
            f["prologue"], view(f["resp_remote_static"]), view(f["resp_ephemeral"]));

        Octets wire(200);
        const auto first = initiator.write_first(v.messages[0].first, wire);
        ASSERT_TRUE(first);
        wire.resize(*first);
        EXPECT_EQ(wire, v.messages[0].second);
        ByteView payload;
        ASSERT_EQ(responder.read_first(wire, payload), Error::none);
        EXPECT_EQ(Octets(payload.begin(), payload.end()), v.messages[0].first);

        NoiseSession at_responder;
        Octets answer(200);
        const auto second = responder.write_second(v.messages[1].first, answer, at_responder);
        ASSERT_TRUE(second);
        answer.resize(*second);
        EXPECT_EQ(answer, v.messages[1].second);
        NoiseSession at_initiator;
        ASSERT_EQ(initiator.read_second(answer, payload, at_initiator), Error::none);
        EXPECT_EQ(Octets(payload.begin(), payload.end()), v.messages[1].first);

        EXPECT_EQ(at_initiator.handshake_hash, at_responder.handshake_hash);
        EXPECT_EQ(at_initiator.initiator_to_responder, at_responder.initiator_to_responder);
        EXPECT_EQ(at_initiator.responder_to_initiator, at_responder.responder_to_initiator);
        if (f.contains("handshake_hash")) {
            EXPECT_EQ(
                Octets(at_initiator.handshake_hash.begin(), at_initiator.handshake_hash.end()),
                f["handshake_hash"]);
        }
        for (std::size_t i = 2; i < v.messages.size(); ++i) {
            const bool from_initiator = i % 2 == 0;
            const auto& key = from_initiator ? at_responder.initiator_to_responder
                                             : at_initiator.responder_to_initiator;
            EXPECT_EQ(transport(key, static_cast<std::uint8_t>((i - 2) / 2), v.messages[i].first),
                      v.messages[i].second);
        }
    }
}

class NoiseForged : public testing::Test {
  protected:
    Octets owner_ = Octets(32, 1);
    DhKey owner_public_ = [this] {
        DhKey key{};
        x25519_public(view(owner_), key);
        return key;
    }();
    Octets first_ = Octets(32);
    Octets second_ = Octets(noise_second_overhead + 4);

    void
    handshake(NoiseInitiator& initiator, const DhKey& expected_owner, const Octets& prologue = {}) {
        ASSERT_TRUE(initiator.write_first({}, first_));
        NoiseResponder responder(prologue, expected_owner, view(Octets(32, 3)));
        ByteView payload;
        ASSERT_EQ(responder.read_first(first_, payload), Error::none);
        NoiseSession session;
        ASSERT_TRUE(responder.write_second(Octets(4, 9), second_, session));
    }
};

TEST_F(NoiseForged, EveryFlippedBitOfTheAnswerIsRefused) {
    NoiseInitiator builder({}, view(owner_), view(Octets(32, 2)));
    handshake(builder, owner_public_);
    for (std::size_t bit = 0; bit < second_.size() * 8; ++bit) {
        NoiseInitiator initiator({}, view(owner_), view(Octets(32, 2)));
        Octets again(32);
        ASSERT_TRUE(initiator.write_first({}, again));
        Octets changed = second_;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
        ByteView payload;
        NoiseSession session;
        EXPECT_NE(initiator.read_second(changed, payload, session), Error::none) << "bit " << bit;
    }
}

TEST_F(NoiseForged, TheIgnoredTopBitOfAPointIsHashedAllTheSame) {
    NoiseInitiator builder({}, view(owner_), view(Octets(32, 2)));
    handshake(builder, owner_public_);
    NoiseInitiator initiator({}, view(owner_), view(Octets(32, 2)));
    Octets again(32);
    ASSERT_TRUE(initiator.write_first({}, again));
    second_[31] ^= 0x80U;
    ByteView payload;
    NoiseSession session;
    EXPECT_EQ(initiator.read_second(second_, payload, session), Error::forged);
}

TEST_F(NoiseForged, AModuleOfAnotherOwnerIsRefused) {
    NoiseInitiator initiator({}, view(owner_), view(Octets(32, 2)));
    DhKey other{};
    x25519_public(view(Octets(32, 99)), other);
    handshake(initiator, other);
    ByteView payload;
    NoiseSession session;
    EXPECT_EQ(initiator.read_second(second_, payload, session), Error::forged);
}

TEST_F(NoiseForged, AnotherPrologueIsRefused) {
    NoiseInitiator initiator(from_hex("01"), view(owner_), view(Octets(32, 2)));
    handshake(initiator, owner_public_, from_hex("02"));
    ByteView payload;
    NoiseSession session;
    EXPECT_EQ(initiator.read_second(second_, payload, session), Error::forged);
}

TEST_F(NoiseForged, TruncatedMessagesAreRefused) {
    NoiseResponder responder({}, owner_public_, view(Octets(32, 3)));
    ByteView payload;
    EXPECT_EQ(responder.read_first(Octets(31), payload), Error::truncated);
    NoiseInitiator initiator({}, view(owner_), view(Octets(32, 2)));
    Octets message(noise_second_overhead - 1);
    NoiseSession session;
    EXPECT_EQ(initiator.read_second(message, payload, session), Error::truncated);
}

TEST_F(NoiseForged, PointsOfSmallOrderAreRefused) {
    NoiseResponder responder({}, owner_public_, view(Octets(32, 3)));
    ByteView payload;
    ASSERT_EQ(responder.read_first(Octets(32, 0), payload), Error::none);
    NoiseSession session;
    Octets answer(100);
    EXPECT_EQ(responder.write_second({}, answer, session).error(), Error::malformed);

    NoiseInitiator initiator({}, view(owner_), view(Octets(32, 2)));
    ASSERT_TRUE(initiator.write_first({}, first_));
    Octets zero(noise_second_overhead);
    EXPECT_EQ(initiator.read_second(zero, payload, session), Error::malformed);
}

TEST_F(NoiseForged, EveryPublishedPointOfSmallOrderIsRefusedByBothSides) {
    unsigned points = 0;
    for (const test::VectorLine& line :
         test::read_vectors(AUTHEX_TEST_DIR "/vectors/x25519_wycheproof.txt")) {
        if (from_hex(line.fields.at(3)) != Octets(32)) {
            continue;
        }
        ++points;
        const Octets point = from_hex(line.fields.at(1));
        ByteView payload;
        NoiseSession session;
        NoiseResponder responder({}, owner_public_, view(Octets(32, 3)));
        ASSERT_EQ(responder.read_first(point, payload), Error::none);
        EXPECT_EQ(responder.write_second(Octets(4), second_, session).error(), Error::malformed)
            << line.where;

        NoiseInitiator initiator({}, view(owner_), view(Octets(32, 2)));
        ASSERT_TRUE(initiator.write_first({}, first_));
        Octets answer(noise_second_overhead);
        std::copy(point.begin(), point.end(), answer.begin());
        EXPECT_EQ(initiator.read_second(answer, payload, session), Error::malformed) << line.where;
        EXPECT_EQ(session.initiator_to_responder, NoiseSession().initiator_to_responder);
    }
    EXPECT_EQ(points, 31U);
}

TEST_F(NoiseForged, AnOwnerKeyOfSmallOrderOpensNothing) {
    NoiseInitiator initiator({}, view(owner_), view(Octets(32, 2)));
    ASSERT_TRUE(initiator.write_first({}, first_));
    NoiseResponder responder({}, DhKey{}, view(Octets(32, 3)));
    ByteView payload;
    ASSERT_EQ(responder.read_first(first_, payload), Error::none);
    NoiseSession session;
    EXPECT_EQ(responder.write_second(Octets(4), second_, session).error(), Error::malformed);
}

TEST_F(NoiseForged, BuffersThatAreTooSmallAreRefused) {
    NoiseInitiator initiator({}, view(owner_), view(Octets(32, 2)));
    Octets small(31);
    EXPECT_EQ(initiator.write_first({}, small).error(), Error::no_space);
    NoiseResponder responder({}, owner_public_, view(Octets(32, 3)));
    ByteView payload;
    ASSERT_EQ(responder.read_first(Octets(32, 9), payload), Error::none);
    NoiseSession session;
    Octets answer(noise_second_overhead);
    EXPECT_EQ(responder.write_second(Octets(1), answer, session).error(), Error::no_space);
}

Octets sealed_for(const DhKey& recipient, const Octets& payload, std::uint8_t ephemeral = 5) {
    Octets message(noise_n_overhead + payload.size());
    std::copy(payload.begin(), payload.end(), message.begin() + dh_bytes);
    EXPECT_EQ(noise_n_seal(bytes_of_text("about"), recipient, view(Octets(32, ephemeral)), message),
              Error::none);
    return message;
}

TEST(NoiseN, GivesThePublishedMessagesOnBothSides) {
    ASSERT_EQ(vectors("n").size(), 2U);
    for (Vector& v : vectors("n")) {
        auto& f = v.fields;
        const auto& [payload, wire] = v.messages.at(0);
        Octets message(noise_n_overhead + payload.size());
        std::copy(payload.begin(), payload.end(), message.begin() + dh_bytes);
        ASSERT_EQ(
            noise_n_seal(
                f["prologue"], view(f["init_remote_static"]), view(f["init_ephemeral"]), message),
            Error::none);
        EXPECT_EQ(message, wire);
        Bytes opened;
        ASSERT_EQ(noise_n_open(f["prologue"], view(f["resp_static"]), message, opened),
                  Error::none);
        EXPECT_EQ(Octets(opened.begin(), opened.end()), payload);
    }
}

TEST(NoiseN, OpensForItsRecipientAloneAndUnchangedAlone) {
    const Octets secret(32, 9);
    DhKey recipient{};
    x25519_public(view(secret), recipient);
    const Octets message = sealed_for(recipient, Octets(20, 7));
    Bytes opened;
    for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
        Octets changed = message;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
        EXPECT_EQ(noise_n_open(bytes_of_text("about"), view(secret), changed, opened),
                  Error::forged)
            << "bit " << bit;
    }
    Octets copied = message;
    EXPECT_EQ(noise_n_open(bytes_of_text("other"), view(secret), copied, opened), Error::forged);
    copied = message;
    EXPECT_EQ(noise_n_open(bytes_of_text("about"), view(Octets(32, 10)), copied, opened),
              Error::forged);
    copied = message;
    EXPECT_EQ(noise_n_open(bytes_of_text("about"), view(secret), copied, opened), Error::none);
    Octets cut(noise_n_overhead - 1);
    EXPECT_EQ(noise_n_open(bytes_of_text("about"), view(secret), cut, opened), Error::truncated);
}

TEST(NoiseN, APointOfSmallOrderIsRefusedOnBothSides) {
    const DhKey nothing{};
    Octets message(noise_n_overhead + 4);
    EXPECT_EQ(noise_n_seal({}, nothing, view(Octets(32, 5)), message), Error::malformed);
    std::fill(message.begin(), message.end(), std::uint8_t{0});
    Bytes opened;
    EXPECT_EQ(noise_n_open({}, view(Octets(32, 5)), message, opened), Error::malformed);
}

} // namespace
} // namespace authex::crypto
