// What is right under a root of one's own, and everything that a platform or its operator can get
// wrong in what they issue.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include "tee/sgx/verifier/scene.hpp"

namespace authex::tee::sgx {
namespace {

using nlohmann::json;

TEST(OwnRoot, AGoodQuoteIsAcceptedInEachVersion) {
    for (const std::uint16_t version : std::initializer_list<std::uint16_t>{3, 4, 5}) {
        Scene scene;
        scene.quote.version = version;
        const Verdict verdict = verify(scene.build());
        EXPECT_TRUE(verdict.genuine) << story(verdict);
        EXPECT_EQ(verdict.outcome, Outcome::accepted);
        EXPECT_EQ(verdict.combined_status, TcbStatus::up_to_date);
        EXPECT_EQ(verdict.body->isv_svn, 3);
        EXPECT_EQ(verdict.pck->tcb.pce, 13);
    }
}

TEST(OwnRoot, NothingIsBelievedUnderIntelsRoot) {
    Presented evidence = Scene().build();
    evidence.anchor.root_key = intel_root_key;
    const Verdict verdict = verify(evidence);
    EXPECT_FALSE(verdict.genuine);
    EXPECT_EQ(failed_step(verdict), "tcb-info-chain");
    EXPECT_EQ(verdict.steps.failure()->problem->code, "chain-root");
}

TEST(OwnRoot, ACheckedCollateralServesManyQuotesUntilItExpires) {
    const Presented evidence = Scene().build();
    QuoteVerifier verifier(evidence.collateral, evidence.anchor);
    constexpr UnixTime last = 1'769'731'200 - 1; // nextUpdate, 2026-01-30T00:00:00Z
    for (const UnixTime now : {Scene::now, Scene::now + 60, last}) {
        EXPECT_TRUE(verifier.verify(evidence.quote, {}, now).genuine);
    }
    const Verdict late = verifier.verify(evidence.quote, {}, last + 1);
    EXPECT_FALSE(late.genuine);
    EXPECT_EQ(late.steps.failure()->problem->code, "collateral-expired");
    EXPECT_TRUE(verifier.verify(evidence.quote, {}, last).genuine);
}

TEST(OwnRoot, CertificatesMayLieInAnyOrderAndEndInPadding) {
    Scene scene;
    const Presented evidence = scene.build();
    const Expected<Quote> quote = parse_quote(evidence.quote);
    ASSERT_TRUE(quote);
    auto all = parse_certificates(quote->pck_chain);
    ASSERT_TRUE(all);
    scene.quote.pck_chain = to_pem(*(*all)[2]) + "\r\n" + to_pem(*(*all)[0]) + to_pem(*(*all)[1]);
    scene.quote.pck_chain.push_back('\0');
    const Presented reordered = scene.build();
    Presented mixed = evidence;
    mixed.quote =
        reordered.quote; // its chain is that of `evidence`, and so are keys and collateral
    EXPECT_TRUE(verify(mixed).genuine) << story(verify(mixed));
}

TEST(OwnRoot, RevocationListsMayBePemOrHexadecimal) {
    Presented evidence = Scene().build();
    std::string& list = evidence.collateral.files[collateral_file::root_ca_crl];
    std::string digits;
    for (const char byte : list) {
        constexpr auto symbols = "0123456789abcdef";
        digits += symbols[static_cast<unsigned char>(byte) >> 4U];
        digits += symbols[static_cast<unsigned char>(byte) & 0xFU];
    }
    list = digits + "\n";
    EXPECT_TRUE(verify(evidence).genuine);
}

struct Change {
    const char* name;
    void (*make)(Scene&);
    const char* step;
    const char* code;
};

class Issued : public testing::TestWithParam<Change> {};

TEST_P(Issued, IsRefusedAtItsStep) {
    Scene scene;
    GetParam().make(scene);
    const Verdict verdict = verify(scene.build());
    EXPECT_FALSE(verdict.genuine);
    EXPECT_EQ(verdict.outcome, Outcome::refused);
    EXPECT_EQ(failed_step(verdict), GetParam().step) << story(verdict);
    ASSERT_NE(verdict.steps.failure(), nullptr);
    EXPECT_EQ(verdict.steps.failure()->problem->code, GetParam().code) << story(verdict);
    EXPECT_FALSE(verdict.steps.failure()->problem->fix.empty());
}

json& first_level(Scene& scene) {
    return scene.tcb_info["tcbLevels"][0];
}

const Change changes[] = {
    // Certificates.
    {"expired_pck", [](Scene& s) { s.pck.until = Scene::now - 1; }, "pck-chain", "chain-expired"},
    {"future_pck", [](Scene& s) { s.pck.from = Scene::now + 1; }, "pck-chain", "chain-expired"},
    {"expired_tcb_signing",
     [](Scene& s) { s.tcb_signing.until = Scene::now - 1; },
     "tcb-info-chain",
     "chain-expired"},
    {"expired_root",
     [](Scene& s) { s.root.until = Scene::now - 1; },
     "tcb-info-chain",
     "chain-expired"},
    {"expired_authority",
     [](Scene& s) { s.authority.until = Scene::now - 1; },
     "pck-crl",
     "chain-expired"},
    {"pck_by_a_stranger",
     [](Scene& s) { s.authority_signer = s.stranger(); },
     "pck-chain",
     "chain-signature"},
    {"pck_list_by_a_stranger",
     [](Scene& s) { s.list_signer = s.stranger(); },
     "pck-crl",
     "crl-signature"},
    {"root_self_signature_forged",
     [](Scene& s) { s.root_signer = s.stranger(); },
     "tcb-info-chain",
     "chain-signature"},
    {"pck_that_is_an_authority",
     [](Scene& s) {
         s.pck.authority = true;
         s.pck.key_usage = KU_KEY_CERT_SIGN | KU_DIGITAL_SIGNATURE;
     },
     "pck-chain",
     "chain-usage"},
    {"authority_that_is_none",
     [](Scene& s) { s.authority.authority = false; },
     "pck-crl",
     "chain-usage"},
    {"authority_that_may_not_sign_certificates",
     [](Scene& s) { s.authority.key_usage = KU_CRL_SIGN; },
     "pck-crl",
     "chain-usage"},
    {"authority_that_may_not_sign_lists",
     [](Scene& s) { s.authority.key_usage = KU_KEY_CERT_SIGN; },
     "pck-crl",
     "crl-issuer"},
    {"tcb_signing_that_may_not_sign",
     [](Scene& s) { s.tcb_signing.key_usage = KU_CRL_SIGN; },
     "tcb-info-chain",
     "chain-usage"},
    {"path_too_long", [](Scene& s) { s.root.path_length = 0; }, "pck-chain", "chain-usage"},
    {"critical_extension_that_is_not_known",
     [](Scene& s) { s.pck.sgx_extension_critical = true; },
     "pck-chain",
     "chain-usage"},
    {"pck_of_another_name",
     [](Scene& s) { s.pck.common_name = "Test SGX TCB Signing"; },
     "pck-chain",
     "chain-name"},
    {"tcb_signing_of_another_name",
     [](Scene& s) { s.tcb_signing.common_name = "Test SGX PCK Certificate"; },
     "tcb-info-chain",
     "chain-name"},
    {"authority_of_another_name",
     [](Scene& s) { s.authority.common_name = "Test SGX Processor"; },
     "pck-crl",
     "chain-name"},
    // Revocation.
    {"revoked_pck",
     [](Scene& s) { s.pck_crl.revoked = {3}; },
     "pck-revoked",
     "certificate-revoked"},
    {"revoked_authority",
     [](Scene& s) { s.root_crl.revoked = {2}; },
     "pck-crl",
     "certificate-revoked"},
    {"revoked_tcb_signing",
     [](Scene& s) {
         s.root_crl.revoked = {4, 9};
     },
     "tcb-signing-revoked",
     "certificate-revoked"},
    {"expired_root_list",
     [](Scene& s) { s.root_crl.until = Scene::now; },
     "root-ca-crl",
     "crl-expired"},
    {"future_root_list",
     [](Scene& s) { s.root_crl.from = Scene::now + 1; },
     "root-ca-crl",
     "crl-expired"},
    {"expired_pck_list", [](Scene& s) { s.pck_crl.until = Scene::now; }, "pck-crl", "crl-expired"},
    // TCB info.
    {"tcb_info_by_a_stranger",
     [](Scene& s) { s.statement_signer = s.stranger(); },
     "tcb-info",
     "collateral-forged"},
    {"tcb_info_by_a_platform",
     [](Scene& s) { s.statement_signer = s.pck_key(); },
     "tcb-info",
     "collateral-forged"},
    {"tcb_info_expired",
     [](Scene& s) { s.tcb_info["nextUpdate"] = "2026-01-01T00:00:00Z"; },
     "tcb-info",
     "collateral-expired"},
    {"tcb_info_of_the_future",
     [](Scene& s) { s.tcb_info["issueDate"] = "2026-01-01T00:00:01Z"; },
     "tcb-info",
     "collateral-expired"},
    {"tcb_info_without_date",
     [](Scene& s) { s.tcb_info.erase("issueDate"); },
     "tcb-info",
     "collateral-malformed"},
    {"tcb_info_with_a_strange_date",
     [](Scene& s) { s.tcb_info["nextUpdate"] = "2026-02-30T00:00:00Z"; },
     "tcb-info",
     "collateral-malformed"},
    {"tcb_info_of_tdx", [](Scene& s) { s.tcb_info["id"] = "TDX"; }, "tcb-info", "collateral-other"},
    {"tcb_info_of_version_4",
     [](Scene& s) { s.tcb_info["version"] = 4; },
     "tcb-info",
     "collateral-malformed"},
    {"tcb_info_of_another_platform",
     [](Scene& s) { s.tcb_info["fmspc"] = "00606A000001"; },
     "tcb-info-platform",
     "collateral-other"},
    {"tcb_info_of_another_pce",
     [](Scene& s) { s.tcb_info["pceId"] = "0001"; },
     "tcb-info-platform",
     "collateral-other"},
    {"tcb_info_of_another_type",
     [](Scene& s) { s.tcb_info["tcbType"] = 1; },
     "tcb-info",
     "collateral-malformed"},
    {"tcb_info_with_an_unknown_status",
     [](Scene& s) { first_level(s)["tcbStatus"] = "Excellent"; },
     "tcb-info",
     "collateral-malformed"},
    {"tcb_info_that_says_not_supported",
     [](Scene& s) { first_level(s)["tcbStatus"] = "NotSupported"; },
     "tcb-info",
     "collateral-malformed"},
    {"tcb_info_without_levels",
     [](Scene& s) { s.tcb_info["tcbLevels"] = json::array(); },
     "tcb-info",
     "collateral-malformed"},
    {"tcb_info_upside_down",
     [](Scene& s) {
         json& levels = s.tcb_info["tcbLevels"];
         std::reverse(levels.begin(), levels.end());
     },
     "tcb-info",
     "collateral-order"},
    {"tcb_info_with_fifteen_components",
     [](Scene& s) { first_level(s)["tcb"]["sgxtcbcomponents"].erase(0); },
     "tcb-info",
     "collateral-malformed"},
    {"tcb_info_with_a_component_of_256",
     [](Scene& s) { first_level(s)["tcb"]["sgxtcbcomponents"][3]["svn"] = 256; },
     "tcb-info",
     "collateral-malformed"},
    {"tcb_info_with_a_negative_component",
     [](Scene& s) { first_level(s)["tcb"]["sgxtcbcomponents"][3]["svn"] = -1; },
     "tcb-info",
     "collateral-malformed"},
    {"tcb_info_with_a_fractional_component",
     [](Scene& s) { first_level(s)["tcb"]["sgxtcbcomponents"][3]["svn"] = 1.5; },
     "tcb-info",
     "collateral-malformed"},
    {"tcb_info_with_advisories_that_are_none",
     [](Scene& s) { first_level(s)["advisoryIDs"] = "INTEL-SA-00615"; },
     "tcb-info",
     "collateral-malformed"},
    // Identity of the Quoting Enclave.
    {"qe_identity_by_a_stranger",
     [](Scene& s) { s.identity_signer = s.stranger(); },
     "qe-identity",
     "collateral-forged"},
    {"qe_identity_of_tdx",
     [](Scene& s) { s.qe_identity["id"] = "TD_QE"; },
     "qe-identity",
     "collateral-other"},
    {"qe_identity_of_qve",
     [](Scene& s) { s.qe_identity["id"] = "QVE"; },
     "qe-identity",
     "collateral-other"},
    {"qe_identity_expired",
     [](Scene& s) { s.qe_identity["nextUpdate"] = "2025-12-31T23:59:59Z"; },
     "qe-identity",
     "collateral-expired"},
    {"qe_identity_with_a_short_mask",
     [](Scene& s) { s.qe_identity["attributesMask"] = "FB"; },
     "qe-identity",
     "collateral-malformed"},
    {"qe_identity_of_another_version",
     [](Scene& s) { s.qe_identity["version"] = 1; },
     "qe-identity",
     "collateral-malformed"},
    {"qe_identity_without_levels",
     [](Scene& s) { s.qe_identity["tcbLevels"] = json::array(); },
     "qe-identity",
     "collateral-malformed"},
    {"qe_identity_upside_down",
     [](Scene& s) {
         json& levels = s.qe_identity["tcbLevels"];
         std::reverse(levels.begin(), levels.end());
     },
     "qe-identity",
     "collateral-order"},
    // The Quoting Enclave.
    {"qe_report_by_a_stranger",
     [](Scene& s) { s.qe_report_signer = s.stranger(); },
     "qe-report-signature",
     "quote-forged"},
    {"another_enclave_as_qe",
     [](Scene& s) { s.quote.quoting_enclave.mrsigner[0] ^= 1; },
     "qe-report-identity",
     "quote-forged"},
    {"another_product_as_qe",
     [](Scene& s) { s.quote.quoting_enclave.isv_prod_id = 2; },
     "qe-report-identity",
     "quote-forged"},
    {"a_qe_in_debug_mode",
     [](Scene& s) { s.quote.quoting_enclave.attributes.flags |= attribute::debug; },
     "qe-report-identity",
     "quote-forged"},
    {"a_qe_with_other_state",
     [](Scene& s) { s.quote.quoting_enclave.misc_select = 1; },
     "qe-report-identity",
     "quote-forged"},
    // The PCK's extension.
    {"pck_extension_that_is_none",
     [](Scene& s) {
         s.pck.sgx_extension = {0x04, 0x01, 0x00};
     },
     "pck-extension",
     "pck-extension"},
    {"pck_extension_with_trailing_bytes",
     [](Scene& s) {
         s.pck.sgx_extension = write_pck_extension(s.platform);
         s.pck.sgx_extension.push_back(0);
     },
     "pck-extension",
     "pck-extension"},
};

INSTANTIATE_TEST_SUITE_P(OwnRoot, Issued, testing::ValuesIn(changes), [](const auto& info) {
    return std::string(info.param.name);
});

struct Rating {
    const char* name;
    std::uint8_t component;
    std::uint16_t pce;
    std::uint16_t qe_svn;
    TcbStatus platform;
    TcbStatus quoting_enclave;
    TcbStatus both;
};

class Rated : public testing::TestWithParam<Rating> {};

TEST_P(Rated, AsIntelCounts) {
    Scene scene;
    scene.platform.tcb.components.fill(GetParam().component);
    scene.platform.tcb.pce = GetParam().pce;
    scene.quote.quoting_enclave.isv_svn = GetParam().qe_svn;
    const Verdict verdict = verify(scene.build());
    ASSERT_TRUE(verdict.genuine) << story(verdict);
    EXPECT_EQ(verdict.tcb_status, GetParam().platform);
    EXPECT_EQ(verdict.qe_status, GetParam().quoting_enclave);
    EXPECT_EQ(verdict.combined_status, GetParam().both);
    const bool good = GetParam().both == TcbStatus::up_to_date;
    EXPECT_EQ(verdict.outcome, good ? Outcome::accepted : Outcome::refused);
    EXPECT_EQ(failed_step(verdict), good ? "" : "policy-tcb-status");
}

using enum TcbStatus;
const Rating ratings[] = {
    {"current", 5, 13, 8, up_to_date, up_to_date, up_to_date},
    {"newer_than_listed", 200, 99, 99, up_to_date, up_to_date, up_to_date},
    {"one_behind", 4, 13, 8, sw_hardening_needed, up_to_date, sw_hardening_needed},
    {"pce_behind", 5, 12, 8, out_of_date, up_to_date, out_of_date},
    {"needs_configuration", 3, 13, 8, configuration_needed, up_to_date, configuration_needed},
    {"old", 2, 11, 8, out_of_date, up_to_date, out_of_date},
    {"known_bad", 1, 5, 8, revoked, up_to_date, revoked},
    {"older_than_all", 0, 13, 8, not_supported, up_to_date, not_supported},
    {"pce_older_than_all", 5, 4, 8, not_supported, up_to_date, not_supported},
    {"old_qe", 5, 13, 7, up_to_date, out_of_date, out_of_date},
    {"old_qe_needs_hardening", 4, 13, 6, sw_hardening_needed, out_of_date, out_of_date},
    {"old_qe_needs_configuration",
     3,
     13,
     6,
     configuration_needed,
     out_of_date,
     out_of_date_configuration_needed},
    {"old_qe_on_old", 2, 11, 6, out_of_date, out_of_date, out_of_date},
    {"qe_older_than_all", 5, 13, 5, up_to_date, not_supported, not_supported},
};

INSTANTIATE_TEST_SUITE_P(OwnRoot, Rated, testing::ValuesIn(ratings), [](const auto& info) {
    return std::string(info.param.name);
});

TEST(OwnRoot, ALevelIsReachedOnlyWithEveryComponent) {
    for (std::size_t i = 0; i < tcb_components; ++i) {
        Scene scene;
        scene.platform.tcb.components.fill(200);
        scene.platform.tcb.components.at(i) = 4;
        const Verdict verdict = verify(scene.build());
        EXPECT_EQ(verdict.tcb_status, sw_hardening_needed) << "component " << i;
    }
}

TEST(OwnRoot, AdvisoriesOfBothAreNamedOnce) {
    Scene scene;
    scene.platform.tcb.components.fill(4);
    scene.quote.quoting_enclave.isv_svn = 6;
    EXPECT_THAT(verify(scene.build()).advisories,
                testing::ElementsAre("INTEL-SA-00334", "INTEL-SA-00615"));
}

} // namespace
} // namespace authex::tee::sgx
