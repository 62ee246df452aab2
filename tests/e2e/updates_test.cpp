// Modules get new code or another node while numbered events flow through them.
#include <csignal>

#include <gmock/gmock.h>

#include "counted.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

class Updates : public ::testing::Test {
  protected:
    /// The code of the module is another one, and its endpoints have other numbers.
    void change(const std::string& source) {
        world_.replace(source,
                       "#include <authex/module.hpp>\n",
                       "#include <authex/module.hpp>\nAUTHEX_ENTRY(round_" +
                           std::to_string(++rounds_) + ", call) {}\n");
    }
    void start() {
        world_.start_managers();
        world_.must({"up"});
    }
    void set_tee(const std::string& node, const std::string& tee) {
        world_.replace("native.yaml", node + " { tee: native", node + " { tee: " + tee);
    }
    Counted world_;

  private:
    int rounds_ = 0;
};

TEST_F(Updates, UnderLoadEveryModuleGetsNewCodeAgainAndAgain) {
    start();
    constexpr std::uint32_t events = 150'000;
    world_.begin({.events = events, .bytes = 64, .batch = 8, .pause_us = 300});
    world_.begin_beside({.events = 1000, .batch = 1, .pause_us = 2000});
    int under_load = 0;
    for (int round = 0; round < 4; ++round) {
        for (const char* source : {"source.cpp", "relay.cpp", "sink.cpp"}) {
            change(source);
        }
        world_.must({"up"});
        under_load += world_.sent() < events ? 1 : 0;
    }
    EXPECT_GT(under_load, 0) << "there was load";
    EXPECT_TRUE(world_.arrives(events));
    EXPECT_TRUE(world_.arrives_beside(1000));
    EXPECT_EQ(world_.connection("there").at("epoch"), 1) << "no key was new";
    const auto plan = world_.json({"plan", "--json"});
    EXPECT_TRUE(plan.at("steps").empty()) << plan;
}

TEST_F(Updates, UnderLoadAModuleMovesFromNodeToNode) {
    start();
    constexpr std::uint32_t events = 100'000;
    world_.begin({.events = events, .bytes = 64, .batch = 8, .pause_us = 300});
    int under_load = 0;
    for (const char* node : {"left", "right", "left", "right"}) {
        world_.must({"update", "relay", "--node", node});
        EXPECT_EQ(world_.module("relay").at("node"), node);
        EXPECT_THAT(world_.read("native.yaml"), HasSubstr(std::string("relay:  { node: ") + node));
        under_load += world_.sent() < events ? 1 : 0;
    }
    EXPECT_GT(under_load, 0) << "there was load";
    for (const char* node : {"right", "left"}) {
        world_.must({"update", "sink", "--node", node});
    }
    EXPECT_TRUE(world_.arrives(events));
    EXPECT_TRUE(world_.json({"plan", "--json"}).at("steps").empty());
}

