// Presented that was right, and was changed on its way to the verifier.
#include <algorithm>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tee/sgx/verifier/scene.hpp"

namespace authex::tee::sgx {
namespace {

namespace file = collateral_file;

class Forged : public testing::Test {
  protected:
    Scene scene_;
    Presented evidence_ = scene_.build();

    void SetUp() override { ASSERT_TRUE(verify(evidence_).genuine) << story(verify(evidence_)); }
    std::string& content(const char* name) { return evidence_.collateral.files[name]; }
    void expect_refused(const std::string& step, const std::string& code = {}) {
        const Verdict verdict = verify(evidence_);
        EXPECT_FALSE(verdict.genuine);
        EXPECT_EQ(verdict.outcome, Outcome::refused);
        EXPECT_EQ(failed_step(verdict), step) << story(verdict);
        if (!code.empty() && verdict.steps.failure() != nullptr) {
            EXPECT_EQ(verdict.steps.failure()->problem->code, code) << story(verdict);
        }
    }
};

TEST_F(Forged, AQuoteCutAnywhereIsRefused) {
    QuoteVerifier verifier(evidence_.collateral, evidence_.anchor);
    for (std::size_t size = 0; size < evidence_.quote.size(); ++size) {
        const Verdict verdict =
            verifier.verify(ByteView(evidence_.quote).first(size), {}, Scene::now);
        EXPECT_EQ(failed_step(verdict), "quote-structure") << size << " bytes";
        EXPECT_EQ(verdict.outcome, Outcome::refused);
    }
}

TEST_F(Forged, AQuoteWithAnythingBehindItIsRefused) {
    evidence_.quote.push_back(0);
    expect_refused("quote-structure", "quote-malformed");
}

TEST_F(Forged, AQuoteWithAnyByteChangedIsRefused) {
    QuoteVerifier verifier(evidence_.collateral, evidence_.anchor);
    for (std::size_t i = 0; i < evidence_.quote.size(); ++i) {
        const bool before_padding = i + 1 < evidence_.quote.size() && evidence_.quote[i + 1] == '=';
        std::vector<std::uint8_t> quote = evidence_.quote;
        quote[i] ^= 1;
        if (!before_padding) { // the last digit of base64 has bits that say nothing
            EXPECT_FALSE(verifier.verify(quote, {}, Scene::now).genuine) << "byte " << i;
        }
    }
}

TEST_F(Forged, CollateralWithAnyByteChangedIsRefused) {
    for (const auto& [name, bytes] : evidence_.collateral.files) {
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            Presented changed = evidence_;
            std::string& copy = changed.collateral.files[name];
            copy[i] = static_cast<char>(copy[i] ^ 1);
            const bool before_padding = i + 1 < bytes.size() && bytes[i + 1] == '=';
            if (!before_padding) {
                EXPECT_FALSE(verify(changed).genuine) << name << ", byte " << i;
            }
        }
    }
}

TEST_F(Forged, MissingCollateralCannotBeCheckedAgainst) {
    for (const auto& [name, bytes] : evidence_.collateral.files) {
        Presented lacking = evidence_;
        lacking.collateral.files.erase(name);
        const Verdict verdict = verify(lacking);
        EXPECT_FALSE(verdict.genuine);
        EXPECT_EQ(verdict.outcome, Outcome::could_not_check) << name;
        EXPECT_THAT(verdict.steps.failure()->problem->summary, testing::HasSubstr(name));
    }
}

TEST_F(Forged, WithoutRevocationNoListIsNeeded) {
    evidence_.anchor.check_revocation = false;
    evidence_.collateral.files.erase(file::root_ca_crl);
    evidence_.collateral.files.erase(file::pck_crl);
    evidence_.collateral.files.erase(file::pck_ca_chain);
    EXPECT_TRUE(verify(evidence_).genuine);
}

TEST_F(Forged, EmptyFilesAreRefused) {
    for (const auto& [name, bytes] : evidence_.collateral.files) {
        Presented emptied = evidence_;
        emptied.collateral.files[name] = "";
        EXPECT_EQ(verify(emptied).outcome, Outcome::refused) << name;
    }
}

TEST_F(Forged, SignaturesOfTcbInfoAndQeIdentityDoNotServeEachOther) {
    std::swap(content(file::tcb_info), content(file::qe_identity));
    expect_refused("tcb-info", "collateral-malformed");
}

TEST_F(Forged, TheRootsListDoesNotServeAsThePcksList) {
    content(file::pck_crl) = content(file::root_ca_crl);
    expect_refused("pck-crl", "crl-issuer");
}

TEST_F(Forged, ThePcksListDoesNotServeAsTheRootsList) {
    content(file::root_ca_crl) = content(file::pck_crl);
    expect_refused("root-ca-crl", "crl-issuer");
}

TEST_F(Forged, AListOfAnotherAuthorityOfTheSameNameIsRefused) {
    Scene other;
    const Presented stranger = other.build();
    content(file::pck_crl) = stranger.collateral.files.at(file::pck_crl);
    expect_refused("pck-crl", "crl-signature");
    content(file::pck_ca_chain) = stranger.collateral.files.at(file::pck_ca_chain);
    expect_refused("pck-crl", "chain-root");
}

TEST_F(Forged, CollateralOfAnotherRootIsRefused) {
    const Presented stranger = Scene().build();
    evidence_.collateral = stranger.collateral;
    expect_refused("tcb-info-chain", "chain-root");
}

TEST_F(Forged, AQuoteOfAnotherRootIsRefused) {
    evidence_.quote = Scene().build().quote;
    expect_refused("pck-chain", "chain-root");
}

TEST_F(Forged, TheGenuineRootBehindAForgedChainIsRefused) {
    Scene forger;
    const Presented forged = forger.build();
    const auto own = parse_certificates(parse_quote(evidence_.quote)->pck_chain);
    const auto others = parse_certificates(parse_quote(forged.quote)->pck_chain);
    forger.quote.pck_chain = to_pem(*(*others)[0]) + to_pem(*(*others)[1]) + to_pem(*(*own)[2]);
    evidence_.quote = forger.build().quote;
    expect_refused("pck-chain", "chain-signature");
}

TEST_F(Forged, ChainsOfOtherLengthsAreRefused) {
    const auto all = parse_certificates(parse_quote(evidence_.quote)->pck_chain);
    const std::string leaf = to_pem(*(*all)[0]);
    const std::string authority = to_pem(*(*all)[1]);
    const std::string root = to_pem(*(*all)[2]);
    for (const std::string& chain : {std::string("\n"),
                                     leaf,
                                     leaf + root,
                                     leaf + authority,
                                     leaf + authority + authority,
                                     leaf + leaf + root,
                                     leaf + authority + root + root,
                                     authority + root + root}) {
        scene_.quote.pck_chain = chain;
        evidence_.quote = scene_.build().quote;
        expect_refused("pck-chain");
    }
}

TEST_F(Forged, RubbishBetweenCertificatesIsRefused) {
    const std::string chain(parse_quote(evidence_.quote)->pck_chain);
    for (const std::string& changed :
         {"x" + chain, chain + "x", chain + "-----BEGIN CERTIFICATE-----\n", "#" + chain}) {
        scene_.quote.pck_chain = changed;
        evidence_.quote = scene_.build().quote;
        expect_refused("pck-chain", "certificate-malformed");
    }
    scene_.quote.pck_chain = std::string(40'000, '\n') + chain;
    evidence_.quote = scene_.build().quote;
    expect_refused("pck-chain", "certificate-malformed");
}

TEST_F(Forged, AMemberThatIsThereTwiceIsRefused) {
    std::string& text = content(file::tcb_info);
    text.insert(1, R"("tcbInfo":{},)");
    expect_refused("tcb-info", "collateral-malformed");
}

TEST_F(Forged, AMemberWhoseNameIsEscapedIsNotTakenForTheSignedOne) {
    std::string& text = content(file::tcb_info);
    text.replace(text.find("tcbInfo"), 7, "tcbInf\\u006f");
    expect_refused("tcb-info", "collateral-malformed");
}

TEST_F(Forged, AByteOrderMarkIsRefused) {
    content(file::tcb_info).insert(0, "\xEF\xBB\xBF");
    expect_refused("tcb-info", "collateral-malformed");
}

TEST_F(Forged, AMemberMoreIsRefused) {
    std::string& text = content(file::tcb_info);
    text.insert(1, R"("note":1,)");
    expect_refused("tcb-info", "collateral-malformed");
}

TEST_F(Forged, StatementsThatWereWrittenAnewAreRefused) {
    std::string& text = content(file::tcb_info);
    text = nlohmann::json::parse(text).dump(2);
    expect_refused("tcb-info", "collateral-forged");
}

TEST_F(Forged, WhiteSpaceAroundTheMembersChangesNothing) {
    std::string& text = content(file::tcb_info);
    const auto parsed = nlohmann::json::parse(text);
    text = " {\n \"tcbInfo\" : " + parsed["tcbInfo"].dump() + " ,\r\n\t\"signature\" :\"" +
           parsed["signature"].get<std::string>() + "\" }\n";
    EXPECT_TRUE(verify(evidence_).genuine);
}

/// Offsets in a quote of version 3.
constexpr std::size_t at_version = 0;
constexpr std::size_t at_key_type = 2;
constexpr std::size_t at_tee = 4;
constexpr std::size_t at_vendor = 12;
constexpr std::size_t at_signature_bytes = 432;
constexpr std::size_t at_signature = 436;
constexpr std::size_t at_key = at_signature + 64;
constexpr std::size_t at_authentication_bytes = at_key + 64 + 384 + 64;
constexpr std::size_t at_certification = at_authentication_bytes + 2 + 32;

TEST_F(Forged, OtherKindsOfQuoteAreRefusedAsSuch) {
    const std::vector<std::uint8_t> good = evidence_.quote;
    const auto with = [&](std::size_t at, std::uint8_t value) {
        evidence_.quote = good;
        evidence_.quote[at] = value;
    };
    for (const std::uint8_t version : std::initializer_list<std::uint8_t>{0, 1, 2, 6, 255}) {
        with(at_version, version);
        expect_refused("quote-structure", "quote-unsupported");
    }
    for (const std::uint8_t version : std::initializer_list<std::uint8_t>{4, 5}) {
        with(at_version, version);
        expect_refused("quote-structure");
    }
    with(at_key_type, 3);
    expect_refused("quote-structure", "quote-unsupported");
    with(at_tee, 0x81);
    expect_refused("quote-structure", "quote-unsupported");
    with(at_vendor, 0);
    expect_refused("quote-structure", "quote-unsupported");
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 1, 2, 3, 4, 6, 7}) {
        with(at_certification, type);
        expect_refused("quote-structure", "quote-unsupported");
    }
}

