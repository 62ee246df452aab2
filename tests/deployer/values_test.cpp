// Configuration and secrets: resolved, planned, handed over, and never more often than needed.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deployer/module_values.hpp"
#include "fake_world.hpp"

namespace authex::deployer {
namespace {

using test::FakeWorld;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace fs = std::filesystem;

std::string descriptor_with(const std::string& values) {
    return R"(
application: pair
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001 }
modules:
  one: { node: left, sources: [one.cpp])" +
           values + R"( }
  two: { node: left, sources: [two.cpp] }
connections:
  - { name: a, from: two.out, to: one.in }
)";
}
constexpr const char* all_kinds =
    ", config: { limit: 21 }, secrets: { token: { file: token.txt }, password: { env: PASSWORD }, "
    "salt: { generate: 32 } }";

template <typename T>
std::vector<std::string> codes(const Outcome<T>& outcome) {
    std::vector<std::string> all;
    for (const Diagnostic& each : outcome ? std::vector<Diagnostic>() : outcome.error()) {
        all.push_back(each.code);
    }
    return all;
}

class ValuesTest : public testing::Test {
  protected:
    void SetUp() override {
        write_secret("abc");
        world.environment["PASSWORD"] = "xyz";
    }
    void write_secret(const std::string& text) {
        const fs::path file = world.folder() / "token.txt";
        std::ofstream(file, std::ios::trunc) << text;
        fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
    }
    void up() {
        const auto done = world.open()->up({});
        ASSERT_TRUE(done) << to_text(done.error().at(0));
    }
    /// What plan says of configuration, as "subject: reason".
    std::vector<std::string> configured() {
        const auto plan = world.open()->plan({});
        EXPECT_TRUE(plan) << to_text(plan.error().at(0));
        std::vector<std::string> all;
        for (const PlannedStep& step : plan ? plan->steps : std::vector<PlannedStep>()) {
            if (step.action == "configure") {
                all.push_back(step.subject + ": " + step.reason);
            }
        }
        return all;
    }
    /// As the module's runtime has it; "(not set)".
    std::string seen(const std::string& module, wire::ValueKind kind, const std::string& name) {
        ByteView value;
        const authex_status status = world.module(module).runtime->value(
            static_cast<std::uint8_t>(kind),
            {reinterpret_cast<const std::uint8_t*>(name.data()), name.size()},
            value);
        return status == AUTHEX_OK ? std::string(value.begin(), value.end()) : "(not set)";
    }
    std::string secret(const std::string& name) {
        return seen("one", wire::ValueKind::secret, name);
    }
    FakeWorld world{descriptor_with(all_kinds)};
};

TEST_F(ValuesTest, AreGivenAfterAttestationAndBeforeAnythingIsConnected) {
    const auto plan = world.open()->plan({});
    ASSERT_TRUE(plan);
    std::vector<std::string> of_one;
    for (const PlannedStep& step : plan->steps) {
        if (step.subject == "one" || step.subject == "a") {
            of_one.push_back(step.action);
        }
    }
    EXPECT_THAT(of_one, ElementsAre("load", "attest", "configure", "connect"));
    up();
    EXPECT_EQ(seen("one", wire::ValueKind::config, "limit"), "21");
    EXPECT_EQ(secret("token"), "abc");
    EXPECT_EQ(secret("password"), "xyz");
    EXPECT_EQ(secret("salt").size(), 32U);
    EXPECT_EQ(seen("two", wire::ValueKind::config, "limit"), "(not set)");
}

TEST_F(ValuesTest, ThatStayAreNotGivenAgain) {
    up();
    EXPECT_THAT(configured(), IsEmpty());
    world.calls.clear();
    up();
    EXPECT_THAT(world.calls, Not(Contains(HasSubstr("control"))));
}

TEST_F(ValuesTest, ThatChangeAreGivenAlone) {
    up();
    write_secret("def");
    EXPECT_THAT(configured(), ElementsAre("one: secret token changed"));
    up();
    EXPECT_EQ(secret("token"), "def");
    EXPECT_THAT(configured(), IsEmpty());
}

TEST_F(ValuesTest, ThatLeaveTheDescriptorAreForgottenByTheModule) {
    up();
    world.set_descriptor(descriptor_with(", config: { limit: 22, mode: fast }"));
    EXPECT_THAT(configured(),
                ElementsAre(AllOf(HasSubstr("config limit changed"),
                                  HasSubstr("config mode is new"),
                                  HasSubstr("secret token goes"),
                                  HasSubstr("secret password goes"),
                                  HasSubstr("secret salt goes"))));
    up();
    EXPECT_EQ(secret("token"), "(not set)");
    EXPECT_EQ(seen("one", wire::ValueKind::config, "limit"), "22");
    world.set_descriptor(descriptor_with(""));
    up();
    EXPECT_EQ(seen("one", wire::ValueKind::config, "limit"), "(not set)");
}

