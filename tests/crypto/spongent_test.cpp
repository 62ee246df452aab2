#include "crypto/spongent.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include "crypto/spongent_permutation.hpp"
#include "crypto/spongent_reference.hpp"
#include "support/vectors.hpp"

namespace authex::crypto::spongent {
namespace {

using test::from_hex;
using test::Octets;
using test::SpongentReference;

std::vector<Variant> variants() {
    std::vector<Variant> here;
    for (const Variant variant : {Variant::portable, Variant::bmi2, Variant::avx512}) {
        if (carried(variant)) {
            here.push_back(variant);
        }
    }
    return here;
}

const char* name_of(Variant variant) {
    static const char* const names[] = {"portable", "bmi2", "avx512"};
    return names[static_cast<unsigned>(variant)];
}

template <typename Level>
constexpr unsigned level_bits = Level::key_bytes * 8;

template <typename Level>
Octets permuted(const Octets& in, Variant variant) {
    WordsOf<Level> words{};
    auto* const bytes = reinterpret_cast<std::uint8_t*>(words.data());
    std::copy(in.begin(), in.end(), bytes);
    switch (variant) {
    case Variant::portable:
        permute_portable<Level>(words);
        break;
#if AUTHEX_SPONGENT_X86
    case Variant::bmi2:
        permute_bmi2<Level>(words);
        break;
    case Variant::avx512:
        permute_avx512<Level>(words);
        break;
#endif
    default:
        ADD_FAILURE() << "not carried here";
    }
    return {bytes, bytes + Level::state_bits / 8};
}

template <typename Level>
KeyViewOf<Level> key_view(const Octets& key) {
    EXPECT_EQ(key.size(), Level::key_bytes);
    return KeyViewOf<Level>(key.data(), Level::key_bytes);
}

/// @return the cipher text, and the tag after it
template <typename Level>
Octets wrapped(const Octets& key, const Octets& associated, const Octets& body, Variant variant) {
    Octets sealed = body;
    sealed.resize(body.size() + Level::key_bytes);
    const Bytes whole(sealed);
    wrap<Level>(key_view<Level>(key),
                associated,
                whole.first(body.size()),
                TagOf<Level>(whole.last(Level::key_bytes)),
                variant);
    return sealed;
}

/// @param sealed becomes the body
template <typename Level>
bool unwrapped(const Octets& key, const Octets& associated, Octets& sealed, Variant variant) {
    const Bytes whole(sealed);
    const std::size_t size = sealed.size() - Level::key_bytes;
    const bool verified = unwrap<Level>(key_view<Level>(key),
                                        associated,
                                        whole.first(size),
                                        TagViewOf<Level>(whole.last(Level::key_bytes)),
                                        variant);
    sealed.resize(size);
    return verified;
}

template <typename Level>
Octets mac_of(const Octets& key, const Octets& message, Variant variant) {
    return wrapped<Level>(key, message, {}, variant);
}

Octets random_bytes(std::mt19937_64& random, std::size_t count) {
    Octets bytes(count);
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::uint8_t>(random()); });
    return bytes;
}

TEST(Spongent, PermutationOfZeroes) {
    const Octets expected = from_hex("09069319dc76812d0fbee61afe82c7e94276c3ae00d5a122b8a761b7e1dd4"
                                     "86794382f3afe29f6558060");
    EXPECT_EQ(permuted<Level128>(Octets(42), fastest()), expected);
    EXPECT_EQ(SpongentReference(128).permuted(Octets(42)), expected);
}

TEST(Spongent, VendorKeyOfTheSancusDocumentation) {
    const Octets key = from_hex("deadbeefcafebabec0defeeddefec8ed");
    const Octets message = from_hex("3412");
    Octets tag(tag_bytes);
    wrap(KeyView(key.data(), key_bytes), message, {}, Tag(tag.data(), tag_bytes));
    EXPECT_EQ(tag, from_hex("0b7bf3ae40880a8be430d0da34fb76f0"));
    EXPECT_EQ(SpongentReference(128).wrapped(key, message, {}), tag);
}

