// The long-running deployer beside an application under load.
#include <csignal>

#include <gmock/gmock.h>

#include "counted.hpp"
#include "support/exposition.hpp"
#include "support/http_client.hpp"

namespace authex::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class Watch : public ::testing::Test {
  protected:
    void SetUp() override {
        world_.start_managers();
        world_.must({"up"});
    }
    void watch(std::vector<std::string> options = {}) {
        options.insert(options.begin(), {"watch", "--metrics", "0"});
        watch_ = world_.start_authex(options);
        ASSERT_TRUE(eventually([&] { return !metrics_address().empty(); })) << watch_->err();
    }
    [[nodiscard]] std::string metrics_address() const {
        const std::string said = watch_->err();
        const std::size_t begin = said.find("http://");
        const std::size_t end = said.find("/metrics", begin);
        return end == std::string::npos ? "" : said.substr(begin + 7, end - begin - 7);
    }
    double metric(const std::string& name) {
        const std::string answer =
            HttpClient(metrics_address()).get("GET /metrics HTTP/1.1\r\n\r\n");
        const Scrape scrape = read_exposition(answer.substr(answer.find("\r\n\r\n") + 4));
        EXPECT_EQ(scrape.problem, "");
        return scrape.value(name).value_or(-1);
    }
    /// Waits until the watch has done as many acts, all in all.
    [[nodiscard]] bool has_healed(int times) {
        return eventually([&] {
            return metric("authex_watch_acts_total{act=\"heal\",result=\"done\"}") >= times;
        });
    }
    void kill_module(const std::string& name) {
        const pid_t process = world_.module_process(name);
        ASSERT_NE(process, 0) << name;
        ::kill(process, SIGKILL);
    }
    void end_watch() {
        watch_->signal(SIGTERM);
        EXPECT_EQ(watch_->wait(), 0) << watch_->err();
    }
    std::vector<std::string> journal() {
        std::vector<std::string> lines;
        std::istringstream text(world_.authex({"journal", "--json"}).out);
        for (std::string line; std::getline(text, line);) {
            const auto json = nlohmann::json::parse(line);
            lines.push_back(json.at("act").get<std::string>() + " " +
                            json.at("subject").get<std::string>() + ": " +
                            json.at("result").get<std::string>());
        }
        return lines;
    }
    Counted world_;
    std::unique_ptr<Process> watch_;
};

TEST_F(Watch, HealsModulesThatAreKilledWhileEventsFlow) {
    watch();
    world_.begin({.events = 100'000'000, .bytes = 100, .batch = 16, .pause_us = 500});
    int healed = 0;
    for (const char* name : {"relay", "sink"}) {
        kill_module(name);
        ASSERT_TRUE(has_healed(++healed)) << watch_->out() << watch_->err();
        ASSERT_TRUE(eventually([&] { return world_.module(name).at("state") == "running"; }));
        const std::uint32_t before = world_.taken().events;
        ASSERT_TRUE(eventually([&] { return world_.taken().events > before; }));
        EXPECT_LE(world_.taken().gaps, 1U);
        EXPECT_EQ(world_.taken().behind, 0U);
    }
    EXPECT_THAT(journal(), Contains("heal module relay: done"));
    EXPECT_THAT(watch_->out(), HasSubstr("heal       module relay: failed: killed by signal 9"));
    end_watch();
}

TEST_F(Watch, BringsBackANodeThatComesBackWithNothing) {
    watch();
    world_.manager("right").signal(SIGKILL);
    (void)world_.manager("right").wait();
    ASSERT_TRUE(eventually([&] { return metric("authex_watch_broken{kind=\"node\"}") == 1; }));
    kill_module("relay");
    ASSERT_TRUE(eventually([&] { return world_.module_process("relay") == 0; }));
    world_.restart_manager("right");
    ASSERT_TRUE(has_healed(1)) << watch_->out() << watch_->err();
    EXPECT_EQ(metric("authex_watch_broken{kind=\"node\"}"), 0);
    EXPECT_THAT(journal(), Contains("well node right: "));
    world_.begin({.events = 1000, .batch = 16, .pause_us = 0});
    EXPECT_TRUE(eventually([&] { return world_.taken().events >= 1000; }));
    end_watch();
}

TEST_F(Watch, StandsInNobodysWay) {
    watch();
    world_.must({"status"});
    world_.must({"up"});
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
    world_.must({"down"});
    world_.must({"up"});
    kill_module("relay");
    ASSERT_TRUE(has_healed(1)) << "of what was deployed since: " << watch_->out() << watch_->err();
    end_watch();
}

TEST_F(Watch, KnowsWhatWasDeployedAndNothingElse) {
    watch();
    world_.write("native.yaml", "this is no descriptor any more");
    std::filesystem::remove(world_.folder() / "relay.cpp");
    kill_module("relay");
    EXPECT_TRUE(has_healed(1)) << watch_->out() << watch_->err();
    end_watch();
}

TEST_F(Watch, AModuleOutOfReachIsCutOffAndWhatItDrivesGoesToItsSafeState) {
    world_.begin({.events = 100'000'000, .bytes = 100, .batch = 16, .pause_us = 500});
    ASSERT_TRUE(eventually([&] { return world_.taken().events > 0; }));
    EXPECT_EQ(world_.request_u32("is-safe"), 0U);
    world_.manager("right").signal(SIGSTOP);
    const Result disabled = world_.authex({"--timeout", "1", "disable", "relay"});
    EXPECT_EQ(disabled.status, 0) << disabled.err;
    EXPECT_THAT(disabled.err, HasSubstr("all others have dropped its connections"));
    EXPECT_EQ(world_.request_u32("is-safe"), 1U);
    const std::uint32_t before = world_.taken().events;
    world_.manager("right").signal(SIGCONT);
    EXPECT_TRUE(eventually([&] { return world_.authex({"status"}).status == 0; }));
    EXPECT_EQ(world_.taken().events, before) << "it runs, and nobody takes anything from it";
}

TEST(WatchOfNothing, SaysSo) {
    Counted world;
    world.start_managers();
    const Result result = world.authex({"watch"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("run authex up first"));
    EXPECT_THAT(world.authex({"watch", "--attest-every", "often"}).err, HasSubstr("30s, 5m"));
    EXPECT_THAT(world.authex({"watch", "--metrics", "0.0.0.0:0"}).err, HasSubstr("--insecure"));
}

} // namespace
} // namespace authex::test
