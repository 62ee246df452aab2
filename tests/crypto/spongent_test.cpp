#include "crypto/spongent.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
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

template <typename Level>
constexpr unsigned level_bits = Level::key_bytes * 8;

bool bit_of(const Octets& bytes, std::size_t bit) {
    return ((bytes[bit / 8] >> (bit % 8)) & 1U) != 0;
}

template <typename Level>
Octets permuted(const Octets& in) {
    std::uint32_t lanes[16] = {};
    for (std::size_t bit = 0; bit < Level::state_bits; ++bit) {
        lanes[bit / lane_bits<Level>] |= std::uint32_t{bit_of(in, bit)} << bit % lane_bits<Level>;
    }
    State state;
    std::memcpy(state, lanes, sizeof state);
    permute<Level>(state);
    std::memcpy(lanes, state, sizeof state);
    Octets out(in.size());
    for (std::size_t bit = 0; bit < Level::state_bits; ++bit) {
        const unsigned set = (lanes[bit / lane_bits<Level>] >> bit % lane_bits<Level>)&1U;
        out[bit / 8] = static_cast<std::uint8_t>(out[bit / 8] | set << (bit % 8));
    }
    return out;
}

KeyView key_view(const Octets& key) {
    EXPECT_EQ(key.size(), key_bytes);
    return KeyView(key.data(), key_bytes);
}

/// @return the cipher text, and the tag after it
Octets wrapped(const Octets& key, const Octets& associated, const Octets& body) {
    Octets sealed = body;
    sealed.resize(body.size() + tag_bytes);
    const Bytes whole(sealed);
    wrap(key_view(key), associated, whole.first(body.size()), Tag(whole.last(tag_bytes)));
    return sealed;
}

/// @param sealed becomes the body
bool unwrapped(const Octets& key, const Octets& associated, Octets& sealed) {
    const Bytes whole(sealed);
    const std::size_t size = sealed.size() - tag_bytes;
    const bool verified =
        unwrap(key_view(key), associated, whole.first(size), TagView(whole.last(tag_bytes)));
    sealed.resize(size);
    return verified;
}

Octets random_bytes(std::mt19937_64& random, std::size_t count) {
    Octets bytes(count);
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::uint8_t>(random()); });
    return bytes;
}

