#include "tee/skeleton/verifier.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tee/skeleton/evidence.hpp"

namespace authex::tee::skeleton {
namespace {

class SkeletonEvidence : public testing::Test {
  protected:
    SkeletonEvidence() {
        Evidence evidence;
        evidence.identity.fill(1);
        evidence.report_data.fill(2);
        bytes_ = write_evidence(evidence);
    }
    std::string refusal(ByteView bytes) {
        const Expected<Claims> claims = SkeletonVerifier().verify(bytes, expectation_);
        return claims ? "" : claims.error().code;
    }
    std::vector<std::uint8_t> bytes_;
    Expectation expectation_{.identity = std::vector<std::uint8_t>(32, 1),
                             .report_data = std::vector<std::uint8_t>(32, 2),
                             .evidence_key = {},
                             .simulation_allowed = true};
};

TEST_F(SkeletonEvidence, OfTheImageAndTheHandshakeIsTakenAndProvesNothing) {
    const Expected<Claims> claims = SkeletonVerifier().verify(bytes_, expectation_);
    ASSERT_TRUE(claims) << to_text(claims.error());
    EXPECT_TRUE(claims->simulated);
    EXPECT_EQ(claims->identity, expectation_.identity);
    EXPECT_THAT(claims->proves, testing::IsEmpty());
    EXPECT_THAT(claims->does_not_prove, testing::ElementsAre(testing::HasSubstr("anything")));
}

TEST_F(SkeletonEvidence, IsRefusedWhereSimulationIsNotAllowed) {
    expectation_.simulation_allowed = false;
    EXPECT_EQ(refusal(bytes_), "simulation-refused");
}

TEST_F(SkeletonEvidence, IsRefusedAtEveryOtherLengthAndWithAnotherMagic) {
    for (std::size_t size = 0; size < bytes_.size(); ++size) {
        EXPECT_EQ(refusal(ByteView(bytes_).first(size)), "evidence-malformed") << size;
    }
    bytes_.push_back(0);
    EXPECT_EQ(refusal(bytes_), "evidence-malformed");
    bytes_.pop_back();
    bytes_[0] ^= 1U;
    EXPECT_EQ(refusal(bytes_), "evidence-malformed");
}

TEST_F(SkeletonEvidence, OfAnotherImageIsRefused) {
    expectation_.identity[31] ^= 1U;
    EXPECT_EQ(refusal(bytes_), "evidence-identity");
    expectation_.identity.clear();
    EXPECT_EQ(refusal(bytes_), "evidence-identity");
}

TEST_F(SkeletonEvidence, OfAnotherHandshakeIsRefused) {
    expectation_.report_data[0] ^= 1U;
    EXPECT_EQ(refusal(bytes_), "evidence-stale");
    expectation_.report_data.resize(31);
    EXPECT_EQ(refusal(bytes_), "evidence-stale");
}

} // namespace
} // namespace authex::tee::skeleton
