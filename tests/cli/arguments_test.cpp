#include "cli/arguments.hpp"

#include <gmock/gmock.h>

namespace authex::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::variant<Arguments, int> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "authex");
    return parse_arguments(static_cast<int>(words.size()), words.data());
}

Arguments sound(const std::vector<const char*>& words) {
    auto parsed = parse(words);
    EXPECT_TRUE(std::holds_alternative<Arguments>(parsed));
    return std::holds_alternative<Arguments>(parsed) ? std::get<Arguments>(parsed) : Arguments();
}

int status(const std::vector<const char*>& words) {
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    auto parsed = parse(words);
    (void)testing::internal::GetCapturedStdout();
    (void)testing::internal::GetCapturedStderr();
    return std::holds_alternative<int>(parsed) ? std::get<int>(parsed) : -1;
}

std::string said(const std::vector<const char*>& words) {
    testing::internal::CaptureStderr();
    EXPECT_TRUE(std::holds_alternative<int>(parse(words)));
    return testing::internal::GetCapturedStderr();
}

TEST(ParseArguments, UnknownCommandIsNamedAndTheOneThatMayBeMeant) {
    for (const std::vector<const char*>& words :
         {std::vector{"outptu", "press"}, std::vector{"--json", "outptu", "press"}}) {
        EXPECT_EQ(status(words), 2);
        EXPECT_THAT(said(words), HasSubstr("there is no command «outptu»"));
        EXPECT_THAT(said(words), HasSubstr("did you mean «output»?"));
    }
    EXPECT_THAT(said({"frobnicate"}), HasSubstr("the commands are: init, check"));
}

TEST(ParseArguments, EveryCommandIsKnown) {
    struct Row {
        std::vector<const char*> words;
        Command command;
    };
    const std::vector<Row> rows = {{{"init", "d"}, Command::init},
                                   {{"check"}, Command::check},
                                   {{"build"}, Command::build},
                                   {{"plan"}, Command::plan},
                                   {{"up"}, Command::up},
                                   {{"update", "m"}, Command::update},
                                   {{"deploy"}, Command::deploy},
                                   {{"attest"}, Command::attest},
                                   {{"connect"}, Command::connect},
                                   {{"register"}, Command::register_periodic},
                                   {{"status"}, Command::status},
                                   {{"output", "c"}, Command::output},
                                   {{"request", "c"}, Command::request},
                                   {{"call", "m", "e"}, Command::call},
                                   {{"disable", "m"}, Command::disable},
                                   {{"reset"}, Command::reset},
                                   {{"down"}, Command::down},
                                   {{"logs"}, Command::logs},
                                   {{"record", "m"}, Command::record},
                                   {{"replay", "f"}, Command::replay},
                                   {{"dev"}, Command::dev},
                                   {{"doctor"}, Command::doctor},
                                   {{"schema"}, Command::schema},
                                   {{"graph", "--format", "svg"}, Command::graph},
                                   {{"restore", "f"}, Command::restore},
                                   {{"node", "bundle", "n"}, Command::node_bundle},
                                   {{"node", "enroll", "n"}, Command::node_enroll},
                                   {{"export"}, Command::export_state},
                                   {{"delegate", "d"}, Command::delegate},
                                   {{"delegate", "--take-back", "d"}, Command::delegate},
                                   {{"delegate", "--revoke"}, Command::delegate},
                                   {{"completion", "bash"}, Command::completion}};
    for (const Row& row : rows) {
        EXPECT_EQ(sound(row.words).command, row.command) << row.words[0];
    }
}

TEST(ParseArguments, OptionsOfAllCommandsMayStandBeforeAndAfterTheCommand) {
    EXPECT_EQ(sound({"-f", "x.yaml", "status", "--json"}).file, "x.yaml");
    const Arguments after = sound({"status", "-f", "x.yaml", "--json", "--state", "s", "-v"});
    EXPECT_EQ(after.file, "x.yaml");
    EXPECT_EQ(after.state_directory, "s");
    EXPECT_TRUE(after.json);
    EXPECT_TRUE(after.verbose);
    EXPECT_EQ(sound({"up", "--timeout", "3"}).timeout, std::chrono::seconds(3));
}

TEST(ParseArguments, NamesAreKeptInTheirOrder) {
    EXPECT_THAT(sound({"build", "b", "a"}).modules, ElementsAre("b", "a"));
    EXPECT_THAT(sound({"deploy", "--module", "b", "--module", "a"}).modules, ElementsAre("b", "a"));
    const Arguments call = sound({"call", "m", "e"});
    EXPECT_EQ(call.subject, "m");
    EXPECT_EQ(call.entry, "e");
}

TEST(ParseArguments, LogsFollowWithTheirOwnShortOption) {
    const Arguments logs = sound({"-f", "x.yaml", "logs", "-f", "db", "-n", "5"});
    EXPECT_TRUE(logs.follow);
    EXPECT_THAT(logs.modules, ElementsAre("db"));
    EXPECT_EQ(logs.last, 5U);
    EXPECT_EQ(logs.file, "x.yaml");
}

