// What a person reads, word for word. A message that is changed on purpose is changed here as well:
// run with AUTHEX_UPDATE_GOLDEN=1.
#include <cstdlib>

#include <gtest/gtest.h>

#include "descriptor/endpoints.hpp"
#include "descriptor/files.hpp"
#include "descriptor/parse.hpp"

namespace authex::descriptor {
namespace {

void expect_golden(const std::vector<Diagnostic>& diagnostics, const std::string& name) {
    std::string text;
    for (const Diagnostic& diagnostic : diagnostics) {
        text += to_text(diagnostic) + "\n";
    }
    const std::filesystem::path file =
        std::filesystem::path(AUTHEX_TEST_DIR) / "messages" / (name + ".txt");
    // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread writes the environment
    if (std::getenv("AUTHEX_UPDATE_GOLDEN") != nullptr) {
        std::ofstream(file) << text;
    }
    EXPECT_EQ(text, test::read(file));
}

ParseResult parse_message(const std::string& name) {
    return parse(test::read(std::filesystem::path(AUTHEX_TEST_DIR) / "messages" / name),
                 "app.yaml");
}

TEST(Messages, HelpWithWhatIsMistyped) {
    expect_golden(parse_message("typing.yaml").diagnostics, "typing");
}

TEST(Messages, HelpWithYamlItself) {
    std::vector<Diagnostic> all;
    for (const char* text : {"application: a\nnodes:\n\tn: {}\n",
                             "nodes:\n  n: { tee: sgx, address: [::1]:6000 }\n",
                             "nodes: { n: { tee: sgx\nmodules: {}\n",
                             "nodes:\n  n: 1\n m: 2\n",
                             "application: a\n---\napplication: b\n"}) {
        for (const Diagnostic& diagnostic : parse(text, "app.yaml").diagnostics) {
            all.push_back(diagnostic);
        }
    }
    expect_golden(all, "yaml");
}

TEST(Messages, HelpWithRolesOfEndpoints) {
    const ParseResult result = parse_message("roles.yaml");
    ASSERT_TRUE(result.descriptor);
    const EndpointsOfModule endpoints = {{"button",
                                          {{"pressed", EndpointKind::output, 0},
                                           {"ask", EndpointKind::request, 1},
                                           {"tick", EndpointKind::timer, 2}}},
                                         {"db",
                                          {{"increment", EndpointKind::input, 0},
                                           {"read_count", EndpointKind::handler, 1},
                                           {"flush", EndpointKind::entry, 2}}},
                                         {"web", {}}};
    expect_golden(check_endpoints(*result.descriptor, endpoints), "roles");
}

} // namespace
} // namespace authex::descriptor
