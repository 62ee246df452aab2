// What people do wrong, and what they are told.
#include <gmock/gmock.h>

#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Mistakes, ABadDescriptorIsExit2WithEachPlaceAndACaret) {
    World world("button-led");
    world.replace(
        "native.yaml", "controller.set_led, to: led.set }", "controler.set_led, to: led.set }");
    world.replace("native.yaml", "[db.cpp]", "[bd.cpp]");
    for (const char* command : {"check", "up", "status", "plan"}) {
        const Result result = world.authex({command});
        EXPECT_EQ(result.status, 2) << command;
        EXPECT_THAT(result.err,
                    AllOf(HasSubstr("native.yaml:14:"),
                          HasSubstr("native.yaml:10:"),
                          HasSubstr("│"),
                          HasSubstr("^")))
            << command;
    }
    EXPECT_FALSE(std::filesystem::exists(world.folder() / ".authex/state.db"));
}

TEST(Mistakes, AreJsonWhereItIsAskedFor) {
    World world("button-led");
    world.replace(
        "native.yaml", "controller.set_led, to: led.set }", "controler.set_led, to: led.set }");
    const auto json = world.json({"check"});
    ASSERT_EQ(json.at("diagnostics").size(), 1U);
    EXPECT_EQ(json["diagnostics"][0]["where"]["line"], 14);
    EXPECT_EQ(json["diagnostics"][0]["severity"], "error");
}

TEST(Mistakes, AMissingDescriptorIsNamed) {
    World world("button-led");
    const Result result = run({.words = {program("authex"), "-f", "missing.yaml", "up"},
                               .folder = world.folder(),
                               .input = {}});
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.err, HasSubstr("missing.yaml"));
}

TEST(Mistakes, ANodeThatDoesNotRunIsNamedWithItsAddress) {
    World world("button-led");
    world.start_managers();
    const std::string port = std::to_string(world.control_port("cloud"));
    world.manager("cloud").signal(9);
    (void)world.manager("cloud").wait();
    const Result up = world.authex({"--timeout", "3", "up"});
    EXPECT_EQ(up.status, 1);
    EXPECT_THAT(up.err, AllOf(HasSubstr("cloud"), HasSubstr("127.0.0.1:" + port)));
    const Result status = world.authex({"--timeout", "3", "status"});
    EXPECT_EQ(status.status, 0) << status.err;
    EXPECT_THAT(status.out, HasSubstr("unreachable"));
    world.restart_manager("cloud");
    world.must({"up"});
}

TEST(Mistakes, AnUnknownConnectionIsToldWithTheOnesThatAre) {
    World world("button-led");
    world.start_managers();
    world.must({"up"});
    for (const char* command : {"output", "request"}) {
        const Result result = world.authex({command, "get-press"});
        EXPECT_NE(result.status, 0);
        EXPECT_THAT(result.err, AllOf(HasSubstr("get-press"), HasSubstr("get-presses")));
    }
    // An event for a handler, a request to an input, and a connection that is not the deployer's.
    EXPECT_NE(world.authex({"output", "get-presses"}).status, 0);
    EXPECT_NE(world.authex({"request", "trigger-btn"}).status, 0);
    EXPECT_NE(world.authex({"output", "controller.count->db.increment"}).status, 0);
    EXPECT_EQ(world.request_u32("get-presses"), 0U);
}

TEST(Mistakes, AnUnknownModuleOrEntryIsTold) {
    World world("button-led");
    world.start_managers();
    world.must({"up"});
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"call", "nobody", "init"},
          {"call", "db", "no_such_entry"},
          {"disable", "nobody"},
          {"attest", "--module", "nobody"},
          {"build", "nobody"},
          {"connect", "--connection", "nobody"},
          {"logs", "nobody"}}) {
        const Result result = world.authex(arguments);
        EXPECT_NE(result.status, 0) << arguments.front();
        EXPECT_THAT(result.err,
                    HasSubstr(arguments.back() == "init" ? "nobody" : arguments.back()));
    }
}

TEST(Mistakes, ACompileErrorIsShownAsTheCompilerSaysItWithTheModule) {
    World world("button-led");
    world.replace("db.cpp", "++presses;", "++pressed;");
    const Result result = world.authex({"build"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err,
                AllOf(HasSubstr("db"),
                      HasSubstr("db.cpp:7:7: error: use of undeclared identifier 'pressed'"),
                      HasSubstr("++pressed;")));
}

TEST(Mistakes, UsageErrorsAreExit2AndSayWhatIsWrong) {
    World world("button-led");
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"frobnicate"},
          {"output"},
          {"output", "trigger-btn", "--u8", "256"},
          {"output", "trigger-btn", "--u8", "1", "--text", "a"},
          {"output", "trigger-btn", "--hex", "abc"},
          {"output", "trigger-btn", "--file", "/nonexistent"},
          {"completion", "tcsh"},
          {"node"},
          {"--timeout", "0", "status"}}) {
        const Result result = world.authex(arguments);
        EXPECT_EQ(result.status, 2) << arguments.front() << ' ' << arguments.back();
        EXPECT_FALSE(result.err.empty()) << arguments.front();
    }
}

TEST(StatusJson, HasTheWordsOfTheContract) {
    World world("button-led");
    world.start_managers();
    world.must({"up"});
    const auto status = world.json({"status"});
    EXPECT_EQ(status.at("application"), "button-led");
    for (const char* word : {"name", "tee", "address", "reachable", "simulated"}) {
        EXPECT_TRUE(status["nodes"][0].contains(word)) << word;
    }
    for (const char* word :
         {"name", "node", "tee", "state", "identity", "attested_at", "simulated", "image_bytes"}) {
        EXPECT_TRUE(status["modules"][0].contains(word)) << word;
    }
    for (const char* word : {"id",
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
        EXPECT_TRUE(status["connections"][0].contains(word)) << word;
    }
    EXPECT_EQ(status["modules"][0]["state"], "running");
    EXPECT_THAT(status["modules"][0]["attested_at"].get<std::string>(),
                ::testing::MatchesRegex("[0-9-]+T[0-9:.]+Z"));
}

TEST(Json, IsWhatEveryCommandThatShowsDataPrints) {
    World world("button-led");
    world.start_managers();
    EXPECT_TRUE(world.json({"build"}).contains("modules"));
    EXPECT_TRUE(world.json({"plan"}).contains("steps"));
    EXPECT_TRUE(world.json({"up"}).contains("steps"));
    EXPECT_EQ(world.json({"request", "get-presses"}).at("reply"), "00000000");
    EXPECT_FALSE(world.json({"export"}).is_discarded());
    EXPECT_EQ(world.authex({"export"}).out.find("BEGIN"), std::string::npos);
}

} // namespace
} // namespace authex::test
