#include "cli/graph.hpp"

#include <cstdlib>

#include <gmock/gmock.h>

#include "descriptor/parse.hpp"
#include "golden.hpp"
#include "support/temporary_folder.hpp"

namespace authex::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

descriptor::Descriptor chain() {
    auto result = descriptor::parse(R"(
application: chain
nodes:
  field: { tee: native, address: 127.0.0.1:6001 }
  cloud: { tee: sgx, address: "[::1]:6002" }
modules:
  end:     { node: field, sources: [end.cpp], devices: [led0] }
  subgraph: { node: cloud, sources: [s.cpp] }
connections:
  - { from: subgraph.out, to: end.in }
  - { from: subgraph.beat, to: end.3, delivery: lossy }
  - { name: poke, direct: true, to: subgraph.press }
  - { direct: true, to: end.reset }
periodic:
  - { module: subgraph, entry: tick, every: 1500us }
  - { module: end, entry: 7, every: 2m }
)",
                                    "chain.yaml");
    EXPECT_TRUE(result.descriptor);
    return result.descriptor ? *result.descriptor : descriptor::Descriptor();
}

TEST(Graph, AsDot) {
    test::expect_golden("graph.dot", graph_dot(chain()));
}

TEST(Graph, AsMermaid) {
    test::expect_golden("graph.mermaid", graph_mermaid(chain()));
}

TEST(Graph, AsSvgIsDrawnByDot) {
    const auto svg = graph_svg(chain());
    ASSERT_TRUE(svg) << to_text(svg.error());
    EXPECT_THAT(*svg, HasSubstr("<svg"));
    EXPECT_THAT(*svg, HasSubstr("subgraph"));
    EXPECT_THAT(*svg, HasSubstr("</svg>"));
}

TEST(Graph, WithoutDotSaysHowToGetIt) {
    const test::TemporaryFolder empty;
    const std::string path = std::getenv("PATH");
    ::setenv("PATH", empty.path().c_str(), 1);
    const auto svg = graph_svg(chain());
    ::setenv("PATH", path.c_str(), 1);
    ASSERT_FALSE(svg);
    EXPECT_EQ(svg.error().code, "graphviz-missing");
    EXPECT_THAT(svg.error().fix, HasSubstr("apt-get install graphviz"));
}

} // namespace
} // namespace authex::cli