TEST_F(ValuesTest, ThatLeaveTheDescriptorAreForgottenAlsoWhereTheNodeMakesUpARestart) {
    up();
    v1::ModuleStatus& status = world.module("one").status;
    status.set_instance(status.instance() + 1);
    world.set_descriptor(descriptor_with(", config: { mode: fast }"));
    up();
    EXPECT_EQ(secret("token"), "(not set)");
    EXPECT_EQ(seen("one", wire::ValueKind::config, "limit"), "(not set)");
    EXPECT_EQ(seen("one", wire::ValueKind::config, "mode"), "fast");
    status.set_instance(status.instance() + 1);
    world.set_descriptor(descriptor_with(""));
    up();
    EXPECT_EQ(seen("one", wire::ValueKind::config, "mode"), "(not set)");
    EXPECT_THAT(configured(), IsEmpty());
}

TEST_F(ValuesTest, ThatLeaveTheDescriptorAreForgottenWhereverTheDeployerIsKilled) {
    const auto alone = [](const std::string& config) {
        return "application: pair\nsimulation: allowed\nnodes:\n"
               "  left: { tee: native, address: 127.0.0.1:6001 }\nmodules:\n"
               "  one: { node: left, sources: [one.cpp], config: " +
               config + " }\n";
    };
    for (int fuse = 1;; ++fuse) {
        world.set_descriptor(alone("{ limit: 21 }"));
        up();
        v1::ModuleStatus& status = world.module("one").status;
        status.set_instance(status.instance() + 1); // nothing has started anew
        world.set_descriptor(alone("{ mode: fast }"));
        world.fuse = fuse;
        const bool survived = world.survives([&] { (void)world.open()->up({}); });
        world.fuse = -1;
        up();
        ASSERT_EQ(seen("one", wire::ValueKind::config, "limit"), "(not set)")
            << "killed at place " << fuse;
        ASSERT_EQ(seen("one", wire::ValueKind::config, "mode"), "fast");
        if (survived) {
            break;
        }
    }
}

TEST_F(ValuesTest, AreGivenAnewToAProcessThatStartsAnew) {
    up();
    world.restart("one");
    ASSERT_EQ(secret("token"), "(not set)");
    up();
    EXPECT_EQ(secret("token"), "abc");
    world.crash("one");
    up();
    EXPECT_EQ(secret("token"), "abc");
    world.change_code("one");
    up();
    EXPECT_EQ(secret("token"), "abc");
}

TEST_F(ValuesTest, AreGivenAnewWhereTheNodeHidesARestart) {
    up();
    world.node("left").hides_restarts = true;
    world.restart("one");
    (void)world.open()->up({.attest_again = true});
    EXPECT_EQ(secret("token"), "abc") << "the module itself says which process it is";
}

TEST_F(ValuesTest, NothingIsConnectedToAModuleThatLacksThem) {
    world.environment.clear();
    const auto done = world.open()->up({});
    ASSERT_THAT(codes(done), ElementsAre("secret-unavailable"));
    EXPECT_THAT(done.error()[0].summary, HasSubstr("PASSWORD"));
    EXPECT_EQ(done.error()[0].where.line, 7U);
    EXPECT_THAT(world.calls, Not(Contains(HasSubstr("connect a")))) << "no route";
    EXPECT_THAT(codes(world.open()->up({.load = false, .attest = false})),
                Contains("not-attested"));
    world.environment["PASSWORD"] = "xyz";
    up();
    EXPECT_EQ(secret("password"), "xyz");
}

TEST_F(ValuesTest, AMissingSourceLeavesWhatRunsAsItIs) {
    up();
    world.environment.clear();
    EXPECT_THAT(codes(world.open()->up({})), ElementsAre("secret-unavailable"));
    EXPECT_EQ(secret("password"), "xyz");
    EXPECT_TRUE(world.open()->up({.load = false, .attest = false}))
        << "connecting needs no file and no variable";
}

TEST_F(ValuesTest, SecretsFilesAreForTheirOwnerAlone) {
    fs::permissions(world.folder() / "token.txt", fs::perms::others_read, fs::perm_options::add);
    EXPECT_THAT(codes(world.open()->up({})), ElementsAre("file-readable-by-others"));
    fs::remove(world.folder() / "token.txt");
    EXPECT_THAT(codes(world.open()->up({})), ElementsAre("file-unreadable"));
}