TEST(Spongent, EmptyWrap) {
    const Octets key = from_hex("6d8a3bb45a1a977e041e88c597f16042");
    Octets tag(tag_bytes);
    wrap(KeyView(key.data(), key_bytes), {}, {}, Tag(tag.data(), tag_bytes));
    EXPECT_EQ(tag, from_hex("3c07fb20a6123560a93d043c603b1250"));
}

TEST(Spongent, FastestVariantIsCarried) {
    EXPECT_TRUE(carried(Variant::portable));
    EXPECT_TRUE(carried(fastest()));
    EXPECT_FALSE(carried(static_cast<Variant>(3)));
}

template <typename Level>
class SpongentLevel : public testing::Test {
  protected:
    SpongentReference reference_{level_bits<Level>};
    std::mt19937_64 random_{level_bits<Level>};
};
using Levels = testing::Types<Level128, Level64>;
TYPED_TEST_SUITE(SpongentLevel, Levels);

/// AUTHEX_SPONGENT_STATES=1000000 for the long run of docs/assurance.md.
std::size_t random_states() {
    const char* given = std::getenv("AUTHEX_SPONGENT_STATES");
    return given == nullptr ? 300 : std::strtoul(given, nullptr, 10);
}

TYPED_TEST(SpongentLevel, EveryVariantPermutesRandomStatesAsTheReference) {
    const std::size_t count = random_states();
    ASSERT_GT(count, 0U);
    for (std::size_t i = 0; i < count; ++i) {
        const Octets in = random_bytes(this->random_, TypeParam::state_bits / 8);
        const Octets out = this->reference_.permuted(in);
        for (const Variant variant : variants()) {
            ASSERT_EQ(permuted<TypeParam>(in, variant), out) << name_of(variant);
        }
    }
}

TYPED_TEST(SpongentLevel, EveryBitOfAStateGoesTheReferencesWay) {
    for (std::size_t bit = 0; bit < TypeParam::state_bits; ++bit) {
        Octets in(TypeParam::state_bits / 8);
        in[bit / 8] = static_cast<std::uint8_t>(1U << (bit % 8));
        const Octets out = this->reference_.permuted(in);
        for (const Variant variant : variants()) {
            ASSERT_EQ(permuted<TypeParam>(in, variant), out) << name_of(variant);
        }
    }
}

TYPED_TEST(SpongentLevel, EveryVariantWrapsEveryLengthAsTheReference) {
    for (const std::size_t associated_bytes : {0U, 1U, 2U, 3U, 12U}) {
        for (const std::size_t body_bytes : {0U, 1U, 2U, 3U, 4U, 17U, 64U}) {
            const Octets key = random_bytes(this->random_, TypeParam::key_bytes);
            const Octets associated = random_bytes(this->random_, associated_bytes);
            const Octets body = random_bytes(this->random_, body_bytes);
            const Octets expected = this->reference_.wrapped(key, associated, body);
            for (const Variant variant : variants()) {
                Octets sealed = wrapped<TypeParam>(key, associated, body, variant);
                ASSERT_EQ(sealed, expected) << name_of(variant);
                EXPECT_TRUE(unwrapped<TypeParam>(key, associated, sealed, variant));
                EXPECT_EQ(sealed, body);
            }
        }
    }
}

TYPED_TEST(SpongentLevel, RefusesEveryChangedBitAndLeavesNoPlaintext) {
    const Octets key = random_bytes(this->random_, TypeParam::key_bytes);
    const Octets associated = random_bytes(this->random_, 3);
    const Octets body = random_bytes(this->random_, 5);
    const Octets sealed = wrapped<TypeParam>(key, associated, body, fastest());
    const auto refused = [&](Octets a_key, Octets an_associated, Octets a_sealed) {
        EXPECT_FALSE(unwrapped<TypeParam>(a_key, an_associated, a_sealed, fastest()));
        EXPECT_EQ(a_sealed, Octets(body.size()));
    };
    const auto flipped = [](Octets bytes, std::size_t bit) {
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
        return bytes;
    };
    for (std::size_t bit = 0; bit < key.size() * 8; ++bit) {
        refused(flipped(key, bit), associated, sealed);
    }
    for (std::size_t bit = 0; bit < associated.size() * 8; ++bit) {
        refused(key, flipped(associated, bit), sealed);
    }
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        refused(key, associated, flipped(sealed, bit));
    }
}

