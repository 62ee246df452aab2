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

deployer::Attestation attestation() {
    return {.module = "m",
            .node = "n",
            .tee = "native",
            .claims = {.identity = {0xAB},
                       .simulated = true,
                       .text = "",
                       .facts = {{.name = "identity",
                                  .value = "ab",
                                  .compared_with = "the image: equal",
                                  .vouched_by = "a key"}},
                       .proves = {"something"},
                       .does_not_prove = {"something else"}}};
}

TEST(AttestationViews, SayWhatEachFactWasComparedWithAndWhatFollows) {
    EXPECT_EQ(attestation_text(attestation(), Terminal()),
              "m on n (native)  simulated\n"
              "\n  identity  ab\n"
              "    compared with the image: equal\n"
              "    vouched by    a key\n"
              "\n  proves\n    – something\n"
              "\n  does not prove\n    – something else\n");
    const nlohmann::json json = attestations_json({attestation()})[0];
    EXPECT_EQ(json["facts"][0]["vouched_by"], "a key");
    EXPECT_EQ(json["simulated"], true);
    EXPECT_EQ(json["does_not_prove"][0], "something else");
}

TEST(ExaminedViews, SayWhatToDoNext) {
    using Level = deployer::Examined::Level;
    const std::vector<deployer::Examined> all = {
        {.area = "toolchain", .what = "clang", .text = "14.0.6", .fix = ""},
        {.level = Level::failure,
         .area = "toolchain",
         .what = "lld",
         .text = "missing",
         .fix = "get it"},
        {.level = Level::warning,
         .area = "disk",
         .what = "state",
         .text = "little room",
         .fix = ""}};
    EXPECT_EQ(examined_text(all, Terminal()),
              "toolchain\n"
              "  ok    clang  14.0.6\n"
              "  fail  lld    missing\n"
              "               → get it\n"
              "\ndisk\n"
              "  warn  state  little room\n"
              "\n1 ok, 1 to look at, 1 to mend\n");
    const nlohmann::json json = examined_json(all);
    EXPECT_EQ(json["sound"], false);
    EXPECT_EQ(json["checks"][1]["level"], "fail");
    EXPECT_EQ(json["checks"][1]["fix"], "get it");
}

} // namespace
} // namespace authex::cli
