// Quotes of real platforms, where the data lies beside the project.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hex.hpp"
#include "tee/sgx/verifier/scene.hpp"
#include "tee/sgx/verifier/utc.hpp"

namespace authex::tee::sgx {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path data() {
    const char* shared = std::getenv("AUTHEX_SHARED");
    return (shared != nullptr ? fs::path(shared) : fs::path(AUTHEX_SOURCE_DIR) / "../shared") /
           "sgx/data";
}

std::string content(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    EXPECT_TRUE(stream) << file;
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

struct Case {
    Presented evidence;
    UnixTime now = 0;
    json expect;
    std::string name;
};

Case read_case(const json& entry) {
    Case one;
    one.name = entry["id"];
    const std::string quote = content(data() / entry["quote"].get<std::string>());
    one.evidence.quote.assign(quote.begin(), quote.end());
    const std::pair<const char*, const char*> files[] = {
        {"tcb_info", collateral_file::tcb_info},
        {"qe_identity", collateral_file::qe_identity},
        {"tcb_info_chain", collateral_file::tcb_chain},
        {"qe_identity_chain", collateral_file::qe_chain},
        {"pck_crl", collateral_file::pck_crl},
        {"root_ca_crl", collateral_file::root_ca_crl},
        {"pck_crl_chain", collateral_file::pck_ca_chain}};
    for (const auto& [member, file] : files) {
        if (entry.contains(member) && !entry[member].is_null()) {
            one.evidence.collateral.files[file] =
                content(data() / entry[member].get<std::string>());
        }
    }
    const bool has_lists = one.evidence.collateral.files.contains(collateral_file::root_ca_crl) &&
                           one.evidence.collateral.files.contains(collateral_file::pck_crl);
    one.evidence.anchor.check_revocation = has_lists;
    one.now = parse_utc(entry["now"].get<std::string>()).value();
    one.expect = entry["expect"];
    return one;
}

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const json& entry : json::parse(content(data() / "cases.json"))) {
        all.push_back(read_case(entry));
    }
    EXPECT_FALSE(all.empty());
    return all;
}

Policy anything() {
    Policy policy;
    policy.allow_debug = true;
    for (const TcbStatus status : {TcbStatus::sw_hardening_needed,
                                   TcbStatus::configuration_needed,
                                   TcbStatus::configuration_and_sw_hardening_needed,
                                   TcbStatus::out_of_date,
                                   TcbStatus::out_of_date_configuration_needed}) {
        policy.accepted.insert(status);
    }
    return policy;
}

class GenuineQuotes : public testing::Test {
  protected:
    void SetUp() override {
        if (!fs::exists(data() / "cases.json")) {
            GTEST_SKIP() << "no genuine quotes beside the project (AUTHEX_SHARED)";
        }
    }
};

TEST_F(GenuineQuotes, EachHasTheStatedVerdict) {
    const std::vector<Case> all = cases();
    for (const Case& one : all) {
        SCOPED_TRACE(one.name);
        const Verdict verdict = QuoteVerifier(one.evidence.collateral, one.evidence.anchor)
                                    .verify(one.evidence.quote, anything(), one.now);
        ASSERT_TRUE(verdict.genuine) << story(verdict);
        EXPECT_EQ(verdict.outcome, Outcome::accepted) << story(verdict);
        EXPECT_EQ(to_text(*verdict.tcb_status), one.expect["tcb_status"]);
        EXPECT_EQ(to_text(*verdict.qe_status), one.expect["qe_status"]);
        EXPECT_EQ(to_text(*verdict.combined_status), one.expect["combined_status"]);
        EXPECT_EQ(to_hex(verdict.body->mrenclave), one.expect["mrenclave"]);
        EXPECT_EQ(to_hex(verdict.body->mrsigner), one.expect["mrsigner"]);
        EXPECT_EQ(verdict.body->isv_prod_id, one.expect["isvprodid"]);
        EXPECT_EQ(verdict.body->isv_svn, one.expect["isvsvn"]);
        EXPECT_EQ(to_hex(verdict.body->report_data), one.expect["report_data"]);
        EXPECT_EQ(verdict.body->debug(), one.expect["debug"]);
        EXPECT_EQ(to_hex(verdict.pck->fmspc), one.expect["fmspc"]);
        std::set<std::string> advisories;
        for (const char* member : {"tcb_advisories", "qe_advisories"}) {
            for (const json& each : one.expect[member]) {
                advisories.insert(each.get<std::string>());
            }
        }
        EXPECT_EQ(verdict.advisories,
                  std::vector<std::string>(advisories.begin(), advisories.end()));
    }
}

