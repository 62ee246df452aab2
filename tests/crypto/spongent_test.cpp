#include "crypto/spongent.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/vectors.hpp"

namespace authex::crypto::spongent {
namespace {

using test::from_hex;
using test::Octets;

Octets mac_of(const Octets& key, const Octets& message) {
    Octets tag(tag_bytes);
    mac(KeyView(key.data(), key_bytes), message, Tag(tag.data(), tag_bytes));
    return tag;
}

TEST(Spongent, PermutationOfZeroes) {
    State state{};
    permute(state);
    EXPECT_EQ(Octets(state.begin(), state.end()),
              from_hex("09069319dc76812d0fbee61afe82c7e94276c3ae00d5a122b8a761b7e1dd486794382f3afe2"
                       "9f6558060"));
}

TEST(Spongent, VendorKeyOfTheSancusDocumentation) {
    EXPECT_EQ(mac_of(from_hex("deadbeefcafebabec0defeeddefec8ed"), from_hex("3412")),
              from_hex("0b7bf3ae40880a8be430d0da34fb76f0"));
}

TEST(Spongent, EmptyWrap) {
    const Octets key = from_hex("6d8a3bb45a1a977e041e88c597f16042");
    Octets tag(tag_bytes);
    wrap(KeyView(key.data(), key_bytes), {}, {}, Tag(tag.data(), tag_bytes));
    EXPECT_EQ(tag, from_hex("3c07fb20a6123560a93d043c603b1250"));
}

/// The larger set of vectors, where it lies beside the checkout.
std::vector<std::filesystem::path> published_vectors() {
    const std::filesystem::path file = AUTHEX_SOURCE_DIR "/../shared/sancus/vectors/spongent.json";
    return std::filesystem::exists(file) ? std::vector{file} : std::vector<std::filesystem::path>{};
}

class PublishedSpongent : public testing::TestWithParam<std::filesystem::path> {
  protected:
    nlohmann::json level_ = nlohmann::json::parse(std::ifstream(GetParam())).at("levels").at("128");
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PublishedSpongent);
INSTANTIATE_TEST_SUITE_P(Found, PublishedSpongent, testing::ValuesIn(published_vectors()));

TEST_P(PublishedSpongent, Permutation) {
    for (const auto& v : level_.at("permutation")) {
        const Octets in = from_hex(v.at("in"));
        State state{};
        std::copy(in.begin(), in.end(), state.begin());
        permute(state);
        EXPECT_EQ(Octets(state.begin(), state.end()), from_hex(v.at("out")));
    }
}

TEST_P(PublishedSpongent, WrapAndUnwrap) {
    for (const auto& v : level_.at("wrap")) {
        const Octets key = from_hex(v.at("key"));
        const Octets associated = from_hex(v.at("ad"));
        Octets body = from_hex(v.at("pt"));
        Octets tag(tag_bytes);
        wrap(KeyView(key.data(), key_bytes), associated, body, Tag(tag.data(), tag_bytes));
        EXPECT_EQ(body, from_hex(v.at("ct")));
        EXPECT_EQ(tag, from_hex(v.at("tag")));
        EXPECT_TRUE(unwrap(
            KeyView(key.data(), key_bytes), associated, body, TagView(tag.data(), tag_bytes)));
        EXPECT_EQ(body, from_hex(v.at("pt")));
    }
}

TEST_P(PublishedSpongent, MacAndKeys) {
    for (const auto& v : level_.at("mac")) {
        EXPECT_EQ(mac_of(from_hex(v.at("key")), from_hex(v.at("msg"))), from_hex(v.at("tag")));
    }
    for (const auto& v : level_.at("vendor_key")) {
        EXPECT_EQ(mac_of(from_hex(v.at("node_key")), from_hex(v.at("mac_input"))),
                  from_hex(v.at("vendor_key")));
    }
    for (const auto& v : level_.at("module_key")) {
        Octets message = from_hex(v.at("text"));
        const Octets layout = from_hex(v.at("layout_bytes"));
        message.insert(message.end(), layout.begin(), layout.end());
        EXPECT_EQ(mac_of(from_hex(v.at("vendor_key")), message), from_hex(v.at("module_key")));
    }
}

} // namespace
} // namespace authex::crypto::spongent
