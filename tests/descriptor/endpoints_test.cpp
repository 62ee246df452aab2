#include "descriptor/endpoints.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "descriptor/parse.hpp"

namespace authex::descriptor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<std::string> kinds = {"out", "in", "ask", "answer", "call", "tick", "listen"};

/// Modules a and b have one endpoint of each kind, in the order of EndpointKind; x is not known.
EndpointsOfModule all_kinds() {
    std::vector<Endpoint> list;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        list.push_back({.name = kinds[i],
                        .kind = static_cast<EndpointKind>(i + 1),
                        .id = static_cast<std::uint16_t>(i)});
    }
    return {{"a", list}, {"b", list}};
}

std::vector<Diagnostic> check(const std::string& connections, const std::string& periodic = "[]") {
    const ParseResult result = parse(fmt::format("application: demo\n"
                                                 "nodes: {{ n: {{ tee: sgx, address: h:1 }} }}\n"
                                                 "modules:\n"
                                                 "  a: {{ node: n, sources: [a.c] }}\n"
                                                 "  b: {{ node: n, sources: [b.c] }}\n"
                                                 "  x: {{ node: n, sources: [x.c] }}\n"
                                                 "connections: {}\nperiodic: {}\n",
                                                 connections,
                                                 periodic),
                                     "demo.yaml");
    EXPECT_TRUE(result.descriptor) << connections;
    return result.descriptor ? check_endpoints(*result.descriptor, all_kinds())
                             : std::vector<Diagnostic>();
}

std::vector<std::string> codes(const std::vector<Diagnostic>& diagnostics) {
    std::vector<std::string> list;
    for (const Diagnostic& diagnostic : diagnostics) {
        list.push_back(diagnostic.code);
    }
    return list;
}

TEST(CheckEndpoints, TakesOnlyTheTwoPairsThatFit) {
    for (const std::string& from : kinds) {
        for (const std::string& to : kinds) {
            const bool fits = (from == "out" && to == "in") || (from == "ask" && to == "answer");
            const auto found = check(fmt::format("[{{ from: a.{}, to: b.{} }}]", from, to));
            EXPECT_EQ(found.empty(), fits) << from << " to " << to;
            EXPECT_THAT(codes(found), testing::Each("wrong-role"));
        }
    }
}

TEST(CheckEndpoints, TakesDirectConnectionsToInputsAndHandlersOnly) {
    for (const std::string& to : kinds) {
        const auto found = check(fmt::format("[{{ direct: true, to: b.{} }}]", to));
        EXPECT_EQ(found.empty(), to == "in" || to == "answer") << to;
    }
}

TEST(CheckEndpoints, TakesPeriodsOfEntriesOnly) {
    for (const std::string& entry : kinds) {
        const auto found =
            check("[]", fmt::format("[{{ module: a, entry: {}, every: 1s }}]", entry));
        EXPECT_EQ(found.empty(), entry == "call") << entry;
    }
}

TEST(CheckEndpoints, TakesSeveralInputsOfOneOutputAndSeveralOutputsOfOneInput) {
    EXPECT_THAT(
        check("[{ from: a.out, to: b.in }, { from: a.out, to: a.in }, { from: b.out, to: b.in }]"),
        IsEmpty());
}

TEST(CheckEndpoints, RefusesASecondHandlerOfARequestAlsoByNumber) {
    EXPECT_THAT(codes(check("[{ from: a.ask, to: b.answer }, { from: a.2, to: a.answer }]")),
                ElementsAre("two-handlers"));
    EXPECT_THAT(codes(check("[{ from: a.ask, to: b.answer }, { from: a.ask, to: b.3 }]")),
                ElementsAre("two-handlers"));
}

TEST(CheckEndpoints, TakesSeveralRequestsOfOneHandler) {
    EXPECT_THAT(check("[{ from: a.ask, to: b.answer }, { from: b.ask, to: b.answer }]"), IsEmpty());
}

TEST(CheckEndpoints, KnowsEndpointsByNumber) {
    EXPECT_THAT(check("[{ from: a.0, to: b.1 }]"), IsEmpty());
    EXPECT_THAT(codes(check("[{ from: a.0, to: b.7 }]")), ElementsAre("unknown-endpoint"));
    EXPECT_THAT(codes(check("[{ from: a.0, to: b.0 }]")), ElementsAre("wrong-role"));
}

TEST(CheckEndpoints, SaysWhichEndpointWasMeantAndWhichThereAre) {
    const auto found = check("[{ from: a.out, to: b.answr }]");
    ASSERT_THAT(codes(found), ElementsAre("unknown-endpoint"));
    EXPECT_EQ(found[0].where.line, 7U);
    EXPECT_THAT(found[0].fix, HasSubstr("«answer»"));
    EXPECT_THAT(found[0].detail, HasSubstr("listen (stream)"));
}

TEST(CheckEndpoints, ReportsBothEnds) {
    EXPECT_THAT(codes(check("[{ from: a.in, to: b.out }, { from: a.no, to: b.nothing }]")),
                ElementsAre("wrong-role", "wrong-role", "unknown-endpoint", "unknown-endpoint"));
}

TEST(CheckEndpoints, SaysNothingAboutModulesThatAreNotKnown) {
    EXPECT_THAT(check("[{ from: x.anything, to: b.in }, { from: a.ask, to: x.7 }]",
                      "[{ module: x, entry: some, every: 1s }]"),
                IsEmpty());
}

TEST(CheckEndpoints, ChecksTheKnownEndOfAConnection) {
    EXPECT_THAT(codes(check("[{ from: x.anything, to: b.out }, { from: a.in, to: x.y }]")),
                ElementsAre("wrong-role", "wrong-role"));
}

} // namespace
} // namespace authex::descriptor
