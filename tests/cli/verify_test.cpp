#include "cli/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/arguments.hpp"
#include "support/temporary_folder.hpp"
#include "tee/sgx/verifier/attested_scene.hpp"

namespace authex::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class VerifyTest : public testing::Test {
  protected:
    test::TemporaryFolder folder_;
    tee::sgx::AttestedScene scene_;
    std::string out_;
    std::string err_;

    void prepare() {
        const tee::sgx::Presented evidence = scene_.build();
        folder_.write("quote", {evidence.quote.begin(), evidence.quote.end()});
        for (const auto& [name, content] : evidence.collateral.files) {
            folder_.write(name, content);
        }
        const auto& chain = evidence.collateral.files.at("tcb_chain.pem");
        folder_.write("root.pem", chain.substr(chain.rfind("-----BEGIN")));
    }
    int run(std::vector<std::string> more = {}) {
        const std::string where = folder_.path().string();
        std::vector<std::string> words = {
            "authex", "verify", where + "/quote", "--collateral", where};
        for (std::string& each : more) {
            words.push_back(std::move(each));
        }
        std::vector<const char*> argv;
        for (const std::string& each : words) {
            argv.push_back(each.c_str());
        }
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        const auto parsed = parse_arguments(static_cast<int>(argv.size()), argv.data());
        const Arguments* arguments = std::get_if<Arguments>(&parsed);
        const int status =
            arguments == nullptr
                ? std::get<int>(parsed)
                : verify_quote(arguments->verify, arguments->json, arguments->explain);
        out_ = testing::internal::GetCapturedStdout();
        err_ = testing::internal::GetCapturedStderr();
        return status;
    }
    std::vector<std::string> own_root(std::vector<std::string> more = {}) {
        more.insert(
            more.end(),
            {"--root", (folder_.path() / "root.pem").string(), "--at", "2026-01-01T00:00:00Z"});
        return more;
    }
};

TEST_F(VerifyTest, AGoodQuoteIsAcceptedWithStatus0) {
    prepare();
    EXPECT_EQ(run(own_root()), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("accepted: a genuine quote, the platform is UpToDate"));
    EXPECT_THAT(out_, HasSubstr("product 7, security version 3"));
    EXPECT_EQ(err_, "");
}

TEST_F(VerifyTest, EachStepIsExplainedOnRequest) {
    prepare();
    EXPECT_EQ(run(own_root({"--explain"})), 0);
    for (const char* step :
         {"quote-structure", "pck-chain", "quote-signature", "policy-tcb-status"}) {
        EXPECT_THAT(out_, HasSubstr(step));
    }
}

TEST_F(VerifyTest, JsonNamesTheVerdictInStableWords) {
    scene_.platform.tcb.components.fill(4);
    prepare();
    EXPECT_EQ(run(own_root({"--json"})), 1);
    const json verdict = json::parse(out_);
    EXPECT_EQ(verdict["genuine"], true);
    EXPECT_EQ(verdict["accepted"], false);
    EXPECT_EQ(verdict["tcb_status"], "SWHardeningNeeded");
    EXPECT_EQ(verdict["qe_status"], "UpToDate");
    EXPECT_EQ(verdict["combined_status"], "SWHardeningNeeded");
    EXPECT_EQ(verdict["advisories"], json({"INTEL-SA-00334", "INTEL-SA-00615"}));
    EXPECT_EQ(verdict["failed_step"], "policy-tcb-status");
    EXPECT_EQ(verdict["fmspc"], "00606a000000");
    EXPECT_EQ(verdict["isv_prod_id"], 7);
    EXPECT_EQ(verdict["isv_svn"], 3);
    EXPECT_EQ(verdict["debug"], false);
    EXPECT_EQ(verdict["certificate_key_bound"], nullptr) << "there is no certificate";
    EXPECT_EQ(verdict["mrenclave"].get<std::string>().size(), 64U);
    EXPECT_EQ(verdict["report_data"].get<std::string>().size(), 128U);
    EXPECT_EQ(run(own_root({"--accept", "SWHardeningNeeded", "--json"})), 0);
    EXPECT_EQ(json::parse(out_)["failed_step"], nullptr);
}

TEST_F(VerifyTest, ARefusalSaysWhatWasFoundExpectedAndWhatToDo) {
    scene_.quote.body.attributes.flags |= 2;
    prepare();
    EXPECT_EQ(run(own_root()), 1);
    EXPECT_THAT(out_, HasSubstr("refused: a genuine quote"));
    EXPECT_THAT(err_, HasSubstr("debug mode"));
    EXPECT_THAT(err_, HasSubstr("expected: a production enclave"));
    EXPECT_THAT(err_, HasSubstr("--allow-debug"));
    EXPECT_EQ(run(own_root({"--allow-debug"})), 0);
}

TEST_F(VerifyTest, WithoutTheOwnRootNothingIsGenuine) {
    prepare();
    EXPECT_EQ(run({"--at", "2026-01-01T00:00:00Z"}), 1);
    EXPECT_THAT(out_, HasSubstr("not known to be genuine"));
}