TYPED_TEST(SpongentLevel, ABodyMovedIntoTheAssociatedDataIsRefused) {
    const Octets key = random_bytes(this->random_, TypeParam::key_bytes);
    const Octets whole = random_bytes(this->random_, 8);
    Octets sealed = wrapped<TypeParam>(key, whole, {}, fastest());
    for (const std::ptrdiff_t cut : {0, 2, 7}) {
        Octets forged = sealed;
        forged.insert(forged.begin(), whole.begin() + cut, whole.end());
        EXPECT_FALSE(unwrapped<TypeParam>(
            key, Octets(whole.begin(), whole.begin() + cut), forged, fastest()));
    }
}

TYPED_TEST(SpongentLevel, WordsThroughADuplexAreAWrap) {
    const Octets key = random_bytes(this->random_, TypeParam::key_bytes);
    const Octets associated = random_bytes(this->random_, 6);
    const Octets body = random_bytes(this->random_, 10);
    const auto word = [](const Octets& bytes, std::size_t at) {
        return static_cast<std::uint16_t>(bytes[at] | unsigned{bytes[at + 1]} << 8U);
    };
    for (const Variant variant : variants()) {
        Duplex<TypeParam> duplex(variant);
        for (std::size_t at = 0; at < key.size(); at += 2) {
            duplex.absorb(word(key, at), at + 2 < key.size());
        }
        for (std::size_t at = 0; at < associated.size(); at += 2) {
            duplex.absorb(word(associated, at), at + 2 == associated.size());
        }
        Octets sealed;
        const auto append = [&](unsigned value) {
            sealed.push_back(static_cast<std::uint8_t>(value));
            sealed.push_back(static_cast<std::uint8_t>(value >> 8U));
        };
        for (std::size_t at = 0; at < body.size(); at += 2) {
            append(unsigned{word(body, at)} ^ duplex.rate());
            duplex.absorb(word(body, at), at + 2 < body.size());
        }
        for (std::size_t at = 0; at < TypeParam::key_bytes; at += 2) {
            append(duplex.rate());
            duplex.absorb_blank();
        }
        EXPECT_EQ(sealed, wrapped<TypeParam>(key, associated, body, variant));
    }
}

TYPED_TEST(SpongentLevel, ADuplexThatGoesLeavesNothingBehind) {
    alignas(Duplex<TypeParam>) std::uint8_t place[sizeof(Duplex<TypeParam>)] = {};
    auto* duplex = new (place) Duplex<TypeParam>(Variant::portable);
    duplex->absorb(0x1234, true);
    EXPECT_GT(std::count_if(place, place + sizeof place, [](auto byte) { return byte != 0; }), 8);
    duplex->~Duplex();
    asm volatile("" ::: "memory");
    EXPECT_EQ(std::count(place, place + sizeof place, 0), std::ptrdiff_t{sizeof place});
}

RC_GTEST_PROP(SpongentProperty, WhatIsWrappedIsUnwrapped, (Octets associated, Octets body)) {
    const Octets key = *rc::gen::container<Octets>(key_bytes, rc::gen::arbitrary<std::uint8_t>());
    const Variant one = *rc::gen::elementOf(variants());
    const Variant other = *rc::gen::elementOf(variants());
    Octets sealed = wrapped<Level128>(key, associated, body, one);
    RC_ASSERT(unwrapped<Level128>(key, associated, sealed, other));
    RC_ASSERT(sealed == body);
}

/// Of our own: the reference's, so that a change of both is noticed. One key of ascending bytes.
TEST(Spongent64, KnownAnswers) {
    const Octets key = from_hex("0001020304050607");
    for (const Variant variant : variants()) {
        EXPECT_EQ(permuted<Level64>(Octets(22), variant),
                  from_hex("7cc4ce71e12103a7601e25ff8970fb10bf32793c2379"));
        EXPECT_EQ(mac_of<Level64>(key, from_hex("3412"), variant), from_hex("d97e8843ef14d8df"));
        EXPECT_EQ(wrapped<Level64>(key, from_hex("0a0b0c"), from_hex("1011121314"), variant),
                  from_hex("c2e57b125f0cb9f2eb8b6121b0"));
    }
}

