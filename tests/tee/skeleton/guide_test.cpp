// docs/adding-a-tee.md is true, and the skeleton cannot be taken for a TEE.
#include <filesystem>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "descriptor/parse.hpp"
#include "tee/compile/compiler.hpp"

namespace authex::tee::skeleton {
namespace {

TEST(Guide, NamesFilesThatExist) {
    const std::filesystem::path root = AUTHEX_SOURCE_DIR;
    const std::string text = *compile::read_file(root / "docs/adding-a-tee.md");
    static const std::regex path("`((?:src|tests|tools|docs)/[a-z0-9_/.]+)`");
    int found = 0;
    for (std::sregex_iterator match(text.begin(), text.end(), path), end; match != end; ++match) {
        EXPECT_TRUE(std::filesystem::exists(root / (*match)[1].str())) << (*match)[1];
        ++found;
    }
    EXPECT_GT(found, 20);
}

TEST(Skeleton, CannotBeNamedByADescriptor) {
    const descriptor::ParseResult result =
        descriptor::parse("application: demo\n"
                          "nodes:\n"
                          "  edge: { tee: skeleton, address: '127.0.0.1:6000' }\n"
                          "modules:\n"
                          "  a: { node: edge, sources: [a.cpp] }\n"
                          "connections: [{ name: in, direct: true, to: a.in }]\n"
                          "simulation: allowed\n",
                          "authex.yaml");
    EXPECT_FALSE(result.descriptor);
    ASSERT_EQ(result.diagnostics.size(), 1U);
    EXPECT_EQ(result.diagnostics[0].code, "unknown-value");
}

} // namespace
} // namespace authex::tee::skeleton
