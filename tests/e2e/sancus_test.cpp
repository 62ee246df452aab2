// A microcontroller with Sancus among the nodes: from a physical button to a physical LED.
#include <gmock/gmock.h>

#include "page.hpp"
#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Sancus : public testing::Test {
  protected:
    void SetUp() override {
        world_.start_managers();
        world_.must({"up"});
    }
    /// What a person does to the board, or sees on it.
    Result board(std::vector<std::string> words) {
        words.insert(
            words.begin(),
            {program("authex-sancus"), "control", world_.state("field") / "board.control"});
        return run({.words = words, .folder = {}, .input = {}});
    }
    void press() {
        EXPECT_EQ(board({"press", "button0"}).status, 0);
        EXPECT_EQ(board({"release", "button0"}).status, 0);
    }
    bool led_becomes(const std::string& level) {
        return board({"wait", "led0", level, "--timeout", "20"}).status == 0;
    }
    World world_{"button-led", "complete.yaml"};
};

TEST_F(Sancus, AButtonThatIsPressedLightsTheLed) {
    EXPECT_THAT(board({"show", "led0"}).out, HasSubstr("off"));
    press();
    EXPECT_TRUE(led_becomes("on"));
    press();
    EXPECT_TRUE(led_becomes("off"));
    press();
    EXPECT_TRUE(led_becomes("on"));
    EXPECT_EQ(world_.authex({"request", "get-led"}).out, "01  = 1\n");
    EXPECT_TRUE(eventually([&] { return world_.request_u32("get-presses") == 3; }));
    EXPECT_EQ(world_.connection("controller.set_led->led.set").at("accepted"), 3);
    Page page(world_);
    EXPECT_TRUE(page.becomes("3\n")) << page.error();
    press();
    EXPECT_TRUE(page.becomes("4\n")) << page.error();
}

TEST_F(Sancus, ModulesAreShownSimulatedWithTheMeasurementOfTheirPlace) {
    const auto button = world_.module("button");
    EXPECT_EQ(button.at("state"), "running");
    EXPECT_EQ(button.at("tee"), "sancus");
    EXPECT_EQ(button.at("simulated"), true);
    EXPECT_EQ(button.at("identity").get<std::string>().size(), 32U);
    EXPECT_NE(button.at("identity"), world_.module("led").at("identity"));
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
}

TEST_F(Sancus, ABoardThatIsResetIsDeployedToAnew) {
    press();
    ASSERT_TRUE(led_becomes("on"));
    ASSERT_EQ(board({"reset"}).status, 0);
    EXPECT_TRUE(eventually([&] { return world_.module("led").at("state") == "failed"; }));
    world_.must({"up"});
    EXPECT_TRUE(led_becomes("off"));
    press();
    EXPECT_TRUE(eventually([&] { return world_.request_u32("get-presses") == 2; }));
}

/// Between two modules of the board that go on, whatever is done to the one in the middle.
TEST_F(Sancus, ModulesThatSpeakToTheBoardAreUpdatedAndMoved) {
    press();
    ASSERT_TRUE(led_becomes("on"));
    for (const char* source : {"controller.cpp", "db.cpp"}) {
        world_.replace(source,
                       "#include <authex/module.hpp>\n",
                       "#include <authex/module.hpp>\nAUTHEX_ENTRY(changed, call) {}\n");
    }
    world_.must({"up"});
    press();
    EXPECT_TRUE(led_becomes("off")) << "it knows that the light was on";
    world_.must({"update", "controller", "--node", "cloud"});
    press();
    EXPECT_TRUE(led_becomes("on"));
    world_.must({"update", "controller", "--node", "gate"});
    press();
    EXPECT_TRUE(led_becomes("off"));
    EXPECT_TRUE(eventually([&] { return world_.request_u32("get-presses") == 4; }));

    const Result refused = world_.authex({"update", "led"});
    EXPECT_EQ(refused.status, 0) << "it is what it was: " << refused.err;
    world_.replace(
        "complete.yaml", "driver: led, devices: [led0]", "sources: [other.cpp], devices: [led0]");
    world_.write("other.cpp", world_.read(AUTHEX_SOURCE_DIR "/sdk/drivers/led.cpp"));
    world_.write("other.cpp", world_.read("other.cpp") + "AUTHEX_ENTRY(nothing, call) {}\n");
    const Result no_handover = world_.authex({"update", "led"});
    EXPECT_EQ(no_handover.status, 1);
    EXPECT_THAT(no_handover.err, HasSubstr("was not built to hand over"));
    EXPECT_THAT(no_handover.err, HasSubstr("authex deploy --module led"));
}

TEST_F(Sancus, EntriesAreCalledByTheBoardsOwnClock) {
    world_.write("blinking.cpp",
                 world_.read(AUTHEX_SOURCE_DIR "/sdk/drivers/led.cpp") +
                     "AUTHEX_ENTRY(blink, call) { show(lit ^ authex::pins); }\n");
    world_.replace("complete.yaml", "driver: led", "sources: [blinking.cpp]");
    world_.write(
        "complete.yaml",
        world_.read("complete.yaml") +
            "periodic:\n  - { name: blinking, module: led, entry: blink, every: 300ms }\n");
    world_.must({"up"});
    for (int i = 0; i != 3; ++i) {
        EXPECT_TRUE(led_becomes("on"));
        EXPECT_TRUE(led_becomes("off"));
    }
    press();
    EXPECT_TRUE(eventually([&] { return world_.request_u32("get-presses") == 1; }))
        << "the board goes on to listen";
    world_.write("complete.yaml", [text = world_.read("complete.yaml")]() mutable {
        return text.replace(text.find("every: 300ms"), 12, "every: 9ms");
    }());
    EXPECT_THAT(world_.authex({"up"}).err, HasSubstr("does not keep this period"));
}

