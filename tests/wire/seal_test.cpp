#include "wire/seal.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/frames.hpp"

namespace authex::wire {
namespace {

using crypto::Algorithm;
using test::Octets;

class SealFrame : public testing::TestWithParam<Algorithm> {
  protected:
    void SetUp() override { ASSERT_EQ(key_.set(GetParam(), Octets(16, 3)), Error::none); }
    test::Frame frame(const Octets& body, std::uint64_t counter = 5) {
        return test::split(
            test::sealed(key_, {.kind = Kind::event, .channel = 9, .counter = counter}, body))[0];
    }
    crypto::AeadKey key_;
};

TEST_P(SealFrame, IsOpenedToWhatWasSealed) {
    for (const std::size_t size : {0U, 1U, 2U, 3U, 63U, 64U, 65U, 1000U}) {
        const Octets body(size, 0xA5);
        const test::Frame sealed = frame(body);
        EXPECT_EQ(sealed.bytes.size(), sealed_frame_bytes(GetParam(), size));
        EXPECT_EQ(test::opened(key_, sealed), body) << size;
    }
}

// P6
TEST_P(SealFrame, EveryFlippedBitIsRefused) {
    const test::Frame good = frame({1, 2, 3, 4});
    for (std::size_t bit = 0; bit < good.bytes.size() * 8; ++bit) {
        Octets bytes = good.bytes;
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
        FrameView view;
        const bool routing_only = bit / 8 == 2 || bit / 8 == 3; // the key fixes the deployment
        if (parse_frame(bytes, view) == Error::none) {
            EXPECT_EQ(test::opened(key_, {view.header, {}, bytes}).has_value(), routing_only)
                << "bit " << bit;
        }
    }
}

// P10
TEST_P(SealFrame, FailureLeavesNoPlaintextBehind) {
    test::Frame forged = frame(Octets(32, 0xA5));
    forged.bytes.back() ^= 1U;
    Bytes body;
    EXPECT_EQ(open_frame(key_, forged.header, forged.bytes, body), Error::forged);
    EXPECT_EQ(Octets(forged.bytes.begin() + header_bytes, forged.bytes.begin() + header_bytes + 32),
              Octets(32));
    EXPECT_TRUE(body.empty());
}

// P8
TEST_P(SealFrame, TheLastCounterIsBeforeTheLimit) {
    FrameHeader header{.counter = counter_limit - 1};
    Octets out(200);
    EXPECT_EQ(seal_frame(key_, header, {}, out), Error::none);
    header.counter = counter_limit;
    EXPECT_EQ(seal_frame(key_, header, {}, out), Error::exhausted);
    header.counter = ~std::uint64_t{0};
    EXPECT_EQ(seal_frame(key_, header, {}, out), Error::exhausted);
}

// P5
TEST_P(SealFrame, BodiesAboveTheLargestAreRefused) {
    FrameHeader header;
    Octets out(2 * max_frame_bytes);
    EXPECT_EQ(seal_frame(key_, header, Octets(max_body_bytes + 1), out), Error::too_large);
}

TEST(SealLargestFrame, BodiesUpToTheLargestAreSealed) {
    crypto::AeadKey key;
    ASSERT_EQ(key.set(Algorithm::aes_128_gcm, Octets(16, 3)), Error::none);
    FrameHeader header;
    Octets out(max_frame_bytes);
    EXPECT_EQ(seal_frame(key, header, Octets(max_body_bytes - 1), out), Error::none);
    EXPECT_EQ(seal_frame(key, header, Octets(max_body_bytes), out), Error::none);
    EXPECT_EQ(header.frame_bytes(), header_bytes + max_body_bytes + tag_bytes);
}

TEST_P(SealFrame, RoomThatIsTooSmallIsRefused) {
    FrameHeader header;
    Octets out(sealed_frame_bytes(GetParam(), 7));
    EXPECT_EQ(seal_frame(key_, header, Octets(7), out), Error::none);
    EXPECT_EQ(seal_frame(key_, header, Octets(7), Bytes(out).first(out.size() - 1)),
              Error::no_space);
}

TEST_P(SealFrame, WithoutKeyNothingIsSealedNorOpened) {
    test::Frame good = frame({1, 2, 3, 4});
    key_.clear();
    FrameHeader header;
    Octets out(200, 0x11);
    EXPECT_EQ(seal_frame(key_, header, Octets(4, 0xA5), out), Error::not_attested);
    EXPECT_EQ(out, Octets(200, 0x11));
    Bytes body;
    EXPECT_EQ(open_frame(key_, good.header, good.bytes, body), Error::not_attested);
}

TEST_P(SealFrame, HeaderThatIsNotTheFramesIsMalformed) {
    // No parsed header is like these; a caller that made its own is told.
    Octets bytes(header_bytes + tag_bytes);
    Bytes body;
    for (const auto& [flags, length] : {std::pair(0U, 0U),
                                        std::pair(0U, 15U),
                                        std::pair(2U, 17U),
                                        std::pair(0U, 17U),
                                        std::pair(0U, 0xFFFFFFFFU)}) {
        const FrameHeader header{
            .flags = static_cast<std::uint16_t>(flags), .length = length, .counter = 0};
        EXPECT_EQ(open_frame(key_, header, bytes, body), Error::malformed) << length;
    }
}

INSTANTIATE_TEST_SUITE_P(Both,
                         SealFrame,
                         testing::Values(Algorithm::aes_128_gcm, Algorithm::spongent_128));

// P9
TEST(SealedFrameBytes, SpongentBodiesAreWholeWordsAndNeverEmpty) {
    EXPECT_EQ(sealed_frame_bytes(Algorithm::spongent_128, 0), 38U);
    EXPECT_EQ(sealed_frame_bytes(Algorithm::spongent_128, 1), 38U);
    EXPECT_EQ(sealed_frame_bytes(Algorithm::spongent_128, 2), 38U);
    EXPECT_EQ(sealed_frame_bytes(Algorithm::spongent_128, 3), 40U);
    EXPECT_EQ(sealed_frame_bytes(Algorithm::aes_128_gcm, 0), 36U);
    EXPECT_EQ(sealed_frame_bytes(Algorithm::aes_128_gcm, 1), 37U);
}

RC_GTEST_PROP(SealFrame, TwoDifferentFramesNeverShareNonceAndAssociatedData, ()) {
    const auto any = [] {
        FrameHeader header;
        header.kind = *rc::gen::element(Kind::event, Kind::request, Kind::reply);
        header.channel = *rc::gen::arbitrary<std::uint16_t>();
        header.flags = *rc::gen::element<std::uint16_t>(0, flag_direction);
        header.counter = *rc::gen::inRange<std::uint64_t>(0, 4);
        return header;
    };
    const FrameHeader a = any();
    const FrameHeader b = any();
    const bool same_place =
        a.kind == b.kind && a.channel == b.channel && a.flags == b.flags && a.counter == b.counter;
    RC_ASSERT((associated_data(a) == associated_data(b)) == same_place);
    RC_ASSERT((nonce(a) == nonce(b)) == (a.counter == b.counter && a.direction() == b.direction()));
}

} // namespace
} // namespace authex::wire
