#include "runtime/emitter.hpp"

#include <gtest/gtest.h>

#include "support/frames.hpp"

namespace authex::runtime {
namespace {

using test::Octets;

class EmitterTest : public testing::Test {
  protected:
    void SetUp() override {
        emitter_.open(out_);
        ASSERT_EQ(key_.set(crypto::Algorithm::spongent_128, Octets(16, 3)), Error::none);
    }
    Error plain(const Octets& body, wire::FrameHeader header = {.kind = wire::Kind::log}) {
        return emitter_.plain(header, body);
    }
    Error sealed(const Octets& body) {
        wire::FrameHeader header;
        return emitter_.sealed(key_, header, body, scratch_);
    }
    std::size_t produced() { return out_.size() - emitter_.free(); }
    static constexpr std::size_t sealing_bytes = wire::header_bytes + wire::tag_bytes;
    Octets out_ = Octets(100);
    Octets scratch_ = Octets(1000);
    crypto::AeadKey key_;
    Emitter emitter_;
};

TEST_F(EmitterTest, NothingIsAllowedAtFirst) {
    EXPECT_EQ(emitter_.room(), 0U);
    EXPECT_EQ(plain({}), Error::no_space);
    EXPECT_EQ(sealed({}), Error::no_space);
    EXPECT_EQ(produced(), 0U);
}

TEST_F(EmitterTest, AllowanceIsWhatBinds) {
    emitter_.allow(25);
    EXPECT_EQ(plain(Octets(6)), Error::no_space);
    EXPECT_EQ(plain(Octets(5)), Error::none);
    EXPECT_EQ(emitter_.room(), 0U);
    EXPECT_EQ(emitter_.free(), 75U);
    EXPECT_EQ(sealed(Octets(2)), Error::no_space);
    emitter_.allow(sealing_bytes + 1);
    EXPECT_EQ(sealed(Octets(2)), Error::no_space);
    emitter_.allow(sealing_bytes + 2);
    EXPECT_EQ(sealed(Octets(2)), Error::none);
    EXPECT_EQ(produced(), 25U + sealing_bytes + 2U);
}

TEST_F(EmitterTest, BufferBindsWhereItIsSmaller) {
    emitter_.allow(1000);
    EXPECT_EQ(emitter_.room(), 100U);
    EXPECT_EQ(sealed(Octets(100 - sealing_bytes + 2)), Error::no_space);
    EXPECT_EQ(sealed(Octets(100 - sealing_bytes)), Error::none);
    EXPECT_EQ(emitter_.free(), 0U);
}

TEST_F(EmitterTest, ScratchBindsWhereItIsSmaller) {
    emitter_.allow(1000);
    scratch_.resize(sealing_bytes + 3);
    EXPECT_EQ(sealed(Octets(4)), Error::no_space);
    EXPECT_EQ(produced(), 0U);
    EXPECT_EQ(sealed(Octets(2)), Error::none);
}

TEST_F(EmitterTest, WhatCannotBeSealedLeavesNothing) {
    emitter_.allow(1000);
    key_.clear();
    EXPECT_EQ(sealed(Octets(2)), Error::not_attested);
    EXPECT_EQ(produced(), 0U);
    EXPECT_EQ(out_, Octets(100));
}

TEST_F(EmitterTest, FramesGetDeploymentAndLength) {
    emitter_.set_deployment(0x1234);
    emitter_.allow(100);
    ASSERT_EQ(plain({7, 8}, {.kind = wire::Kind::log, .channel = 2}), Error::none);
    ASSERT_EQ(sealed({1, 2, 3}), Error::none);
    const auto frames = test::split(ByteView(out_).first(produced()));
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].header.deployment, 0x1234);
    EXPECT_EQ(frames[0].body, (Octets{7, 8}));
    EXPECT_EQ(frames[1].header.deployment, 0x1234);
    EXPECT_EQ(test::opened(key_, frames[1]), (Octets{1, 2, 3}));
}

TEST_F(EmitterTest, ClosedOneWritesNothing) {
    emitter_.close();
    emitter_.allow(100);
    EXPECT_EQ(plain({}), Error::no_space);
}

} // namespace
} // namespace authex::runtime