TEST_F(Updates, AMoveOverwritesNoFileOfTheUsers) {
    start();
    world_.write("native.yaml.moved", "notes of mine\n");
    const std::string before = world_.read("native.yaml");
    const Result refused = world_.authex({"update", "relay", "--node", "left"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("native.yaml.moved"));
    EXPECT_EQ(world_.read("native.yaml.moved"), "notes of mine\n");
    EXPECT_EQ(world_.read("native.yaml"), before);
    EXPECT_EQ(world_.module("relay").at("node"), "right");
}

TEST_F(Updates, AMoveWritesWhereALinkLeadsAndKeepsModeAndLink) {
    start();
    const std::filesystem::path link = world_.folder() / "native.yaml";
    const std::filesystem::path real = world_.folder() / "real.yaml";
    std::filesystem::rename(link, real);
    std::filesystem::create_symlink("real.yaml", link);
    std::filesystem::permissions(real, std::filesystem::perms(0640));
    world_.must({"update", "relay", "--node", "left"});
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    EXPECT_THAT(world_.read("real.yaml"), HasSubstr("relay:  { node: left"));
    EXPECT_EQ(std::filesystem::status(real).permissions(), std::filesystem::perms(0640));
    EXPECT_FALSE(std::filesystem::exists(world_.folder() / "native.yaml.moved"));
}

TEST_F(Updates, AMoveTakesNothingBackThatTheUserWritesMeanwhile) {
    start();
    world_.begin({.events = 20'000, .bytes = 64, .batch = 1, .pause_us = 100});
    const auto update = world_.start_authex({"update", "relay", "--node", "left"});
    ASSERT_TRUE(
        eventually([&] { return std::filesystem::exists(world_.folder() / "native.yaml.moved"); }));
    const std::string mine = world_.read("native.yaml") + "# a line of mine\n";
    world_.write("native.yaml", mine);
    EXPECT_EQ(update->wait(), 1);
    EXPECT_EQ(world_.read("native.yaml"), mine);
    EXPECT_FALSE(std::filesystem::exists(world_.folder() / "native.yaml.moved"));
}

class UpdatesOnTee : public Updates, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tees, UpdatesOnTee, ::testing::Values("sgx", "trustzone"));

TEST_P(UpdatesOnTee, GoOnWithStateAndConnections) {
    set_tee("right:", GetParam());
    set_tee("left: ", GetParam());
    start();
    constexpr std::uint32_t events = 20'000;
    world_.begin({.events = events, .bytes = 64, .batch = 8, .pause_us = 1000});
    for (int round = 0; round < 2; ++round) {
        for (const char* source : {"source.cpp", "relay.cpp", "sink.cpp"}) {
            change(source);
        }
        world_.must({"up"});
    }
    EXPECT_TRUE(world_.arrives(events));
    EXPECT_TRUE(world_.json({"plan", "--json"}).at("steps").empty());
}

TEST_F(Updates, AModuleMovesFromTeeToTee) {
    world_.replace("native.yaml",
                   "modules:\n",
                   "  cloud: { tee: sgx, address: 127.0.0.1:6113 }\n"
                   "  phone: { tee: trustzone, address: 127.0.0.1:6114 }\n"
                   "modules:\n");
    start();
    constexpr std::uint32_t events = 60'000;
    world_.begin({.events = events, .bytes = 64, .batch = 4, .pause_us = 500});
    for (const char* node : {"cloud", "phone", "left", "cloud", "right"}) {
        world_.must({"update", "relay", "--node", node});
        world_.must({"update", "sink", "--node", node});
        EXPECT_EQ(world_.module("sink").at("node"), node);
    }
    EXPECT_TRUE(world_.arrives(events));
}

TEST_F(Updates, AChangedLayoutIsRefusedUnlessTheModuleTakesIt) {
    start();
    world_.begin({.events = 100, .batch = 100});
    ASSERT_TRUE(world_.arrives(100));
    world_.replace("sink.cpp",
                   "AUTHEX_STATE static std::uint32_t taken;",
                   "AUTHEX_STATE static std::uint64_t taken;");
    const Result refused = world_.authex({"update", "sink"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("`taken` has 4 bytes, and 8 in the new source"));
    EXPECT_THAT(refused.err, HasSubstr("AUTHEX_MIGRATE"));
    EXPECT_EQ(world_.taken().events, 100U) << "nothing was stopped";

    world_.replace("sink.cpp",
                   "AUTHEX_INPUT(take, event) {",
                   "AUTHEX_MIGRATE(1, old) {\n"
                   "    if (old.is(\"taken\")) {\n"
                   "        taken = 1000 + old.number<std::uint64_t>().value_or(0);\n"
                   "    }\n"
                   "    return old.version == 0 && !old.is(\"gaps\");\n"
                   "}\n"
                   "AUTHEX_INPUT(take, event) {");
    world_.replace("sink.cpp", "reply.u32(taken)", "reply.u32(static_cast<std::uint32_t>(taken))");
    world_.replace(
        "sink.cpp", "result.u32(taken)", "result.u32(static_cast<std::uint32_t>(taken))");
    const Result failed = world_.authex({"update", "sink"});
    EXPECT_EQ(failed.status, 1);
    EXPECT_THAT(failed.err, HasSubstr("the instance before goes on"));
    EXPECT_EQ(world_.taken().events, 100U);

    world_.replace("sink.cpp", " && !old.is(\"gaps\")", "");
    world_.must({"update", "sink"});
    EXPECT_EQ(world_.taken().events, 1100U);
    EXPECT_EQ(world_.taken().expected, 0U) << "what it did not take it does not have";
}

TEST_F(Updates, WhatCannotHandOverIsSaid) {
    start();
    const Result unknown = world_.authex({"update", "nobody"});
    EXPECT_EQ(unknown.status, 1);
    EXPECT_THAT(unknown.err, HasSubstr("the descriptor has no module nobody"));
    const Result nowhere = world_.authex({"update", "sink", "--node", "nowhere"});
    EXPECT_EQ(nowhere.status, 2);
    EXPECT_THAT(world_.read("native.yaml"), HasSubstr("sink:   { node: left"));
    const Result nothing = world_.authex({"update", "sink"});
    EXPECT_EQ(nothing.status, 0);
    EXPECT_THAT(nothing.out, HasSubstr("nothing to do"));
    const Result shown = world_.authex({"update", "sink", "--node", "right", "--dry-run"});
    EXPECT_EQ(shown.status, 0);
    EXPECT_THAT(shown.out, HasSubstr("takes over from left"));
    EXPECT_THAT(world_.read("native.yaml"), HasSubstr("sink:   { node: left"));
    EXPECT_EQ(world_.module("sink").at("node"), "left");
    world_.manager("right").signal(SIGTERM);
    (void)world_.manager("right").wait();
    const Result away = world_.authex({"update", "sink", "--node", "right"});
    EXPECT_EQ(away.status, 1);
    EXPECT_THAT(world_.read("native.yaml"), HasSubstr("sink:   { node: left"));
}

/// examples/smart-home, while it is changed and killed.
class SmartHome : public ::testing::TestWithParam<const char*> {
  protected:
    SmartHome() {
        world_.start_managers();
        world_.must({"secret", "set", "web", "token", "--text", "sesame"});
        world_.must({"up"});
    }
    bool stands(unsigned heating, unsigned lamp, unsigned switched) {
        constexpr std::size_t switched_at = 4;
        return eventually([&] {
            const std::uint32_t first = world_.request_u32("report");
            return (first >> 16U & 0xFFU) == heating && first >> 24U == lamp &&
                   world_.request_u32("report", switched_at) == switched;
        });
    }
    void change(const std::string& source) {
        world_.replace(source,
                       "#include <authex/module.hpp>\n",
                       "#include <authex/module.hpp>\nAUTHEX_ENTRY(change_" +
                           std::to_string(++changes_) + ", call) {}\n");
    }
    World world_{"smart-home", GetParam()};

  private:
    int changes_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Descriptors,
                         SmartHome,
                         ::testing::Values("native.yaml", "complete.yaml"),
                         [](const auto& info) {
                             const std::string name = info.param;
                             return name.substr(0, name.find('.'));
                         });

TEST_P(SmartHome, GoesOnWhileItIsChangedMovedAndKilled) {
    world_.must({"output", "weather", "--u16", "150"});
    world_.must({"output", "press"});
    EXPECT_TRUE(stands(1, 1, 1));

    for (const char* source : {"gateway.cpp", "light.cpp", "thermostat.cpp", "button.cpp"}) {
        change(source);
    }
    world_.must({"up"});
    EXPECT_TRUE(stands(1, 1, 1)) << "it knows what it knew";
    world_.must({"output", "press"});
    EXPECT_TRUE(stands(1, 0, 2));

    world_.must({"update", "gateway", "--node", "room"});
    world_.manager("hall").signal(SIGKILL);
    (void)world_.manager("hall").wait();
    world_.must({"output", "press"});
    world_.restart_manager("hall");
    world_.must({"update", "lamp", "--node", "hall"});
    EXPECT_TRUE(stands(1, 1, 3));
    world_.must({"output", "weather", "--u16", "220"});
    EXPECT_TRUE(stands(0, 1, 3)) << "warm enough";
    world_.must({"update", "thermostat", "--node", "cloud"});
    world_.must({"request", "choose-target", "--u16", "250"});
    EXPECT_TRUE(stands(1, 1, 3));

    for (const char* module : {"lamp", "gateway", "thermostat", "heater"}) {
        ::kill(world_.module_process(module), SIGKILL);
    }
    world_.must({"up"});
    EXPECT_TRUE(stands(1, 1, 3)) << "it knows what it knew";
    world_.must({"output", "press"});
    EXPECT_TRUE(stands(1, 0, 4));
    world_.must({"output", "weather", "--u16", "260"});
    EXPECT_TRUE(stands(0, 0, 4)) << "warm enough for what was chosen";
    world_.must({"output", "weather", "--u16", "240"});
    EXPECT_TRUE(stands(1, 0, 4)) << "the target that was chosen is not forgotten";
}

TEST_P(SmartHome, ShowsItsPageToWhoBearsTheToken) {
    const std::string port = std::to_string(free_port());
    const Result certificate = world_.authex({"request", "init-server", "--u16", port, "--raw"});
    ASSERT_EQ(certificate.status, 0) << certificate.err;
    world_.write("server.pem", certificate.out);
    const auto page = [&](const std::string& path, std::vector<std::string> more) {
        std::vector<std::string> words = {
            "/usr/bin/curl", "-sS", "--max-time", "5", "--cacert", world_.folder() / "server.pem"};
        words.insert(words.end(), more.begin(), more.end());
        words.push_back("https://127.0.0.1:" + port + path);
        return run({.words = words, .folder = {}, .input = {}}).out;
    };
    const std::vector<std::string> token = {"-H", "Authorization: Bearer sesame"};
    world_.must({"output", "weather", "--u16", "65531"}); // -0.5
    EXPECT_TRUE(
        eventually([&] { return page("/", token) == "-0.5 degrees, heating on, lamp off\n"; }));
    EXPECT_EQ(page("/lamp", {"-H", "Authorization: Bearer sesame", "-X", "POST"}), "done\n");
    EXPECT_TRUE(stands(1, 1, 1));
    EXPECT_EQ(page("/lamp", {"-H", "Authorization: Bearer sesami", "-X", "POST"}).find("done"),
              std::string::npos);
    EXPECT_TRUE(stands(1, 1, 1));

    // The key stays in the instance that made it: who has its certificate trusts no other.
    world_.replace("web.cpp",
                   "#include <authex/web.hpp>\n",
                   "#include <authex/web.hpp>\nAUTHEX_ENTRY(changed, call) {}\n");
    world_.must({"up"});
    EXPECT_EQ(page("/", token), "");
    const Result renewed = world_.authex({"request", "init-server", "--u16", port, "--raw"});
    ASSERT_EQ(renewed.status, 0) << renewed.err;
    world_.write("server.pem", renewed.out);
    EXPECT_TRUE(
        eventually([&] { return page("/", token) == "-0.5 degrees, heating on, lamp on\n"; }));
}

} // namespace
} // namespace authex::test