TEST_F(ValuesTest, ThatAreTooLargeAreRefusedBeforeAnythingIsSent) {
    write_secret(std::string(4097, 'a'));
    EXPECT_THAT(codes(world.open()->up({})), ElementsAre("value-too-large"));
    write_secret(std::string(4096, 'a'));
    world.environment["PASSWORD"] = std::string(4096, 'b');
    up();
    EXPECT_EQ(secret("token"), std::string(4096, 'a'));
    std::string many = ", config: { ";
    for (char c = 'a'; c < 'f'; ++c) {
        many += std::string(1, c) + ": " + std::string(4000, c) + ", ";
    }
    world.set_descriptor(descriptor_with(many + "z: 1 }"));
    const auto done = world.open()->up({});
    ASSERT_THAT(codes(done), ElementsAre("value-too-large"));
    EXPECT_THAT(done.error()[0].summary, HasSubstr("together"));
}

TEST_F(ValuesTest, GeneratedSecretsStayUntilTheyAreTurned) {
    up();
    const std::string first = secret("salt");
    world.restart("one");
    up();
    EXPECT_EQ(secret("salt"), first);
    const auto turned = world.open()->set_secret("one", "salt", std::nullopt);
    ASSERT_TRUE(turned) << to_text(turned.error().at(0));
    EXPECT_TRUE(*turned);
    const std::string second = secret("salt");
    EXPECT_NE(second, first);
    ASSERT_TRUE(world.open()->down());
    up();
    EXPECT_EQ(secret("salt"), second) << "what was turned is never used again";
}

TEST_F(ValuesTest, SetSecretReplacesTheFileAndTellsTheModule) {
    const std::string text = "new";
    const ByteView value(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    const auto early = world.open()->set_secret("one", "token", value);
    ASSERT_TRUE(early);
    EXPECT_FALSE(*early) << "nothing is deployed yet";
    up();
    EXPECT_EQ(secret("token"), "new");
    const std::string again = "newer";
    const auto set = world.open()->set_secret(
        "one", "token", ByteView(reinterpret_cast<const std::uint8_t*>(again.data()), 5));
    ASSERT_TRUE(set && *set);
    EXPECT_EQ(secret("token"), "newer");
    EXPECT_EQ(fs::status(world.folder() / "token.txt").permissions() & fs::perms::group_all,
              fs::perms::none);
}

TEST_F(ValuesTest, SetSecretRefusesWhatItCannotDo) {
    const std::uint8_t byte = 7;
    const ByteView value(&byte, 1);
    const auto application = world.open();
    EXPECT_THAT(codes(application->set_secret("none", "token", value)),
                ElementsAre("unknown-module"));
    EXPECT_THAT(codes(application->set_secret("one", "limit", value)),
                ElementsAre("unknown-secret"));
    EXPECT_THAT(codes(application->set_secret("one", "password", value)),
                ElementsAre("secret-elsewhere"));
    EXPECT_THAT(codes(application->set_secret("one", "salt", value)),
                ElementsAre("secret-generated"));
    EXPECT_THAT(codes(application->set_secret("one", "token", std::nullopt)),
                ElementsAre("payload-missing"));
    const std::vector<std::uint8_t> large(4097);
    EXPECT_THAT(codes(application->set_secret("one", "token", large)),
                ElementsAre("value-too-large"));
}

TEST_F(ValuesTest, StateAndProgressHoldNoValue) {
    world.environment["PASSWORD"] = "needle-in-the-state";
    up();
    const auto state = State::open(world.database);
    ASSERT_TRUE(state);
    EXPECT_THAT(to_json(**state, true), Not(HasSubstr("needle")));
    for (const GivenValue& each : (*state)->module("one")->given) {
        EXPECT_EQ(each.mac.size(), 32U);
    }
    for (const Progress& each : world.progress) {
        EXPECT_THAT(each.detail, Not(HasSubstr("needle")));
    }
}

TEST_F(ValuesTest, ADeployerThatIsKilledAnywhereGivesWhatIsWanted) {
    up();
    for (int fuse = 1;; ++fuse) {
        write_secret("value " + std::to_string(fuse));
        world.fuse = fuse;
        const bool survived = world.survives([&] { (void)world.open()->up({}); });
        world.fuse = -1;
        write_secret("abc"); // back to what the state may think that the module has
        up();
        ASSERT_EQ(secret("token"), "abc") << "killed at place " << fuse;
        if (survived) {
            break;
        }
    }
    EXPECT_THAT(world.used_twice, IsEmpty());
}

TEST_F(ValuesTest, ValuesOfOneOwnerTellNothingToAnother) {
    const auto state = State::open(world.database);
    const auto parsed = descriptor::Module{.name = "m", .config = {{"limit", {.text = "21"}}}};
    const descriptor::Descriptor whole{.application = "pair"};
    const Environment none;
    OwnerKey other = world.owner;
    other.secret.fill(9);
    const auto one = values_of(parsed, {whole, world.owner, **state, none});
    const auto two = values_of(parsed, {whole, other, **state, none});
    ASSERT_TRUE(one && two);
    EXPECT_NE(one->at(0).mac, two->at(0).mac) << "a digest in the state cannot be guessed at";
}

} // namespace
} // namespace authex::deployer