TEST(ParseArguments, PayloadsComeFromOneSource) {
    EXPECT_EQ(sound({"output", "c", "--hex", "00ff"}).payload.hex, "00ff");
    EXPECT_EQ(sound({"output", "c", "--text", ""}).payload.text, "");
    EXPECT_EQ(sound({"output", "c", "--file", "-"}).payload.file, "-");
    EXPECT_EQ(sound({"output", "c", "-"}).payload.file, "-");
    EXPECT_EQ(sound({"output", "c", "--u16", "65535"}).payload.u16, 65535U);
    EXPECT_EQ(status({"output", "c", "--hex", "00", "--text", "a"}), exit_usage);
    EXPECT_EQ(status({"output", "c", "--u8", "256"}), exit_usage);
    EXPECT_EQ(status({"output", "c", "--u16", "-1"}), exit_usage);
    EXPECT_EQ(status({"output", "c", "elsewhere"}), exit_usage);
}

TEST(ParseArguments, WrongUsageIsExit2) {
    EXPECT_EQ(status({}), exit_usage);
    EXPECT_EQ(status({"fly"}), exit_usage);
    EXPECT_EQ(status({"output"}), exit_usage);
    EXPECT_EQ(status({"call", "m"}), exit_usage);
    EXPECT_EQ(status({"status", "--jsn"}), exit_usage);
    EXPECT_EQ(status({"delegate"}), exit_usage);
    EXPECT_EQ(status({"delegate", "d", "--revoke"}), exit_usage);
    EXPECT_EQ(status({"completion", "tcsh"}), exit_usage);
    EXPECT_EQ(status({"up", "--timeout", "0"}), exit_usage);
    EXPECT_EQ(status({"node"}), exit_usage);
}

TEST(ParseArguments, HelpAndVersionAreExit0) {
    EXPECT_EQ(status({"--help"}), exit_done);
    EXPECT_EQ(status({"up", "--help"}), exit_done);
    EXPECT_EQ(status({"node", "bundle", "--help"}), exit_done);
    EXPECT_EQ(status({"--version"}), exit_done);
    EXPECT_EQ(sound({"version"}).command, Command::version);
}

TEST(ParseArguments, LogsHaveFilters) {
    const Arguments arguments = sound({"logs",
                                       "a",
                                       "--module",
                                       "b",
                                       "--node",
                                       "n",
                                       "--level",
                                       "error",
                                       "--since",
                                       "5m",
                                       "--grep",
                                       "x",
                                       "-n",
                                       "7"});
    EXPECT_THAT(arguments.modules, ElementsAre("a", "b"));
    EXPECT_THAT(arguments.nodes, ElementsAre("n"));
    EXPECT_EQ(arguments.level, "error");
    EXPECT_EQ(arguments.since, "5m");
    EXPECT_EQ(arguments.grep, "x");
    EXPECT_EQ(arguments.last, 7U);
    EXPECT_EQ(status({"logs", "--level", "loud"}), exit_usage);
}

TEST(ParseArguments, OfWatchAndGraphAreChecked) {
    EXPECT_TRUE(sound({"status", "-w", "--every", "0.5"}).watch);
    EXPECT_EQ(sound({"graph"}).format, "dot");
    EXPECT_EQ(sound({"graph", "--format", "mermaid"}).format, "mermaid");
    EXPECT_EQ(status({"status", "--every", "0"}), exit_usage);
    EXPECT_EQ(status({"graph", "--format", "png"}), exit_usage);
    EXPECT_EQ(status({"restore"}), exit_usage);
}

TEST(ParseArguments, OfRecordAndReplayAreChecked) {
    const Arguments record = sound({"record", "m", "--for", "2.5", "--out", "f"});
    EXPECT_EQ(record.subject, "m");
    EXPECT_EQ(record.for_s, 2.5);
    EXPECT_EQ(record.out, "f");
    EXPECT_EQ(sound({"replay", "f", "--debugger", "gdb"}).debugger, "gdb");
    EXPECT_EQ(status({"record"}), exit_usage);
    EXPECT_EQ(status({"record", "m", "--for", "0"}), exit_usage);
    EXPECT_EQ(status({"replay"}), exit_usage);
    EXPECT_EQ(status({"replay", "f", "--debugger", "sh"}), exit_usage);
}

TEST(ParseArguments, AttestTakesModulesEitherWay) {
    const Arguments arguments = sound({"attest", "a", "--module", "b", "--explain", "--timing"});
    EXPECT_THAT(arguments.modules, ElementsAre("a", "b"));
    EXPECT_TRUE(arguments.explain);
    EXPECT_TRUE(arguments.timing);
}

TEST(ParseArguments, AnUpdateNamesAModuleAndMayNameANode) {
    const auto parsed = parse({"update", "web", "--node", "cloud", "--dry-run"});
    const auto& arguments = std::get<Arguments>(parsed);
    EXPECT_EQ(arguments.subject, "web");
    EXPECT_EQ(arguments.node, "cloud");
    EXPECT_TRUE(arguments.dry_run);
    EXPECT_EQ(status({"update"}), 2);
    EXPECT_EQ(status({"update", "a", "b"}), 2);
}

} // namespace
} // namespace authex::cli
