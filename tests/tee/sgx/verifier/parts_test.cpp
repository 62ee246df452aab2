// The small parts: DER, times, hexadecimal digits, the PCK's extension.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "base/free_with.hpp"
#include "tee/sgx/provisioning/authority.hpp"
#include "tee/sgx/verifier/der.hpp"
#include "tee/sgx/verifier/library.hpp"
#include "tee/sgx/verifier/signed_json.hpp"
#include "tee/sgx/verifier/utc.hpp"

namespace authex::tee::sgx {
namespace {

using Octets = std::vector<std::uint8_t>;

std::optional<std::uint32_t> integer(const Octets& der) {
    return DerReader(der).unsigned_integer();
}

TEST(Der, IntegersAreMinimalAndNotNegative) {
    EXPECT_EQ(integer({0x02, 1, 0}), 0U);
    EXPECT_EQ(integer({0x02, 1, 0x7F}), 0x7FU);
    EXPECT_EQ(integer({0x02, 2, 0, 0xFF}), 0xFFU);
    EXPECT_EQ(integer({0x02, 5, 0, 0xFF, 0xFF, 0xFF, 0xFF}), 0xFFFFFFFFU);
    for (const Octets& wrong : {Octets{},
                                {0x02},
                                {0x02, 0},
                                {0x02, 1},
                                {0x02, 1, 0x80},
                                {0x02, 2, 0, 0x7F},
                                {0x02, 0x81, 1, 5},
                                {0x02, 0x80, 5, 0, 0},
                                {0x02, 5, 1, 0, 0, 0, 0},
                                {0x04, 1, 5}}) {
        EXPECT_EQ(integer(wrong), std::nullopt);
    }
}

TEST(Der, LengthsAreDefiniteAndMinimal) {
    Octets long_form = {0x04, 0x81, 0x80};
    long_form.resize(3 + 0x80);
    DerReader reader(long_form);
    EXPECT_EQ(reader.take(der::octet_string)->size(), 0x80U);
    EXPECT_TRUE(reader.done());
    Octets padded = {0x04, 0x82, 0x00, 0x80};
    padded.resize(4 + 0x80);
    EXPECT_EQ(DerReader(padded).skip(), std::nullopt);
    EXPECT_EQ(DerReader(Octets{0x04, 0x84, 0, 0, 0, 1, 0}).skip(), std::nullopt);
    EXPECT_EQ(DerReader(Octets{0x1F, 0x81, 0x01, 0}).skip(), std::nullopt); // a longer tag
    EXPECT_EQ(DerReader(Octets{0x04, 0x83, 0xFF, 0xFF, 0xFF}).skip(), std::nullopt);
}

TEST(Der, NothingIsReadAfterAnError) {
    const Octets bytes = {0x02, 1, 5, 0x02, 1, 6};
    DerReader reader(bytes);
    EXPECT_EQ(reader.take(der::sequence), std::nullopt);
    EXPECT_EQ(reader.unsigned_integer(), std::nullopt);
}

TEST(Utc, TimesAreThoseOfRfc3339) {
    EXPECT_EQ(parse_utc("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(parse_utc("2026-01-01T00:00:00Z"), 1'767'225'600);
    EXPECT_EQ(parse_utc("2026-01-01T01:30:00+01:30"), 1'767'225'600);
    EXPECT_EQ(parse_utc("2025-12-31T23:00:00-01:00"), 1'767'225'600);
    EXPECT_EQ(parse_utc("2024-02-29T12:00:00Z"), 1'709'208'000);
    for (const char* wrong : {"",
                              "2026-01-01",
                              "2026-01-01T00:00:00",
                              "2026-01-01 00:00:00Z",
                              "2026-01-01T00:00:00z",
                              "2026-1-01T00:00:000Z",
                              "2023-02-29T12:00:00Z",
                              "2026-13-01T00:00:00Z",
                              "2026-00-01T00:00:00Z",
                              "2026-01-01T24:00:00Z",
                              "2026-01-01T00:60:00Z",
                              "2026-01-01T00:00:60Z",
                              "2026-01-01T00:00:00Z ",
                              "2026-01-01T00:00:00.5Z",
                              "2026-01-01T00:00:00+24:00",
                              "2026-01-01T00:00:00+0100",
                              "-026-01-01T00:00:00Z"}) {
        EXPECT_EQ(parse_utc(wrong), std::nullopt) << wrong;
    }
    EXPECT_EQ(utc_text(1'709'208'000), "2024-02-29T12:00:00Z");
    EXPECT_EQ(utc_text(-1), "1969-12-31T23:59:59Z");
}

TEST(Hex, DigitsOfEitherCaseInPairs) {
    EXPECT_EQ(bytes_of_hex("00fFaB"), (Octets{0x00, 0xFF, 0xAB}));
    EXPECT_EQ(bytes_of_hex(""), Octets{});
    for (const char* wrong : {"0", "0g", "0 ", "@0", "0x"}) {
        EXPECT_EQ(bytes_of_hex(wrong), std::nullopt) << wrong;
    }
}

PckExtension platform() {
    PckExtension extension{.fmspc = {1, 2, 3, 4, 5, 6}, .pce_id = {7, 8}, .tcb = {}};
    for (std::uint8_t i = 0; i < tcb_components; ++i) {
        extension.tcb.components.at(i) = static_cast<std::uint8_t>(i * 17);
    }
    extension.tcb.pce = 0xFFFF;
    return extension;
}

TEST(PckExtension, IsReadAsItWasWritten) {
    const Octets der = write_pck_extension(platform());
    const Expected<PckExtension> read = parse_pck_extension(der);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->fmspc, platform().fmspc);
    EXPECT_EQ(read->pce_id, platform().pce_id);
    EXPECT_EQ(read->tcb, platform().tcb);
}

TEST(PckExtension, CutAnywhereItIsRefused) {
    const Octets der = write_pck_extension(platform());
    for (std::size_t size = 0; size < der.size(); ++size) {
        EXPECT_FALSE(parse_pck_extension(ByteView(der).first(size))) << size;
    }
}

/// A SEQUENCE with the members of `der`, and once more those from `from` to `to`.
Octets with_again(const Octets& der, std::size_t from, std::size_t to) {
    Octets content(der.begin() + 4, der.end()); // after tag and a length of three bytes
    content.insert(content.end(),
                   der.begin() + static_cast<std::ptrdiff_t>(from),
                   der.begin() + static_cast<std::ptrdiff_t>(to));
    Octets all = {0x30,
                  0x82,
                  static_cast<std::uint8_t>(content.size() >> 8U),
                  static_cast<std::uint8_t>(content.size())};
    all.insert(all.end(), content.begin(), content.end());
    return all;
}

TEST(PckExtension, AMemberThatIsThereTwiceIsRefused) {
    const Octets der = write_pck_extension(platform());
    ASSERT_EQ(der[1], 0x82);
    // The last two members: FMSPC and SGX type, which nobody asks for.
    const std::size_t type_at = der.size() - (2 + 12 + 3);
    const std::size_t fmspc_at = type_at - (2 + 12 + 8);
    EXPECT_FALSE(parse_pck_extension(with_again(der, fmspc_at, type_at)));
    EXPECT_TRUE(parse_pck_extension(with_again(der, type_at, der.size())));
}

TEST(P256Library, KnowsWhatIntelsHierarchyIsMadeOfAndNothingElse) {
    ASSERT_NE(p256_library(), nullptr);
    EXPECT_EQ(p256_library(), p256_library());
    const auto knows_digest = [](const char* name) {
        const std::unique_ptr<EVP_MD, FreeWith<EVP_MD_free>> digest(
            EVP_MD_fetch(p256_library(), name, nullptr));
        return digest != nullptr;
    };
    EXPECT_TRUE(knows_digest("SHA256"));
    EXPECT_FALSE(knows_digest("SHA1"));
    const auto knows_key = [](const char* name) {
        const std::unique_ptr<EVP_KEYMGMT, FreeWith<EVP_KEYMGMT_free>> keys(
            EVP_KEYMGMT_fetch(p256_library(), name, nullptr));
        return keys != nullptr;
    };
    EXPECT_TRUE(knows_key("EC"));
    EXPECT_FALSE(knows_key("RSA"));
}

} // namespace
} // namespace authex::tee::sgx