/// The larger set of vectors, where it lies beside the checkout.
std::vector<std::filesystem::path> published_vectors() {
    const char* shared = std::getenv("AUTHEX_SHARED");
    const std::filesystem::path folder =
        shared != nullptr ? shared : AUTHEX_SOURCE_DIR "/../shared";
    const std::filesystem::path file = folder / "sancus/vectors/spongent.json";
    return std::filesystem::exists(file) ? std::vector{file} : std::vector<std::filesystem::path>{};
}

class PublishedSpongent : public testing::TestWithParam<std::filesystem::path> {
  protected:
    /// Calls `check` with the vectors, for each variant.
    template <typename Level, typename Check>
    void with(Check check) {
        for (const Variant variant : variants()) {
            SCOPED_TRACE(testing::Message()
                         << "level " << level_bits<Level> << ", " << name_of(variant));
            check(all_.at(std::to_string(level_bits<Level>)), variant);
        }
    }

    nlohmann::json all_ = nlohmann::json::parse(std::ifstream(GetParam())).at("levels");
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PublishedSpongent);
INSTANTIATE_TEST_SUITE_P(Found, PublishedSpongent, testing::ValuesIn(published_vectors()));

template <typename Level>
void expect_permutations(const nlohmann::json& level, Variant variant) {
    for (const auto& v : level.at("permutation")) {
        EXPECT_EQ(permuted<Level>(from_hex(v.at("in")), variant), from_hex(v.at("out")));
    }
}

template <typename Level>
void expect_wraps(const nlohmann::json& level, Variant variant) {
    for (const auto& v : level.at("wrap")) {
        const Octets key = from_hex(v.at("key"));
        const Octets associated = from_hex(v.at("ad"));
        const Octets body = from_hex(v.at("pt"));
        Octets expected = from_hex(v.at("ct"));
        const Octets tag = from_hex(v.at("tag"));
        expected.insert(expected.end(), tag.begin(), tag.end());
        Octets sealed = wrapped<Level>(key, associated, body, variant);
        EXPECT_EQ(sealed, expected);
        EXPECT_TRUE(unwrapped<Level>(key, associated, sealed, variant));
        EXPECT_EQ(sealed, body);
    }
}

template <typename Level>
void expect_keys(const nlohmann::json& level, Variant variant) {
    for (const auto& v : level.at("mac")) {
        EXPECT_EQ(mac_of<Level>(from_hex(v.at("key")), from_hex(v.at("msg")), variant),
                  from_hex(v.at("tag")));
    }
    for (const auto& v : level.at("vendor_key")) {
        EXPECT_EQ(mac_of<Level>(from_hex(v.at("node_key")), from_hex(v.at("mac_input")), variant),
                  from_hex(v.at("vendor_key")));
    }
    for (const auto& v : level.at("module_key")) {
        Octets message = from_hex(v.at("text"));
        const Octets layout = from_hex(v.at("layout_bytes"));
        message.insert(message.end(), layout.begin(), layout.end());
        EXPECT_EQ(mac_of<Level>(from_hex(v.at("vendor_key")), message, variant),
                  from_hex(v.at("module_key")));
        EXPECT_EQ(mac_of<Level>(Octets(Level::key_bytes), message, variant),
                  from_hex(v.at("verify_tag_zero_key")));
    }
}

TEST_P(PublishedSpongent, Permutation) {
    with<Level128>(expect_permutations<Level128>);
    with<Level64>(expect_permutations<Level64>);
}

TEST_P(PublishedSpongent, WrapAndUnwrap) {
    with<Level128>(expect_wraps<Level128>);
    with<Level64>(expect_wraps<Level64>);
}

TEST_P(PublishedSpongent, MacAndKeys) {
    with<Level128>(expect_keys<Level128>);
    with<Level64>(expect_keys<Level64>);
}

} // namespace
} // namespace authex::crypto::spongent