TEST_F(Forged, LengthsThatDoNotFitAreRefused) {
    for (const std::size_t at :
         {at_signature_bytes, at_authentication_bytes, at_certification + 2}) {
        for (const std::uint16_t length :
             std::initializer_list<std::uint16_t>{0, 1, 0x7FFF, 0xFFFF}) {
            Presented changed = evidence_;
            changed.quote[at] = static_cast<std::uint8_t>(length);
            changed.quote[at + 1] = static_cast<std::uint8_t>(length >> 8);
            EXPECT_EQ(failed_step(verify(changed)), "quote-structure") << at << ' ' << length;
        }
    }
    for (std::size_t i = 0; i < 4; ++i) {
        evidence_.quote[at_signature_bytes + i] = 0xFF;
    }
    expect_refused("quote-structure", "quote-malformed");
}

TEST_F(Forged, AnAttestationKeyThatIsNoPointIsRefused) {
    const auto rebind = [&](std::uint8_t fill) {
        std::fill_n(evidence_.quote.begin() + at_key, 64, fill);
    };
    for (const std::uint8_t fill : std::initializer_list<std::uint8_t>{0x00, 0x01, 0xFF}) {
        rebind(fill);
        expect_refused("qe-report-binding", "quote-forged");
    }
    EXPECT_EQ(key_of(std::vector<std::uint8_t>(64, 0)), nullptr);
    EXPECT_EQ(key_of(std::vector<std::uint8_t>(64, 0xFF)), nullptr);
    EXPECT_EQ(key_of(std::vector<std::uint8_t>(63, 1)), nullptr);
}

TEST_F(Forged, SignaturesOutOfRangeAreRefused) {
    // The order of P-256's group. (FIPS 186-4 §D.1.2.3)
    const auto order =
        bytes_of_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    ASSERT_TRUE(order);
    const std::vector<std::uint8_t> good = evidence_.quote;
    for (const std::size_t half : {at_signature, at_signature + 32}) {
        evidence_.quote = good;
        std::fill_n(evidence_.quote.begin() + static_cast<std::ptrdiff_t>(half), 32, 0);
        expect_refused("quote-signature", "quote-forged");
        evidence_.quote = good;
        std::copy(order->begin(),
                  order->end(),
                  evidence_.quote.begin() + static_cast<std::ptrdiff_t>(half));
        expect_refused("quote-signature", "quote-forged");
    }
}

TEST_F(Forged, TheHashOfKeyAndDataCannotBeSplitElsewhere) {
    // One byte less of authentication data, and one more in front of it, hash alike.
    evidence_.quote[at_authentication_bytes] = 31;
    expect_refused("quote-structure");
}

} // namespace
} // namespace authex::tee::sgx
