// Certificates that carry a quote: what is taken, and what is not.
#include "tee/sgx/verifier/attested_certificate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include "tee/sgx/verifier/attested_scene.hpp"
#include "tee/sgx/verifier/cbor.hpp"

namespace authex::tee::sgx {
namespace {

using Octets = std::vector<std::uint8_t>;

class AttestedCertificate : public testing::Test {
  protected:
    AttestedScene scene_;
    Steps steps_;

    std::optional<Octets> read(const std::string& certificate, UnixTime now = Scene::now) {
        steps_ = {};
        return quote_of_certificate(certificate, now, steps_);
    }
    /// The step that refuses it, and the code.
    std::string refusal(const std::string& certificate, UnixTime now = Scene::now) {
        const auto quote = read(certificate, now);
        const Step* failed = steps_.failure();
        EXPECT_EQ(quote.has_value(), failed == nullptr);
        return failed == nullptr ? "" : failed->name + " " + failed->problem->code;
    }
    std::string refusal() { return refusal(scene_.certificate()); }
    std::string refusal_of_evidence(std::function<void(Octets&)> change) {
        scene_.change_evidence = std::move(change);
        return refusal();
    }
    std::string refusal_of_claims(Octets claims) {
        scene_.claims = std::move(claims);
        return refusal();
    }
};

TEST_F(AttestedCertificate, GivesTheQuoteThatIsAboutItsKey) {
    const auto quote = read(scene_.certificate());
    ASSERT_TRUE(quote);
    EXPECT_EQ(steps_.all().size(), 6U);
    Presented presented = scene_.build();
    presented.quote = *quote;
    EXPECT_TRUE(verify(presented).genuine);
}

TEST_F(AttestedCertificate, IsToldFromAQuote) {
    const std::string pem = scene_.certificate();
    EXPECT_TRUE(looks_like_certificate(pem));
    EXPECT_TRUE(looks_like_certificate("\x30"));
    const Octets quote = scene_.build().quote;
    EXPECT_FALSE(
        looks_like_certificate({reinterpret_cast<const char*>(quote.data()), quote.size()}))
        << "though it has certificates in it";
    EXPECT_FALSE(looks_like_certificate(""));
}

TEST_F(AttestedCertificate, IsOneAndNothingElse) {
    const std::string pem = scene_.certificate();
    EXPECT_EQ(refusal(pem + pem), "certificate-structure certificate-malformed");
    EXPECT_EQ(refusal(pem + "more"), "certificate-structure certificate-malformed");
    EXPECT_EQ(refusal("\x30\x03\x02\x01\x01"), "certificate-structure certificate-malformed");
    for (std::size_t size = 0; size < pem.size() - 1; size += 97) {
        EXPECT_EQ(refusal(pem.substr(0, size)), "certificate-structure certificate-malformed");
    }
}

TEST_F(AttestedCertificate, IsSignedByItsOwnKey) {
    scene_.signer = scene_.stranger();
    EXPECT_EQ(refusal(), "certificate-signature certificate-forged");
    scene_.signer = scene_.key.get();
    scene_.issuer = "somebody";
    EXPECT_EQ(refusal(), "certificate-signature certificate-forged");
}

TEST_F(AttestedCertificate, HoldsFromItsFirstSecondToItsLast) {
    const std::string pem = scene_.certificate();
    EXPECT_EQ(refusal(pem, scene_.from), "");
    EXPECT_EQ(refusal(pem, scene_.until), "");
    EXPECT_EQ(refusal(pem, scene_.from - 1), "certificate-dates certificate-expired");
    EXPECT_EQ(refusal(pem, scene_.until + 1), "certificate-dates certificate-expired");
}

TEST_F(AttestedCertificate, OfAnotherKeyIsRefused) {
    const Octets quote = read(scene_.certificate()).value();
    AttestedScene thief;
    EXPECT_EQ(refusal(thief.certificate_with(quote)), "certificate-report-data certificate-key")
        << "a quote about somebody else's claims";
    thief.claims = scene_.claims;
    EXPECT_EQ(refusal(thief.certificate_with(quote)), "certificate-key certificate-key")
        << "claims about somebody else's key";
}

TEST_F(AttestedCertificate, OfAQuoteForSomethingElseIsRefused) {
    scene_.quote.body.report_data.fill(0);
    EXPECT_EQ(refusal(scene_.certificate_with(scene_.build().quote)),
              "certificate-report-data certificate-key");
    (void)scene_.certificate();
    scene_.quote.body.report_data[63] = 1;
    EXPECT_EQ(refusal(scene_.certificate_with(scene_.build().quote)),
              "certificate-report-data certificate-key")
        << "what is behind the hash is zero";
    EXPECT_EQ(refusal(scene_.certificate_with(Octets(500, 3))),
              "certificate-report-data quote-unsupported");
}

TEST_F(AttestedCertificate, HasEvidenceOnce) {
    scene_.extensions = 0;
    EXPECT_EQ(refusal(), "certificate-evidence certificate-unattested");
    scene_.extensions = 2;
    EXPECT_EQ(refusal(), "certificate-evidence certificate-unattested");
}

TEST_F(AttestedCertificate, WithDamagedEvidenceIsRefused) {
    const std::string refused = "certificate-evidence certificate-unattested";
    EXPECT_EQ(refusal_of_evidence([](Octets& value) { value.clear(); }), refused);
    EXPECT_EQ(refusal_of_evidence([](Octets& value) { value.push_back(0); }), refused);
    EXPECT_EQ(refusal_of_evidence([](Octets& value) { value.resize(20000, 0); }), refused);
    EXPECT_EQ(refusal_of_evidence([](Octets& value) { value.resize(60000, 0); }),
              "certificate-structure certificate-malformed")
        << "more than a certificate may have";
    EXPECT_EQ(refusal_of_evidence([](Octets& value) { value[2] = 0x61; }), refused) << "a tag";
    EXPECT_EQ(refusal_of_evidence([](Octets& value) { value[3] = 0x83; }), refused) << "3 items";
    EXPECT_EQ(refusal_of_evidence([](Octets& value) { value[4] = 0x79; }), refused) << "text";
    const std::size_t size = scene_.evidence(scene_.build().quote).size();
    for (std::size_t cut = 1; cut < size; cut += 41) {
        EXPECT_EQ(refusal_of_evidence([&](Octets& value) { value.resize(cut); }), refused) << cut;
    }
}

TEST_F(AttestedCertificate, WithClaimsThatNameNoKeyIsRefused) {
    const std::string refused = "certificate-key certificate-unattested";
    const Octets good = scene_.claims;
    const auto changed = [&](std::size_t at, std::uint8_t byte) {
        Octets claims = good;
        claims[at] = byte;
        return claims;
    };
    EXPECT_EQ(refusal_of_claims({}), refused);
    EXPECT_EQ(refusal_of_claims({0xA0}), refused);
    EXPECT_EQ(refusal_of_claims({0xBA, 0xFF, 0xFF, 0xFF, 0xFF}), refused);
    EXPECT_EQ(refusal_of_claims(changed(2, 'q')), refused) << "another name";
    EXPECT_EQ(refusal_of_claims(changed(1, 0x4B)), refused) << "the name is no text";
    EXPECT_EQ(refusal_of_claims(changed(14, 0x23)), refused) << "a byte is left";
    EXPECT_EQ(refusal_of_claims(changed(15, 0x83)), refused) << "three parts";
    EXPECT_EQ(refusal_of_claims(changed(16, 2)), refused) << "an unknown algorithm";
    EXPECT_EQ(refusal_of_claims(changed(16, 7)), "certificate-key certificate-key")
        << "a hash of another length";
    EXPECT_EQ(refusal_of_claims(changed(18, 0x1F)), refused) << "the hash is cut";
    Octets twice = good;
    twice[0] = 0xA2;
    twice.insert(twice.end(), good.begin() + 1, good.end());
    EXPECT_EQ(refusal_of_claims(twice), refused) << "which of them?";
}

TEST_F(AttestedCertificate, MayClaimMoreThanItsKey) {
    Octets more = scene_.claims;
    more[0] = 0xA2;
    const Octets nonce = {0x65, 'n', 'o', 'n', 'c', 'e', 0x42, 1, 2};
    more.insert(more.end(), nonce.begin(), nonce.end());
    EXPECT_EQ(refusal_of_claims(more), "");
    more[0] = 0xB8; // the same number in a byte of its own
    more.insert(more.begin() + 1, 2);
    EXPECT_EQ(refusal_of_claims(more), "");
}

TEST_F(AttestedCertificate, IsReadAsDerToo) {
    const Certificate certificate = *parse_certificate(scene_.certificate());
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    EXPECT_EQ(refusal({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)}), "");
    OPENSSL_free(der);
}

TEST_F(AttestedCertificate, MayHashItsKeyWithTheOtherAlgorithms) {
    for (const auto& [number, size] : {std::pair<std::uint8_t, std::uint8_t>{7, 48}, {8, 64}}) {
        unsigned char* der = nullptr;
        const auto der_size = static_cast<std::size_t>(i2d_PUBKEY(scene_.key.get(), &der));
        Octets claims(scene_.claims.begin(), scene_.claims.begin() + 13);
        claims.insert(claims.end(),
                      {0x58, static_cast<std::uint8_t>(size + 4), 0x82, number, 0x58, size});
        Octets hash(size);
        EVP_Digest(der,
                   der_size,
                   hash.data(),
                   nullptr,
                   number == 7 ? EVP_sha384() : EVP_sha512(),
                   nullptr);
        OPENSSL_free(der);
        claims.insert(claims.end(), hash.begin(), hash.end());
        EXPECT_EQ(refusal_of_claims(claims), "") << int{number};
    }
}

TEST(Cbor, HasHeadsOfEachSizeUpToFourBytes) {
    const auto head = [](const Octets& bytes) {
        return CborReader(bytes).head(CborType::unsigned_integer);
    };
    EXPECT_EQ(head({0x17}), 23U);
    EXPECT_EQ(head({0x18, 0xFF}), 0xFFU);
    EXPECT_EQ(head({0x19, 0x01, 0x00}), 0x100U);
    EXPECT_EQ(head({0x1A, 0xFF, 0xFF, 0xFF, 0xFF}), 0xFFFFFFFFU);
    for (const Octets& wrong : {Octets{},
                                {0x18},
                                {0x19, 0},
                                {0x1A, 0, 0, 0},
                                {0x1B, 0, 0, 0, 0, 0, 0, 0, 1},
                                {0x1C},
                                {0x1F},
                                {0x20},
                                {0x40}}) {
        EXPECT_EQ(head(wrong), std::nullopt);
    }
}

TEST(Cbor, AReaderThatHasFailedStaysSo) {
    const Octets bytes = {0x41, 0x05, 0x42, 0x01};
    CborReader reader(bytes);
    EXPECT_EQ(reader.string(CborType::bytes)->size(), 1U);
    EXPECT_EQ(reader.string(CborType::bytes), std::nullopt) << "cut";
    EXPECT_EQ(reader.head(CborType::unsigned_integer), std::nullopt);
    EXPECT_FALSE(reader.done());
}

} // namespace
} // namespace authex::tee::sgx
