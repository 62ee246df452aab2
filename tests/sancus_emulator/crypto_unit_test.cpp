// The crypto unit against SpongeWrap as the papers have it, at both levels.
#include "sancus_emulator/crypto_unit.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "crypto/spongent_reference.hpp"
#include "support/vectors.hpp"

namespace authex::sancus_emulator {
namespace {

using test::from_hex;
using test::Octets;

constexpr std::uint16_t associated_at = 0x0200;
constexpr std::uint16_t body_at = 0x1000;
constexpr std::uint16_t output_at = 0x2000;
constexpr std::uint16_t tag_at = 0x3000;

Key key_of(const Octets& bytes) {
    Key key{};
    std::copy(bytes.begin(), bytes.end(), key.begin());
    return key;
}

class CryptoUnit : public testing::TestWithParam<Security> {
  protected:
    void put(std::uint16_t at, const Octets& bytes) {
        std::copy(bytes.begin(), bytes.end(), memory_.begin() + at);
    }
    [[nodiscard]] Octets get(std::uint16_t at, std::size_t count) const {
        return {memory_.begin() + at, memory_.begin() + at + static_cast<std::ptrdiff_t>(count)};
    }
    [[nodiscard]] Octets tag_of(const Key& key) const {
        return {key.begin(), key.begin() + static_cast<std::ptrdiff_t>(key_bytes(GetParam()))};
    }

    /// @return the cipher text, and the tag after it
    Octets wrapped(const Octets& key, const Octets& associated, const Octets& body) {
        put(associated_at, associated);
        put(body_at, body);
        wrap(GetParam(), key_of(key), wrapping(associated, body), bus_);
        Octets sealed = get(output_at, body.size());
        const Octets tag = get(tag_at, key.size());
        sealed.insert(sealed.end(), tag.begin(), tag.end());
        return sealed;
    }
    /// @return empty: refused
    Octets unwrapped(const Octets& key, const Octets& associated, const Octets& sealed) {
        const auto end = sealed.end() - static_cast<std::ptrdiff_t>(key.size());
        const Octets cipher(sealed.begin(), end);
        put(associated_at, associated);
        put(body_at, cipher);
        put(tag_at, {end, sealed.end()});
        const bool verified =
            unwrap(GetParam(), key_of(key), wrapping(associated, cipher), bus_, false);
        return verified ? get(output_at, cipher.size()) : Octets{};
    }
    Octets random_bytes(std::size_t count) {
        Octets bytes(count);
        std::generate(
            bytes.begin(), bytes.end(), [&] { return static_cast<std::uint8_t>(random_()); });
        return bytes;
    }

    static Wrapping wrapping(const Octets& associated, const Octets& body) {
        const auto end = [](std::uint16_t at, const Octets& bytes) {
            return static_cast<std::uint16_t>(at + bytes.size());
        };
        return {.associated = {associated_at, end(associated_at, associated)},
                .body = {body_at, end(body_at, body)},
                .output = output_at,
                .tag = tag_at};
    }

    std::vector<std::uint8_t> memory_ = std::vector<std::uint8_t>(0x10000);
    WordBus bus_{.load =
                     [this](std::uint16_t at) {
                         return static_cast<std::uint16_t>(memory_[at] | unsigned{memory_[at + 1U]}
                                                                             << 8U);
                     },
                 .store =
                     [this](std::uint16_t at, std::uint16_t word) {
                         memory_[at] = static_cast<std::uint8_t>(word);
                         memory_[at + 1U] = static_cast<std::uint8_t>(word >> 8U);
                     }};
    test::SpongentReference reference_{GetParam() == Security::bits128 ? 128U : 64U};
    std::mt19937_64 random_{7};
};

TEST_P(CryptoUnit, WrapsWholeWordsAsTheReference) {
    for (const std::size_t associated_bytes : {2U, 4U, 12U}) {
        for (const std::size_t body_bytes : {0U, 2U, 4U, 18U, 64U}) {
            const Octets key = random_bytes(key_bytes(GetParam()));
            const Octets associated = random_bytes(associated_bytes);
            const Octets body = random_bytes(body_bytes);
            const Octets sealed = reference_.wrapped(key, associated, body);
            EXPECT_EQ(wrapped(key, associated, body), sealed);
            if (!body.empty()) {
                EXPECT_EQ(unwrapped(key, associated, sealed), body);
            }
        }
    }
}

TEST_P(CryptoUnit, RefusesEveryChangedBit) {
    const Octets key = random_bytes(key_bytes(GetParam()));
    const Octets associated = random_bytes(2);
    Octets sealed = reference_.wrapped(key, associated, random_bytes(4));
    for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
        sealed[bit / 8] = static_cast<std::uint8_t>(sealed[bit / 8] ^ 1U << (bit % 8));
        EXPECT_EQ(unwrapped(key, associated, sealed), Octets{}) << bit;
        sealed[bit / 8] = static_cast<std::uint8_t>(sealed[bit / 8] ^ 1U << (bit % 8));
    }
}

/// The larger set of vectors, where it lies beside the checkout.
std::filesystem::path published_vectors() {
    const char* shared = std::getenv("AUTHEX_SHARED");
    const std::filesystem::path folder =
        shared != nullptr ? shared : AUTHEX_SOURCE_DIR "/../shared";
    return folder / "sancus/vectors/spongent.json";
}

TEST_P(CryptoUnit, GivesThePublishedVectors) {
    if (!std::filesystem::exists(published_vectors())) {
        GTEST_SKIP() << "they are not here";
    }
    const nlohmann::json all = nlohmann::json::parse(std::ifstream(published_vectors()));
    const nlohmann::json& level = all.at("levels").at(std::to_string(8 * key_bytes(GetParam())));
    std::size_t wraps = 0;
    for (const auto& v : level.at("wrap")) {
        const Octets associated = from_hex(v.at("ad"));
        const Octets body = from_hex(v.at("pt"));
        if (associated.empty() || associated.size() % 2 != 0 || body.size() % 2 != 0) {
            continue; // hardware knows whole words alone
        }
        Octets sealed = from_hex(v.at("ct"));
        const Octets tag = from_hex(v.at("tag"));
        sealed.insert(sealed.end(), tag.begin(), tag.end());
        EXPECT_EQ(wrapped(from_hex(v.at("key")), associated, body), sealed);
        ++wraps;
    }
    EXPECT_NE(wraps, 0U);
    for (const auto& v : level.at("vendor_key")) {
        const Octets id = from_hex(v.at("mac_input"));
        EXPECT_EQ(tag_of(vendor_key(GetParam(),
                                    key_of(from_hex(v.at("node_key"))),
                                    static_cast<std::uint16_t>(id.at(0) | id.at(1) << 8U))),
                  from_hex(v.at("vendor_key")));
    }
}

INSTANTIATE_TEST_SUITE_P(Levels, CryptoUnit, testing::Values(Security::bits128, Security::bits64));

} // namespace
} // namespace authex::sancus_emulator