TEST(Spongent, PermutationOfZeroes) {
    const Octets expected = from_hex("09069319dc76812d0fbee61afe82c7e94276c3ae00d5a122b8a761b7e1dd4"
                                     "86794382f3afe29f6558060");
    EXPECT_EQ(permuted<Level128>(Octets(42)), expected);
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

TYPED_TEST(SpongentLevel, RandomStatesArePermutedAsByTheReference) {
    const std::size_t count = random_states();
    ASSERT_GT(count, 0U);
    for (std::size_t i = 0; i < count; ++i) {
        const Octets in = random_bytes(this->random_, TypeParam::state_bits / 8);
        ASSERT_EQ(permuted<TypeParam>(in), this->reference_.permuted(in));
    }
}

TYPED_TEST(SpongentLevel, EveryBitOfAStateGoesTheReferencesWay) {
    for (std::size_t bit = 0; bit < TypeParam::state_bits; ++bit) {
        Octets in(TypeParam::state_bits / 8);
        in[bit / 8] = static_cast<std::uint8_t>(1U << (bit % 8));
        ASSERT_EQ(permuted<TypeParam>(in), this->reference_.permuted(in));
    }
}

/// So that nobody has to clear it.
TYPED_TEST(SpongentLevel, WhatLiesAboveTheStateInALaneSaysNothing) {
    State state{};
    State dirty;
    for (Lanes& lanes : dirty) {
        lanes = Lanes{} - (1U << lane_bits<TypeParam>);
    }
    permute<TypeParam>(state);
    permute<TypeParam>(dirty);
    for (std::size_t lane = 0; lane < 16; ++lane) {
        EXPECT_EQ((dirty[lane / 4][lane % 4] ^ state[lane / 4][lane % 4])
                      << (32 - lane_bits<TypeParam>),
                  0U);
    }
}

class SpongentWrap : public testing::Test {
  protected:
    SpongentReference reference_{128};
    std::mt19937_64 random_{128};
};

TEST_F(SpongentWrap, IsTheReferencesAtEveryLength) {
    for (const std::size_t associated_bytes : {0U, 1U, 2U, 3U, 12U}) {
        for (const std::size_t body_bytes : {0U, 1U, 2U, 3U, 4U, 17U, 64U}) {
            const Octets key = random_bytes(random_, key_bytes);
            const Octets associated = random_bytes(random_, associated_bytes);
            const Octets body = random_bytes(random_, body_bytes);
            Octets sealed = wrapped(key, associated, body);
            ASSERT_EQ(sealed, reference_.wrapped(key, associated, body));
            EXPECT_TRUE(unwrapped(key, associated, sealed));
            EXPECT_EQ(sealed, body);
        }
    }
}

TEST_F(SpongentWrap, EveryChangedBitIsRefusedAndLeavesNoPlaintext) {
    const Octets key = random_bytes(random_, key_bytes);
    const Octets associated = random_bytes(random_, 3);
    const Octets body = random_bytes(random_, 5);
    const Octets sealed = wrapped(key, associated, body);
    const auto refused = [&](const Octets& a_key, const Octets& an_associated, Octets a_sealed) {
        EXPECT_FALSE(unwrapped(a_key, an_associated, a_sealed));
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

TEST_F(SpongentWrap, ABodyMovedIntoTheAssociatedDataIsRefused) {
    const Octets key = random_bytes(random_, key_bytes);
    const Octets whole = random_bytes(random_, 8);
    const Octets sealed = wrapped(key, whole, {});
    for (const std::ptrdiff_t cut : {0, 2, 7}) {
        Octets forged = sealed;
        forged.insert(forged.begin(), whole.begin() + cut, whole.end());
        EXPECT_FALSE(unwrapped(key, Octets(whole.begin(), whole.begin() + cut), forged));
    }
}

RC_GTEST_PROP(SpongentProperty, WhatIsWrappedIsUnwrapped, (Octets associated, Octets body)) {
    const Octets key = *rc::gen::container<Octets>(key_bytes, rc::gen::arbitrary<std::uint8_t>());
    Octets sealed = wrapped(key, associated, body);
    RC_ASSERT(unwrapped(key, associated, sealed));
    RC_ASSERT(sealed == body);
}

/// Of our own: the reference's, so that a change of both is noticed.
TEST(Spongent64, PermutationOfZeroes) {
    EXPECT_EQ(permuted<Level64>(Octets(22)),
              from_hex("7cc4ce71e12103a7601e25ff8970fb10bf32793c2379"));
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
    template <typename Level>
    [[nodiscard]] const nlohmann::json& vectors() const {
        return all_.at(std::to_string(level_bits<Level>));
    }

    template <typename Level>
    void expect_permutations() const {
        for (const auto& v : vectors<Level>().at("permutation")) {
            EXPECT_EQ(permuted<Level>(from_hex(v.at("in"))), from_hex(v.at("out")));
        }
    }

    nlohmann::json all_ = nlohmann::json::parse(std::ifstream(GetParam())).at("levels");
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PublishedSpongent);
INSTANTIATE_TEST_SUITE_P(Found, PublishedSpongent, testing::ValuesIn(published_vectors()));

TEST_P(PublishedSpongent, Permutation) {
    expect_permutations<Level128>();
    expect_permutations<Level64>();
}

TEST_P(PublishedSpongent, WrapAndUnwrap) {
    for (const auto& v : vectors<Level128>().at("wrap")) {
        const Octets key = from_hex(v.at("key"));
        const Octets associated = from_hex(v.at("ad"));
        const Octets body = from_hex(v.at("pt"));
        Octets expected = from_hex(v.at("ct"));
        const Octets tag = from_hex(v.at("tag"));
        expected.insert(expected.end(), tag.begin(), tag.end());
        Octets sealed = wrapped(key, associated, body);
        EXPECT_EQ(sealed, expected);
        EXPECT_TRUE(unwrapped(key, associated, sealed));
        EXPECT_EQ(sealed, body);
    }
}

TEST_P(PublishedSpongent, MacAndKeys) {
    const auto mac_of = [](const nlohmann::json& key, const Octets& message) {
        return wrapped(from_hex(key), message, {});
    };
    const nlohmann::json& level = vectors<Level128>();
    for (const auto& v : level.at("mac")) {
        EXPECT_EQ(mac_of(v.at("key"), from_hex(v.at("msg"))), from_hex(v.at("tag")));
    }
    for (const auto& v : level.at("vendor_key")) {
        EXPECT_EQ(mac_of(v.at("node_key"), from_hex(v.at("mac_input"))),
                  from_hex(v.at("vendor_key")));
    }
    for (const auto& v : level.at("module_key")) {
        Octets message = from_hex(v.at("text"));
        const Octets layout = from_hex(v.at("layout_bytes"));
        message.insert(message.end(), layout.begin(), layout.end());
        EXPECT_EQ(mac_of(v.at("vendor_key"), message), from_hex(v.at("module_key")));
        EXPECT_EQ(wrapped(Octets(key_bytes), message, {}), from_hex(v.at("verify_tag_zero_key")));
    }
}

} // namespace
} // namespace authex::crypto::spongent
