#include "cli/views.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "support/temporary_folder.hpp"

namespace authex::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

deployer::Status status() {
    deployer::Status status;
    status.application = "app";
    status.nodes = {{.name = "n",
                     .tee = "native",
                     .address = "127.0.0.1:1",
                     .reachable = true,
                     .simulated = true},
                    {.name = "far", .tee = "sgx", .address = "x:2", .problem = "does not answer"}};
    status.modules = {{.name = "m",
                       .node = "n",
                       .tee = "native",
                       .state = "failed",
                       .identity = std::vector<std::uint8_t>(32, 0xAB),
                       .failure = "killed by signal 11 (SIGSEGV)",
                       .last_lines = {"goodbye"}}};
    status.connections = {
        {.id = 1,
         .name = "c",
         .from = "direct",
         .to = "m.in",
         .encryption = "aes-128-gcm",
         .delivery = "ordered",
         .epoch = 2,
         .sent = 5,
         .accepted = 4,
         .window_open_since = std::chrono::system_clock::time_point(std::chrono::seconds(1))}};
    return status;
}

TEST(StatusJson, HasTheWordsOfTheContract) {
    const nlohmann::json json = status_json(status());
    for (const char* key : {"application", "nodes", "modules", "connections"}) {
        EXPECT_TRUE(json.contains(key)) << key;
    }
    for (const char* key : {"name", "tee", "address", "reachable", "simulated"}) {
        EXPECT_TRUE(json["nodes"][0].contains(key)) << key;
    }
    for (const char* key :
         {"name", "node", "tee", "state", "identity", "attested_at", "simulated", "image_bytes"}) {
        EXPECT_TRUE(json["modules"][0].contains(key)) << key;
    }
    for (const char* key : {"id",
                            "name",
                            "from",
                            "to",
                            "encryption",
                            "delivery",
                            "epoch",
                            "sent",
                            "accepted",
                            "refused",
                            "window_open_since"}) {
        EXPECT_TRUE(json["connections"][0].contains(key)) << key;
    }
    EXPECT_TRUE(json["modules"][0]["attested_at"].is_null());
    EXPECT_EQ(json["connections"][0]["window_open_since"], "1970-01-01T00:00:01.000Z");
}

TEST(StatusText, ShowsWhatIsWrong) {
    const std::string text = status_text(status(), false, Terminal());
    EXPECT_THAT(text, HasSubstr("unreachable"));
    EXPECT_THAT(text, HasSubstr("far: does not answer"));
    EXPECT_THAT(text, HasSubstr("killed by signal 11"));
    EXPECT_THAT(text, HasSubstr("  goodbye"));
    EXPECT_THAT(text, Not(HasSubstr(std::string(64, 'a'))));
}

TEST(DiagnosticText, PointsAtThePlace) {
    const test::TemporaryFolder folder;
    const auto file = folder.write("a.yaml", "one\n  zwö: drei\n");
    const Diagnostic diagnostic{
        .severity = Severity::error,
        .code = "unknown-key",
        .summary = "what is this",
        .detail = "two\nlines",
        .fix = "remove it",
        .where = {.file = file.string(), .line = 2, .column = 9, .length = 4}};
    EXPECT_EQ(diagnostic_text(diagnostic, Terminal()),
              file.string() + ":2:9: error: what is this\n"
                              "  2 │   zwö: drei\n"
                              "    │        ^^^^\n"
                              "  two\n  lines\n"
                              "  fix: remove it");
}

TEST(DiagnosticText, WithoutThePlaceHasNoExcerpt) {
    EXPECT_EQ(diagnostic_text(make_error("x", "broken"), Terminal()), "error: broken");
}

TEST(PlanViews, SayTheSame) {
    deployer::Plan plan;
    plan.steps = {{.phase = deployer::Phase::load,
                   .action = "load",
                   .subject = "m",
                   .node = "n",
                   .reason = "new"}};
    EXPECT_EQ(plan_text(plan, Terminal()), "  STEP  WHAT  NODE  WHY\n  load  m     n     new\n");
    EXPECT_EQ(plan_json(plan)["steps"][0]["subject"], "m");
    EXPECT_THAT(plan_text({}, Terminal()), HasSubstr("nothing to do"));
}

} // namespace
} // namespace authex::cli
