#include "runtime/emitter.hpp"

#include <gtest/gtest.h>

#include "support/frames.hpp"

namespace authex::runtime {
namespace {

using test::Octets;

class EmitterTest : public testing::Test {
  protected:
    void SetUp() override { emitter_.open(out_); }
    Octets out_ = Octets(100);
    Emitter emitter_;
};

TEST_F(EmitterTest, NothingIsAllowedAtFirst) {
    EXPECT_EQ(emitter_.room(), 0U);
    EXPECT_EQ(emitter_.plain({}, {}), Error::no_space);
    EXPECT_EQ(emitter_.sealed(Octets(1)), Error::no_space);
    EXPECT_EQ(emitter_.produced(), 0U);
}

TEST_F(EmitterTest, AllowanceIsWhatBinds) {
    emitter_.allow(25);
    EXPECT_EQ(emitter_.plain({.kind = wire::Kind::log}, Octets(6)), Error::no_space);
    EXPECT_EQ(emitter_.plain({.kind = wire::Kind::log}, Octets(5)), Error::none);
    EXPECT_EQ(emitter_.room(), 0U);
    EXPECT_EQ(emitter_.free(), 75U);
    EXPECT_EQ(emitter_.sealed(Octets(1)), Error::no_space);
    emitter_.allow(1);
    EXPECT_EQ(emitter_.sealed(Octets(1)), Error::none);
    EXPECT_EQ(emitter_.produced(), 26U);
}

TEST_F(EmitterTest, BufferBindsWhereItIsSmaller) {
    emitter_.allow(1000);
    EXPECT_EQ(emitter_.room(), 100U);
    EXPECT_EQ(emitter_.sealed(Octets(101)), Error::no_space);
    EXPECT_EQ(emitter_.sealed(Octets(100)), Error::none);
    EXPECT_EQ(emitter_.free(), 0U);
}

TEST_F(EmitterTest, PlainFramesGetDeploymentAndLength) {
    emitter_.set_deployment(0x1234);
    emitter_.allow(100);
    ASSERT_EQ(emitter_.plain({.kind = wire::Kind::log, .channel = 2}, Octets{7, 8}), Error::none);
    const auto frames = test::split(ByteView(out_).first(emitter_.produced()));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.deployment, 0x1234);
    EXPECT_EQ(frames[0].body, (Octets{7, 8}));
}

TEST_F(EmitterTest, ClosedOneWritesNothing) {
    emitter_.close();
    emitter_.allow(100);
    EXPECT_EQ(emitter_.plain({}, {}), Error::no_space);
}

} // namespace
} // namespace authex::runtime
