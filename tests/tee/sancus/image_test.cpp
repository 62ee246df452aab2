#include "tee/sancus/image.hpp"

#include <random>

#include <gmock/gmock.h>

#include "crypto/spongent.hpp"
#include "tee/sancus/verifier.hpp"

namespace authex::tee::sancus {
namespace {

using Octets = std::vector<std::uint8_t>;

/// A record of an endpoint, the text of its name, and room for the placed words.
SancusImage small_image() {
    SancusImage image{.vendor_id = 0x1234,
                      .text_bytes = 40,
                      .data_bytes = 16,
                      .placed_offset = 16,
                      .endpoints_offset = 0,
                      .endpoints = 1,
                      .text = Octets(40),
                      .gate = {},
                      .text_relocations = {0},
                      .data_relocations = {10}};
    image.text[0] = 36; // the name's address, from the beginning of the text
    image.text[4] = 1;
    image.text[36] = 'o';
    image.text[37] = 'k';
    image.text[10] = 6;
    return image;
}

SancusImage with_gate() {
    SancusImage image = small_image();
    image.gate_bytes = 4;
    image.gate = {1, 2, 0, 0};
    image.device_begin = 0x28;
    image.device_end = 0x30;
    return image;
}

TEST(SancusImageFile, SaysTheSameAgain) {
    const SancusImage image = with_gate();
    const auto parsed = parse_image(serialize(image));
    ASSERT_TRUE(parsed) << to_text(parsed.error());
    EXPECT_EQ(serialize(*parsed), serialize(image));
    const auto endpoints = endpoints_of(*parsed);
    ASSERT_TRUE(endpoints);
    ASSERT_EQ(endpoints->size(), 1U);
    EXPECT_EQ((*endpoints)[0].name, "ok");
    EXPECT_EQ((*endpoints)[0].kind, descriptor::EndpointKind::output);
}

TEST(SancusImageFile, ThatIsCutOrLongerIsRefused) {
    Octets file = serialize(with_gate());
    for (std::size_t size = 0; size < file.size(); ++size) {
        EXPECT_FALSE(parse_image(ByteView(file).first(size)));
    }
    file.push_back(0);
    const auto longer = parse_image(file);
    ASSERT_FALSE(longer);
    EXPECT_NE(longer.error().fix, "");
}

TEST(SancusImageFile, ThatPointsOutsideOfItsTextIsRefused) {
    const std::vector<void (*)(SancusImage&)> damages = {
        [](SancusImage& image) { image.text_relocations = {40}; },
        [](SancusImage& image) { image.text_relocations = {3}; },
        [](SancusImage& image) { image.data_relocations = {39}; },
        [](SancusImage& image) { image.placed_offset = 22; },
        [](SancusImage& image) { image.placed_offset = 0xffff; },
        [](SancusImage& image) { image.endpoints = 6; },
        [](SancusImage& image) { image.endpoints_offset = 0xffff; },
        [](SancusImage& image) { image.vector = 16; },
        [](SancusImage& image) { image.device_end = image.device_begin; },
        [](SancusImage& image) { image.device_end = 0x202; }};
    for (const auto& damage : damages) {
        SancusImage image = with_gate();
        damage(image);
        EXPECT_FALSE(parse_image(serialize(image)));
    }
}

TEST(SancusImageFile, WithBytesChangedAtRandomIsRefusedOrSaysTheSameAgain) {
    std::minstd_rand random(7); // NOLINT(cert-msc51-cpp): the same cases each time
    const Octets sound = serialize(with_gate());
    unsigned read = 0;
    for (int i = 0; i < 20'000; ++i) {
        Octets file = sound;
        for (int changes = 0; changes < 3; ++changes) {
            file[random() % file.size()] = static_cast<std::uint8_t>(random());
        }
        const auto parsed = parse_image(file);
        if (parsed) {
            ++read;
            ASSERT_EQ(serialize(*parsed), file);
            (void)endpoints_of(*parsed);
        }
    }
    EXPECT_GT(read, 100U);
}

TEST(SancusPlacement, MovesWhatPointsToTextAndData) {
    const Placement at{.text = 0x6000, .data = 0x400};
    const Octets text = placed_text(small_image(), at);
    EXPECT_EQ(text[0] | text[1] << 8, 0x6000 + 36);
    EXPECT_EQ(text[10] | text[11] << 8, 0x400 + 6);
    EXPECT_EQ(parse_placement(serialize(at), small_image()).value(), at);
}

TEST(SancusPlacement, FillsInTheGateItsMeasurementAndTheNumberOfTheModule) {
    const Placement at{.text = 0x6000, .data = 0x400, .gate = 0x5d00, .id = 7};
    const Octets gate = placed_gate(with_gate(), at);
    EXPECT_EQ(gate, (Octets{1, 2, 7, 0}));
    const Octets text = placed_text(with_gate(), at);
    EXPECT_EQ(text[16] | text[17] << 8, 0x5d00);
    EXPECT_EQ(text[18], 7);
    const Octets measured = {1, 2, 7, 0, 0x00, 0x5d, 0x04, 0x5d, 0x28, 0, 0x30, 0};
    Key tag{};
    crypto::spongent::wrap(
        crypto::spongent::KeyView(Key{}), measured, {}, crypto::spongent::Tag(tag));
    EXPECT_TRUE(std::equal(tag.begin(), tag.end(), text.begin() + 20));
}

TEST(SancusPlacement, ThatCannotBeIsRefused) {
    const SancusImage image = with_gate();
    const Placement fine{.text = 0x6000, .data = 0x400, .gate = 0x5d00, .id = 2};
    ASSERT_TRUE(parse_placement(serialize(fine), image));
    for (const Placement& wrong : {Placement{0x6001, 0x400, 0x5d00, 2},
                                   Placement{0x6000, 0x5ffe, 0x5d00, 2},
                                   Placement{0xfff0, 0x400, 0x5d00, 2},
                                   Placement{0x6000, 0x400, 0x6010, 2},
                                   Placement{0x6000, 0xfff8, 0x5d00, 2}}) {
        EXPECT_FALSE(parse_placement(serialize(wrong), image));
    }
    EXPECT_FALSE(parse_placement(Octets(7), image));
    EXPECT_FALSE(parse_placement(Octets(9), image));
    EXPECT_FALSE(parse_placement(serialize(fine), small_image())) << "it has no gate";
}

// ../shared/sancus: node key, vendor 0x1234 → vendor key; checked with the hardware description.
TEST(SancusKeys, OfTheVendorIsTheKnownOne) {
    const Key expected = {0x0b,
                          0x7b,
                          0xf3,
                          0xae,
                          0x40,
                          0x88,
                          0x0a,
                          0x8b,
                          0xe4,
                          0x30,
                          0xd0,
                          0xda,
                          0x34,
                          0xfb,
                          0x76,
                          0xf0};
    EXPECT_EQ(vendor_key(development_node_key, 0x1234), expected);
    EXPECT_TRUE(is_development_key(expected, 0x1234));
    EXPECT_FALSE(is_development_key(expected, 0x1235));
}

TEST(SancusKeys, OfAModuleDependOnCodePlaceAndVendor) {
    const Placement at{.text = 0x6000, .data = 0x400};
    const Key vendor = vendor_key(development_node_key, 0x1234);
    const Key key = module_key(vendor, small_image(), at);
    SancusImage other = small_image();
    other.text[30] ^= 1U;
    EXPECT_NE(module_key(vendor, other, at), key);
    other = small_image();
    other.data_bytes += 2;
    EXPECT_NE(module_key(vendor, other, at), key);
    EXPECT_NE(module_key(vendor, small_image(), {.text = 0x6002, .data = 0x400}), key);
    EXPECT_NE(module_key(vendor_key(development_node_key, 0x1235), small_image(), at), key);
    EXPECT_NE(measurement(small_image(), at), key);
}

class SancusEvidence : public testing::Test {
  protected:
    [[nodiscard]] std::string verdict(const Octets& evidence,
                                      const Expectation& expectation) const {
        const auto claims = SancusVerifier().verify(evidence, expectation);
        EXPECT_TRUE(claims || !claims.error().fix.empty());
        return claims ? "ok" : claims.error().code;
    }
    [[nodiscard]] Octets evidence() const {
        Octets tag(16);
        crypto::spongent::wrap(ByteView(expectation_.module_key).first<16>(),
                               expectation_.report_data,
                               {},
                               crypto::spongent::Tag(tag.data(), 16));
        return tag;
    }
    Expectation expectation_{.identity = Octets(16, 1),
                             .report_data = Octets(42, 2),
                             .evidence_key = {},
                             .module_key = Octets(16, 3)};
};

TEST_F(SancusEvidence, IsAMacUnderTheModulesKey) {
    EXPECT_EQ(verdict(evidence(), expectation_), "ok");
    Octets forged = evidence();
    forged[15] ^= 1U;
    EXPECT_EQ(verdict(forged, expectation_), "evidence-forged");
    Expectation other = expectation_;
    other.module_key[0] ^= 1U;
    EXPECT_EQ(verdict(evidence(), other), "evidence-forged");
    other = expectation_;
    other.report_data[0] ^= 1U;
    EXPECT_EQ(verdict(evidence(), other), "evidence-forged");
}

TEST_F(SancusEvidence, OfAnotherLengthIsMalformed) {
    EXPECT_EQ(verdict({}, expectation_), "evidence-malformed");
    EXPECT_EQ(verdict(Octets(17), expectation_), "evidence-malformed");
    Expectation without = expectation_;
    without.module_key.clear();
    EXPECT_EQ(verdict(Octets(16), without), "evidence-malformed");
}

TEST_F(SancusEvidence, OfAnEmulatorIsTakenOnlyWhereSimulationIsAllowed) {
    expectation_.simulated = true;
    EXPECT_EQ(verdict(evidence(), expectation_), "simulation-refused");
    expectation_.simulation_allowed = true;
    const auto claims = SancusVerifier().verify(evidence(), expectation_);
    ASSERT_TRUE(claims);
    EXPECT_TRUE(claims->simulated);
}

TEST_F(SancusEvidence, SaysThatItIsWorthWhatTheHardwareKeeps) {
    const auto claims = SancusVerifier().verify(evidence(), expectation_);
    ASSERT_TRUE(claims);
    EXPECT_THAT(claims->does_not_prove, testing::Contains(testing::HasSubstr("board-check.elf")));
}

} // namespace
} // namespace authex::tee::sancus
