#include "descriptor/edit.hpp"

#include <gtest/gtest.h>

#include "descriptor/parse.hpp"

namespace authex::descriptor {
namespace {

std::string text_with(const std::string& modules) {
    return "application: a   # first line\n"
           "nodes:\n"
           "  here:  { tee: native, address: 127.0.0.1:1 }\n"
           "  there: { tee: native, address: 127.0.0.1:2 }\n" +
           modules + "simulation: allowed\n";
}

Expected<std::string> moved(const std::string& text) {
    const ParseResult parsed = parse(text, "authex.yaml");
    EXPECT_TRUE(parsed.descriptor);
    return with_node_of(text, parsed.descriptor->modules.at(0), "there");
}

TEST(DescriptorEdit, ChangesTheNodeAndNothingElse) {
    const auto block = moved(text_with("modules:\n  m:\n    # here it is\n    node: here  # yes\n"
                                       "    sources: [here.cpp]\n"));
    ASSERT_TRUE(block) << to_text(block.error());
    EXPECT_EQ(*block,
              text_with("modules:\n  m:\n    # here it is\n    node: there  # yes\n"
                        "    sources: [here.cpp]\n"));
    EXPECT_EQ(*moved(text_with("modules: { m: { sources: [here.cpp], node: here } }\n")),
              text_with("modules: { m: { sources: [here.cpp], node: there } }\n"));
    EXPECT_EQ(*moved(text_with("modules: { m: { sources: [m.cpp], node: 'here' } }\n")),
              text_with("modules: { m: { sources: [m.cpp], node: 'there' } }\n"));
    EXPECT_EQ(*moved(text_with("modules: { m: { sources: [m.cpp], node: \"here\" } }\n")),
              text_with("modules: { m: { sources: [m.cpp], node: \"there\" } }\n"));
}

TEST(DescriptorEdit, LeavesAloneWhatDoesNotStandThere) {
    Module module{.name = "m", .node = {.name = "here", .where = {.line = 1, .column = 1}}};
    const auto edited = with_node_of("node: here", module, "there");
    ASSERT_FALSE(edited);
    EXPECT_EQ(edited.error().code, "descriptor-not-edited");
    for (const unsigned line : {0U, 2U, 9U}) {
        for (const unsigned column : {0U, 1U, 99U}) {
            module.node.where = {.line = line, .column = column};
            EXPECT_FALSE(with_node_of("here\n", module, "there"));
        }
    }
}

} // namespace
} // namespace authex::descriptor
