#include "rpc/status.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace authex::rpc {
namespace {

TEST(Status, CarriesTheWholeDiagnostic) {
    Diagnostic meant = make_error("unknown-module", "there is no module \"a\"", "deploy it first");
    meant.detail = "two\nlines";
    const grpc::Status status = to_status(meant);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_EQ(status.error_message(), meant.summary);
    const Diagnostic restored = to_diagnostic(status);
    EXPECT_EQ(restored.code, meant.code);
    EXPECT_EQ(restored.summary, meant.summary);
    EXPECT_EQ(restored.detail, meant.detail);
    EXPECT_EQ(restored.fix, meant.fix);
}

TEST(Status, OfAnUnknownCodeKeepsTheCodeForTheClient) {
    const grpc::Status status = to_status(make_error("never-heard", "something"));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNKNOWN);
    EXPECT_EQ(to_diagnostic(status).code, "never-heard");
}

TEST(Status, OfGrpcItselfIsExplained) {
    const Diagnostic unreachable =
        to_diagnostic({grpc::StatusCode::UNAVAILABLE, "failed to connect to all addresses"});
    EXPECT_EQ(unreachable.code, "node-unreachable");
    EXPECT_FALSE(unreachable.fix.empty());
    EXPECT_EQ(to_diagnostic({grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded"}).code,
              "deadline");
    EXPECT_EQ(to_diagnostic({grpc::StatusCode::INTERNAL, ""}).code, "call-failed");
}

TEST(Status, WithDetailsThatAreNoDiagnosticIsReadAsAForeignOne) {
    for (const char* details :
         {"{", "[]", "null", "{\"code\": 7}", "{\"code\": \"x\"}", "\xff\xfe", "\"text\""}) {
        const grpc::Status status(grpc::StatusCode::INTERNAL, "broken", details);
        EXPECT_EQ(to_diagnostic(status).summary, "broken") << details;
    }
}

TEST(Status, OfAHostileNodeBringsNeitherBrokenUtf8NorControlCharacters) {
    const Diagnostic broken = to_diagnostic({grpc::StatusCode::UNKNOWN, "a\xff\x1b]0;b"});
    EXPECT_EQ(broken.summary, "a\xEF\xBF\xBD ]0;b");
    EXPECT_NO_THROW((void)to_json(broken).dump());
    const Diagnostic meant = to_diagnostic(
        {grpc::StatusCode::UNKNOWN,
         "",
         R"({"code": "c\u001b", "summary": "s\u001b", "detail": "d\u001b\nd", "fix": "f\u007f"})"});
    EXPECT_EQ(meant.code, "c ");
    EXPECT_EQ(meant.summary, "s ");
    EXPECT_EQ(meant.detail, "d \nd");
    EXPECT_EQ(meant.fix, "f ");
}

TEST(Status, CutsLongTextsAndMendsWhatIsNoUtf8) {
    const grpc::Status status = to_status(
        make_error("limit", std::string(100'000, '\x01') + "\xff", std::string(9999, '"')));
    EXPECT_LT(status.error_message().size() + status.error_details().size(), 4000U);
    EXPECT_EQ(to_diagnostic(status).code, "limit");
    EXPECT_EQ(to_diagnostic(to_status(make_error("limit", "a\xff"))).summary, "a\xEF\xBF\xBD");
}

} // namespace
} // namespace authex::rpc
