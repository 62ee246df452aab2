#include "tee/native/evidence.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"
#include "tee/native/evidence_key.hpp"
#include "tee/native/verifier.hpp"

namespace authex::tee::native {
namespace {

Evidence sample() {
    Evidence evidence;
    evidence.identity.fill(1);
    evidence.report_data.fill(2);
    evidence.signature.fill(3);
    return evidence;
}

template <typename T>
std::string code_of(const Expected<T>& value) {
    return value ? "" : value.error().code;
}

TEST(ParseEvidence, ReadsWhatWasWritten) {
    const Expected<Evidence> evidence = parse_evidence(write_evidence(sample()));
    ASSERT_TRUE(evidence);
    EXPECT_EQ(evidence->identity, sample().identity);
    EXPECT_EQ(evidence->report_data, sample().report_data);
    EXPECT_EQ(evidence->signature, sample().signature);
}

TEST(ParseEvidence, HasTheDocumentedLayout) {
    const std::vector<std::uint8_t> bytes = write_evidence(sample());
    ASSERT_EQ(bytes.size(), 136U);
    EXPECT_THAT(std::vector(bytes.begin(), bytes.begin() + 9),
                testing::ElementsAre('A', 'X', 'E', 'V', 1, 1, 0, 0, 1));
    EXPECT_EQ(bytes[40], 2);
    EXPECT_EQ(bytes[72], 3);
}

TEST(ParseEvidence, RefusesEveryOtherLength) {
    std::vector<std::uint8_t> bytes = write_evidence(sample());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_EQ(code_of(parse_evidence(ByteView(bytes).first(size))), "evidence-malformed");
    }
    bytes.push_back(0);
    EXPECT_EQ(code_of(parse_evidence(bytes)), "evidence-malformed");
}

TEST(ParseEvidence, RefusesEveryChangeOfItsFirstEightBytes) {
    for (std::size_t at = 0; at < 8; ++at) {
        std::vector<std::uint8_t> bytes = write_evidence(sample());
        bytes[at] ^= 0x40U;
        EXPECT_EQ(code_of(parse_evidence(bytes)), "evidence-malformed") << at;
    }
}

class VerifyEvidence : public testing::Test {
  protected:
    std::vector<std::uint8_t> signed_by(const EvidenceKey& key) {
        Evidence evidence = sample();
        evidence.signature = *key.sign(signed_bytes(evidence));
        return write_evidence(evidence);
    }
    Expectation expectation() {
        return {.identity = std::vector<std::uint8_t>(32, 1),
                .report_data = std::vector<std::uint8_t>(32, 2),
                .evidence_key = key_.public_key(),
                .simulation_allowed = true};
    }
    std::string refusal(const Expectation& expected) {
        return code_of(verifier_.verify(evidence_, expected));
    }
    test::TemporaryFolder folder_;
    EvidenceKey key_ = *EvidenceKey::open(folder_.path());
    std::vector<std::uint8_t> evidence_ = signed_by(key_);
    NativeVerifier verifier_;
};

TEST_F(VerifyEvidence, TakesWhatIsRightAndMarksItSimulated) {
    const Expected<Claims> claims = verifier_.verify(evidence_, expectation());
    ASSERT_TRUE(claims) << to_text(claims.error());
    EXPECT_TRUE(claims->simulated);
    EXPECT_EQ(claims->identity, std::vector<std::uint8_t>(32, 1));
    EXPECT_THAT(claims->text, testing::HasSubstr("simulated"));
}

// P23
TEST_F(VerifyEvidence, RefusesSimulationThatIsNotAllowed) {
    Expectation expected = expectation();
    expected.simulation_allowed = false;
    EXPECT_EQ(refusal(expected), "simulation-refused");
}

TEST_F(VerifyEvidence, RefusesAnotherKeyAndNoKey) {
    const test::TemporaryFolder elsewhere;
    Expectation expected = expectation();
    expected.evidence_key = EvidenceKey::open(elsewhere.path())->public_key();
    EXPECT_EQ(refusal(expected), "evidence-forged");
    expected.evidence_key.clear();
    EXPECT_EQ(refusal(expected), "evidence-forged");
    expected.evidence_key = std::vector<std::uint8_t>(32, 0);
    EXPECT_EQ(refusal(expected), "evidence-forged");
    expected.evidence_key = std::vector<std::uint8_t>(33, 1);
    EXPECT_EQ(refusal(expected), "evidence-forged");
}

// P23
TEST_F(VerifyEvidence, RefusesAnotherImage) {
    Expectation expected = expectation();
    expected.identity[31] ^= 1U;
    EXPECT_EQ(refusal(expected), "evidence-identity");
    expected.identity.clear();
    EXPECT_EQ(refusal(expected), "evidence-identity");
}

// P23
TEST_F(VerifyEvidence, RefusesAnotherHandshake) {
    Expectation expected = expectation();
    expected.report_data[0] ^= 1U;
    EXPECT_EQ(refusal(expected), "evidence-stale");
    expected.report_data.resize(31);
    EXPECT_EQ(refusal(expected), "evidence-stale");
}

// P23
TEST_F(VerifyEvidence, RefusesEveryFlippedBit) {
    for (std::size_t bit = 0; bit < evidence_.size() * 8; ++bit) {
        std::vector<std::uint8_t> bytes = evidence_;
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        const std::string code = code_of(verifier_.verify(bytes, expectation()));
        EXPECT_EQ(code, bit / 8 < 8 ? "evidence-malformed" : "evidence-forged") << bit;
    }
}

TEST_F(VerifyEvidence, RefusesASignatureOverTheStatementWithoutItsDomain) {
    Evidence evidence = sample();
    evidence.signature = *key_.sign(statement_of(evidence));
    evidence_ = write_evidence(evidence);
    EXPECT_EQ(refusal(expectation()), "evidence-forged");
}

class EvidenceKeyTest : public testing::Test {
  protected:
    [[nodiscard]] std::filesystem::path file() const { return folder_.path() / "evidence-key.pem"; }
    test::TemporaryFolder folder_;
};

TEST_F(EvidenceKeyTest, IsMadeOnceAndReadableByItsOwnerAlone) {
    const Expected<EvidenceKey> first = EvidenceKey::open(folder_.path());
    const Expected<EvidenceKey> second = EvidenceKey::open(folder_.path());
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->public_key(), second->public_key());
    using std::filesystem::perms;
    EXPECT_EQ(std::filesystem::status(file()).permissions(),
              perms::owner_read | perms::owner_write);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(EvidenceKeyTest, RefusesAKeyThatOthersMayRead) {
    ASSERT_TRUE(EvidenceKey::open(folder_.path()));
    std::filesystem::permissions(
        file(), std::filesystem::perms::group_read, std::filesystem::perm_options::add);
    const Expected<EvidenceKey> key = EvidenceKey::open(folder_.path());
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, "evidence-key");
    EXPECT_THAT(key.error().fix, testing::HasSubstr("chmod 600"));
}

TEST_F(EvidenceKeyTest, RefusesADamagedKeyAndDoesNotReplaceIt) {
    folder_.write("evidence-key.pem", "no key");
    std::filesystem::permissions(file(), std::filesystem::perms::owner_read);
    EXPECT_EQ(code_of(EvidenceKey::open(folder_.path())), "evidence-key");
    EXPECT_EQ(std::filesystem::file_size(file()), 6U);
}

TEST_F(EvidenceKeyTest, RefusesALinkInPlaceOfTheKey) {
    const test::TemporaryFolder elsewhere;
    ASSERT_TRUE(EvidenceKey::open(elsewhere.path()));
    std::filesystem::create_symlink(elsewhere.path() / "evidence-key.pem", file());
    EXPECT_EQ(code_of(EvidenceKey::open(folder_.path())), "evidence-key");
}

TEST_F(EvidenceKeyTest, RefusesADirectoryThatCannotBeMade) {
    folder_.write("file", "");
    EXPECT_EQ(code_of(EvidenceKey::open(folder_.path() / "file" / "deeper")), "evidence-key");
}

} // namespace
} // namespace authex::tee::native