// Nothing interrupts this button's driver: the board's clock calls it, and its port remembers a
// press until then.
TEST_F(Sancus, APolledButtonIsSeenAtTheNextLook) {
    world_.replace("complete.yaml", "driver: button,", "driver: button-polled,");
    world_.write("complete.yaml",
                 world_.read("complete.yaml") +
                     "periodic:\n  - { module: button, entry: poll, every: 50ms }\n");
    world_.must({"up"});
    press();
    EXPECT_TRUE(led_becomes("on"));
    press();
    EXPECT_TRUE(led_becomes("off"));
    EXPECT_TRUE(eventually([&] { return world_.request_u32("get-presses") == 2; }));
    EXPECT_EQ(world_.connection("button.pressed->controller.button_pressed").at("accepted"), 2);
}

// Button and controller on one board: the press does not leave it, only what the controller says.
TEST_F(Sancus, WhatOneModuleSaysToAnotherOnTheBoardArrivesOnceAndIsCounted) {
    world_.replace("complete.yaml",
                   "controller: { node: gate,  sources: [controller.cpp] }",
                   "controller: { node: field, sources: [controller.cpp] }");
    world_.replace(
        "complete.yaml",
        "led:        { node: field, driver: led, devices: [led0], max: { connections: 2, "
        "body: 2, stack: 160 } }",
        "led:        { node: cloud, sources: [led.cpp] }");
    world_.must({"up"});
    for (std::uint32_t presses = 1; presses <= 5; ++presses) {
        press();
        EXPECT_TRUE(eventually([&] { return world_.request_u32("get-presses") == presses; }));
    }
    const auto pressed = world_.connection("button.pressed->controller.button_pressed");
    EXPECT_EQ(pressed.at("sent"), 5);
    EXPECT_EQ(pressed.at("accepted"), 5);
    EXPECT_EQ(pressed.at("waiting"), 0);
    // A receiver that is made anew gets what was sent before it was there.
    world_.write("controller.cpp", world_.read("controller.cpp") + "\nAUTHEX_INPUT(more, e) {}\n");
    world_.must({"up"});
    press();
    EXPECT_TRUE(eventually([&] { return world_.request_u32("get-presses") == 6; }));
}

TEST_F(Sancus, AnotherVendorKeyAttestsNothing) {
    const std::string right = world_.read("keys/development.vendor");
    world_.write("keys/development.vendor", "00112233445566778899aabbccddeeff\n");
    std::filesystem::permissions(world_.folder() / "keys/development.vendor",
                                 std::filesystem::perms::owner_read |
                                     std::filesystem::perms::owner_write);
    world_.replace("complete.yaml", "devices: [led0]", "devices: [led0, led1]");
    const Result attested = world_.authex({"up"});
    EXPECT_NE(attested.status, 0) << attested.out;
    EXPECT_THAT(attested.err, HasSubstr("does not have the key of the image that was loaded"));
    EXPECT_THAT(attested.err, HasSubstr("vendor"));
    world_.write("keys/development.vendor", right);
    world_.must({"up"});
    press();
    EXPECT_TRUE(led_becomes("on"));
}

TEST_F(Sancus, AVendorKeyThatIsNoneIsRefusedWithWhatToDo) {
    world_.replace("complete.yaml", "devices: [led0]", "devices: [led0, led1]");
    for (const char* content : {"", "00112233\n", "no key, but thirty-two characters\n"}) {
        world_.write("keys/development.vendor", content);
        const Result up = world_.authex({"up"});
        EXPECT_NE(up.status, 0);
        EXPECT_THAT(up.err, HasSubstr("complete.yaml:7:"));
        EXPECT_THAT(up.err, HasSubstr("holds no key: it must be 32 hexadecimal digits"));
        EXPECT_THAT(up.err, HasSubstr("authex-sancus keys"));
    }
    std::filesystem::remove(world_.folder() / "keys/development.vendor");
    EXPECT_THAT(world_.authex({"up"}).err, HasSubstr("authex-sancus keys"));
}

TEST_F(Sancus, AVendorKeyThatOthersCanReadIsRefused) {
    world_.write("keys/development.vendor", "00112233445566778899aabbccddeeff\n");
    std::filesystem::permissions(world_.folder() / "keys/development.vendor",
                                 std::filesystem::perms(0644));
    world_.replace("complete.yaml", "devices: [led0]", "devices: [led0, led1]");
    const Result up = world_.authex({"up"});
    EXPECT_NE(up.status, 0);
    EXPECT_THAT(up.err, HasSubstr("complete.yaml:"));
    EXPECT_THAT(up.err, HasSubstr("read"));
    EXPECT_THAT(up.err + up.out, Not(HasSubstr("00112233")));
}

} // namespace
} // namespace authex::test