TEST_F(VerifyTest, WhatCannotBeCheckedHasAnExitStatusOfItsOwn) {
    prepare();
    std::filesystem::remove(folder_.path() / "root_ca_crl.der");
    EXPECT_EQ(run(own_root()), exit_not_checked);
    EXPECT_THAT(err_, HasSubstr("root_ca_crl.der is missing"));
    EXPECT_EQ(run(own_root({"--no-crl"})), 0);
    std::filesystem::remove(folder_.path() / "quote");
    EXPECT_EQ(run(own_root({"--json"})), exit_not_checked);
    EXPECT_EQ(json::parse(out_)["failed_step"], "quote-file");
}

TEST_F(VerifyTest, ARootMayStandAtTheEndOfAChain) {
    prepare();
    std::filesystem::copy_file(folder_.path() / "tcb_chain.pem",
                               folder_.path() / "root.pem",
                               std::filesystem::copy_options::overwrite_existing);
    EXPECT_EQ(run(own_root()), 0) << err_;
}

TEST_F(VerifyTest, ARootThatIsNoneCannotBeUsed) {
    prepare();
    const std::string chain = scene_.build().collateral.files.at("tcb_chain.pem");
    folder_.write("root.pem", chain + chain.substr(chain.rfind("-----BEGIN")));
    EXPECT_EQ(run(own_root()), exit_not_checked) << "which of them?";
    folder_.write("root.pem", "rubbish");
    EXPECT_EQ(run(own_root()), exit_not_checked);
    EXPECT_THAT(err_, HasSubstr("no certificate"));
}

TEST_F(VerifyTest, ACertificateIsVerifiedWithTheQuoteThatItCarries) {
    prepare();
    folder_.write("quote", scene_.certificate());
    EXPECT_EQ(run(own_root({"--explain"})), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("certificate-key "));
    EXPECT_THAT(out_, HasSubstr("quote-signature"));
    EXPECT_THAT(out_, HasSubstr("the certificate's key is that enclave's"));
    EXPECT_EQ(run(own_root({"--json"})), 0);
    EXPECT_EQ(json::parse(out_)["certificate_key_bound"], true);
    EXPECT_EQ(json::parse(out_)["genuine"], true);
    EXPECT_EQ(run(own_root({"--json", "--product", "8"})), 1) << "the policy is that of any quote";
    EXPECT_EQ(json::parse(out_)["certificate_key_bound"], true);
    EXPECT_EQ(json::parse(out_)["failed_step"], "policy-version");
}

TEST_F(VerifyTest, ACertificateOfAnotherKeyIsRefused) {
    prepare();
    const tee::sgx::AttestedScene other;
    scene_.claims = other.claims;
    folder_.write("quote", scene_.certificate());
    EXPECT_EQ(run(own_root({"--json"})), 1);
    EXPECT_EQ(json::parse(out_)["certificate_key_bound"], false);
    EXPECT_EQ(json::parse(out_)["genuine"], false) << "the quote was not even looked at";
    EXPECT_EQ(json::parse(out_)["failed_step"], "certificate-key");
    EXPECT_EQ(run(own_root()), 1);
    EXPECT_THAT(err_, HasSubstr("the evidence is about another key"));
}

TEST_F(VerifyTest, ACertificateWithAForgedQuoteIsNotGenuineThoughItsKeyIsBound) {
    prepare();
    scene_.qe_report_signer = scene_.stranger();
    folder_.write("quote", scene_.certificate());
    EXPECT_EQ(run(own_root({"--json"})), 1);
    EXPECT_EQ(json::parse(out_)["certificate_key_bound"], true);
    EXPECT_EQ(json::parse(out_)["genuine"], false);
    EXPECT_EQ(run(own_root()), 1);
    EXPECT_THAT(out_, ::testing::Not(HasSubstr("the certificate's key")));
}

TEST_F(VerifyTest, OptionsAreChecked) {
    prepare();
    EXPECT_EQ(run({"--at", "yesterday"}), exit_usage);
    EXPECT_EQ(run({"--mrenclave", "12"}), exit_usage);
    EXPECT_EQ(run({"--mrsigner", std::string(63, '0') + "g"}), exit_usage);
    EXPECT_EQ(run({"--accept", "Revoked"}), exit_usage);
    EXPECT_EQ(run({"--product", "65536"}), exit_usage);
    EXPECT_EQ(run({"--svn", "-1"}), exit_usage);
    EXPECT_EQ(run({"--pccs", "http://127.0.0.1:1"}), exit_usage);
    EXPECT_EQ(run({"--pccs", "https://127.0.0.1:1/sgx"}), exit_usage);
    EXPECT_EQ(run({"--pccs-certificate", "x.pem"}), exit_usage) << "of which service?";
}

TEST_F(VerifyTest, TheWantedEnclaveIsCompared) {
    prepare();
    const std::string mrenclave(64, 'e');
    EXPECT_EQ(run(own_root({"--mrenclave", mrenclave})), 1);
    EXPECT_THAT(err_, HasSubstr("expected: " + mrenclave));
    EXPECT_EQ(run(own_root({"--product", "7", "--svn", "3"})), 0);
    EXPECT_EQ(run(own_root({"--product", "8"})), 1);
    EXPECT_EQ(run(own_root({"--svn", "4"})), 1);
}

} // namespace
} // namespace authex::cli