TEST_F(GenuineQuotes, ADebugEnclaveIsRefusedUnlessItIsAllowed) {
    for (const Case& one : cases()) {
        SCOPED_TRACE(one.name);
        Policy policy = anything();
        policy.allow_debug = false;
        const Verdict verdict = QuoteVerifier(one.evidence.collateral, one.evidence.anchor)
                                    .verify(one.evidence.quote, policy, one.now);
        EXPECT_TRUE(verdict.genuine);
        EXPECT_EQ(failed_step(verdict), one.expect["debug"] ? "policy-debug" : "");
    }
}

TEST_F(GenuineQuotes, NoneHoldsBeforeOrAfterItsCollateral) {
    for (const Case& one : cases()) {
        SCOPED_TRACE(one.name);
        constexpr UnixTime year = 366LL * 86'400;
        for (const UnixTime now : {one.now - year, one.now + year}) {
            const Verdict verdict = QuoteVerifier(one.evidence.collateral, one.evidence.anchor)
                                        .verify(one.evidence.quote, anything(), now);
            EXPECT_FALSE(verdict.genuine);
            EXPECT_EQ(verdict.outcome, Outcome::refused);
        }
    }
}

TEST_F(GenuineQuotes, NoneHoldsUnderAnotherRoot) {
    const Presented own = Scene().build();
    for (const Case& one : cases()) {
        SCOPED_TRACE(one.name);
        const Verdict verdict = QuoteVerifier(one.evidence.collateral, own.anchor)
                                    .verify(one.evidence.quote, anything(), one.now);
        EXPECT_FALSE(verdict.genuine);
        EXPECT_EQ(failed_step(verdict), "tcb-info-chain");
    }
}

TEST_F(GenuineQuotes, NoneHoldsWithABitFlippedInWhatIsSigned) {
    const std::vector<Case> all = cases();
    const Case& one = all.front();
    QuoteVerifier verifier(one.evidence.collateral, one.evidence.anchor);
    ASSERT_TRUE(verifier.verify(one.evidence.quote, anything(), one.now).genuine);
    constexpr std::size_t chain = 432 + 4 + 64 + 64 + 384 + 64 + 2 + 32;
    std::vector<std::uint8_t> quote = one.evidence.quote;
    for (std::size_t i = 0; i < chain; ++i) {
        quote[i] ^= 1U << (i % 8);
        EXPECT_FALSE(verifier.verify(quote, anything(), one.now).genuine) << "byte " << i;
        quote[i] ^= 1U << (i % 8);
    }
}

TEST_F(GenuineQuotes, AQuoteOfTdxIsNotTakenForOneOfSgx) {
    const fs::path file = data() / "quotes/tdx_v4_phala.bin";
    const std::string quote = content(file);
    const auto parsed =
        parse_quote({reinterpret_cast<const std::uint8_t*>(quote.data()), quote.size()});
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, "quote-unsupported");
    EXPECT_THAT(to_text(parsed.error()), testing::HasSubstr("TDX"));
}

TEST_F(GenuineQuotes, OneWithoutCertificatesIsRefused) {
    const fs::path file = data() / "quotes/oasis_type3.bin";
    const std::string quote = content(file);
    const auto parsed =
        parse_quote({reinterpret_cast<const std::uint8_t*>(quote.data()), quote.size()});
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, "quote-unsupported");
}

} // namespace
} // namespace authex::tee::sgx
