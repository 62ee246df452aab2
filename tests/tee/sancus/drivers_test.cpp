// The drivers that come with Authex, each in an emulated enclave, with its device.
#include <gmock/gmock.h>

#include "tee/sancus/devices.hpp"
#include "tee/sancus/driven.hpp"

namespace authex::test {
namespace {

using tee::sancus::SancusImage;
using wire::Kind;

Octets octets(std::string_view text) {
    return {text.begin(), text.end()};
}

TEST(ButtonDriver, SaysEachPressOfItsButtonsAndNoOthers) {
    Driven both("button", {"button0", "button1"});
    both.listen("pressed");
    both.press("button0");
    EXPECT_THAT(both.look(), testing::ElementsAre(Octets{1}));
    both.press("button1");
    EXPECT_THAT(both.look(), testing::ElementsAre(Octets{2}));
    EXPECT_TRUE(both.look().empty());
    Driven one("button", {"button1"});
    one.listen("pressed");
    one.press("button0");
    EXPECT_TRUE(one.look().empty());
    one.press("button1");
    EXPECT_THAT(one.look(), testing::ElementsAre(Octets{2}));
    EXPECT_TRUE(one.node.witness.violations.empty());
}

// Its runtime carries nothing for inputs, handlers and entries.
TEST(ButtonDriver, RefusesWhatItHasNoEndpointsFor) {
    Driven driver("button", {"button0"});
    driver.listen("pressed");
    crypto::AeadKey key;
    ASSERT_EQ(key.set(crypto::Algorithm::spongent_128, Octets(16, 1)), Error::none);
    for (const Kind kind : {Kind::event, Kind::request}) {
        const auto frames =
            driver.node.give(Driven::entry, sealed(key, {.kind = kind, .channel = 1}, {1}));
        ASSERT_EQ(frames.size(), 1U);
        EXPECT_EQ(frames[0].header.kind, Kind::refusal);
    }
    Octets call(wire::header_bytes);
    wire::write_header({.kind = Kind::call, .channel = 0}, call);
    EXPECT_EQ(driver.node.give(Driven::entry, call).at(0).header.kind, Kind::refusal);
    driver.press("button0");
    EXPECT_THAT(driver.look(), testing::ElementsAre(Octets{1}));
}

TEST(PolledButtonDriver, FindsAPressSinceTheLastLookAndIsNeverInterrupted) {
    Driven driver("button-polled", {"button0"});
    driver.listen("pressed");
    EXPECT_TRUE(driver.call("poll").empty());
    driver.press("button0");
    EXPECT_TRUE(driver.look().empty()) << "nobody has polled";
    EXPECT_THAT(driver.call("poll"), testing::ElementsAre(Octets{1}));
    EXPECT_TRUE(driver.call("poll").empty());
    driver.press("button0");
    driver.press("button0");
    EXPECT_THAT(driver.call("poll"), testing::ElementsAre(Octets{1}));
    driver.press("button1");
    EXPECT_TRUE(driver.call("poll").empty());
}

TEST(LedDriver, LightsItsLedsAndSaysWhichAreOn) {
    Driven driver("led", {"led0", "led2"});
    driver.connect("set");
    driver.connect("set_pins");
    driver.connect("read_state");
    EXPECT_EQ(driver.node.shown("led0"), "off");
    driver.send("set", {1});
    EXPECT_EQ(driver.node.shown("led0") + driver.node.shown("led2"), "onon");
    EXPECT_EQ(driver.answer("read_state", {}), Octets{5});
    driver.send("set_pins", {0xfe});
    EXPECT_EQ(driver.node.shown("led0") + driver.node.shown("led1") + driver.node.shown("led2"),
              "offoffon");
    driver.send("set", {0});
    EXPECT_EQ(driver.node.shown("led2"), "off");
    EXPECT_EQ(driver.answer("read_state", {}), Octets{0});
}

TEST(DisplayDriver, ShowsTextInTwoRowsAndLeavesOutWhatDoesNotFit) {
    Driven driver("display", {"lcd"});
    driver.connect("show");
    driver.send("show", octets("one space\nfree"));
    EXPECT_EQ(driver.node.shown("lcd"), "one space\nfree");
    driver.send("show", octets("full"));
    EXPECT_EQ(driver.node.shown("lcd"), "full");
    driver.send("show", octets("0123456789abcdefXYZ\n0123456789ABCDEFXYZ\nmore"));
    EXPECT_EQ(driver.node.shown("lcd"), "0123456789abcdef\n0123456789ABCDEF");
    driver.send("show", {});
    EXPECT_EQ(driver.node.shown("lcd"), "");
    EXPECT_TRUE(driver.node.witness.violations.empty());
}

TEST(SensorDriver, SaysWhatWasMeasured) {
    Driven driver("sensor", {"temperature"});
    driver.connect("ask");
    driver.connect("read");
    driver.listen("value");
    driver.node.input("temperature", "21.5");
    EXPECT_THAT(driver.send("ask", {}), testing::ElementsAre(Octets{0x66, 0x08})); // 2150
    driver.node.input("temperature", "-3");
    EXPECT_THAT(driver.call("sample"), testing::ElementsAre(Octets{0xd4, 0xfe})); // -300
    EXPECT_EQ(driver.answer("read", {}), (Octets{0xd4, 0xfe}));
}

TEST(SensorDriver, IsForEachSensorOfTheBoard) {
    Driven driver("sensor", {"soil"});
    driver.connect("read");
    driver.node.input("soil", "17");
    EXPECT_EQ(driver.answer("read", {}), (Octets{17, 0}));
}

TEST(RandomDriver, GivesOtherBytesEachTimeAsManyAsAreAskedFor) {
    Driven driver("random", {});
    driver.connect("read");
    driver.connect("ask");
    driver.listen("numbers");
    std::set<Octets> seen;
    for (int i = 0; i < 20; ++i) {
        const Octets drawn = driver.answer("read", {16});
        EXPECT_EQ(drawn.size(), 16U);
        EXPECT_TRUE(seen.insert(drawn).second);
    }
    EXPECT_EQ(driver.answer("read", {1}).size(), 1U);
    EXPECT_EQ(driver.answer("read", {64}).size(), 64U);
    EXPECT_EQ(driver.send("ask", {5}).at(0).size(), 5U);
    EXPECT_GE(driver.stack_left(), 112U) << "of all drivers it goes deepest";
}

TEST(RandomDriver, RefusesMoreThanItHasRoomFor) {
    Driven driver("random", {});
    driver.connect("read");
    driver.connect("ask");
    driver.listen("numbers");
    EXPECT_NE(driver.ask("read", {65}).header.flags & wire::flag_negative, 0);
    EXPECT_TRUE(driver.send("ask", {255}).empty());
}

TEST(LedDriver, IsNotOutdoneByTheNodesCodeNorByAnotherModule) {
    Driven driver("led", {"led0"});
    driver.connect("set");
    driver.send("set", {1});
    ASSERT_EQ(driver.node.shown("led0"), "on");
    // mov.b #0, &0x29; br r7: unprotected code, as the event manager is.
    constexpr std::uint16_t somewhere = 0x9800;
    driver.node.machine->load(somewhere,
                              std::array<std::uint8_t, 6>{0xc2, 0x43, 0x29, 0x00, 0x00, 0x47});
    (void)driver.node.call(somewhere);
    EXPECT_EQ(driver.node.witness.violations.size(), 1U);
    EXPECT_EQ(driver.node.shown("led0"), "on");

    const TemporaryFolder folder;
    folder.write("thief.cpp",
                 "#include <authex/module.hpp>\n"
                 "AUTHEX_ENTRY(steal, call) { *(volatile std::uint8_t*)0x29 = 0; }\n");
    const SancusImage thief = built({.sources = {"thief.cpp"}, .root = folder.path()}).image;
    ASSERT_NE(driver.node.load(thief, {.text = 0x9000, .data = 0x2000}), 0);
    Octets steal(wire::header_bytes);
    wire::write_header({.kind = Kind::call}, steal);
    EXPECT_TRUE(driver.node.give(0x9000, steal).empty());
    EXPECT_EQ(driver.node.witness.violations.size(), 2U);
    EXPECT_EQ(driver.node.shown("led0"), "on");
}

struct Shipped {
    const char* driver;
    const char* device;
};

class ShippedDriver : public testing::TestWithParam<Shipped> {};

TEST_P(ShippedDriver, DoesNothingWhereItDoesNotOwnItsDevice) {
    const Built driver = built({.driver = GetParam().driver, .devices = {GetParam().device}});
    SancusNode node;
    auto place = first_place;
    ++place.id; // its gate would answer to another
    ASSERT_NE(node.load(driver.image, place), 0);
    ASSERT_TRUE(node.call(place.text));
    EXPECT_EQ(node.reg(14), static_cast<std::uint16_t>(Error::unsupported));
    // Nor with a gate that is not protected at all.
    SancusNode bare;
    SancusImage without = driver.image;
    without.gate_bytes = 0;
    place = first_place;
    place.id = 1;
    ASSERT_NE(bare.load(without, place), 0);
    bare.machine->load(place.gate, placed_gate(driver.image, place));
    ASSERT_TRUE(bare.call(place.text));
    EXPECT_EQ(bare.reg(14), static_cast<std::uint16_t>(Error::unsupported));
}

TEST_P(ShippedDriver, IsNotBuiltWithoutADevice) {
    const auto image = build({.driver = GetParam().driver});
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, "compile-failed");
}

INSTANTIATE_TEST_SUITE_P(All,
                         ShippedDriver,
                         testing::Values(Shipped{"button", "button0"},
                                         Shipped{"button-polled", "button0"},
                                         Shipped{"led", "led0"},
                                         Shipped{"display", "lcd"},
                                         Shipped{"sensor", "light"}),
                         [](const auto& test) {
                             std::string name = test.param.driver;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

/// Text with what it is initialised from, and data with the stack. (docs/sancus.md)
struct Budget {
    const char* name;
    tee::BuildSpec spec;
    unsigned text_bytes;
    unsigned data_bytes;
};

tee::BuildSpec spec_of(const char* driver, std::vector<std::string> devices) {
    return {.driver = driver, .devices = std::move(devices)};
}
/// As examples/button-led/complete.yaml has them, but for a stack of 16 bytes less with one key.
tee::BuildSpec small(const char* driver,
                     const char* device,
                     unsigned connections,
                     unsigned stack,
                     unsigned keys = 1) {
    return {.driver = driver,
            .max_connections = connections,
            .max_body_bytes = 2,
            .max_keys = keys,
            .stack_bytes = stack,
            .devices = {device}};
}

class DriverSizes : public testing::TestWithParam<Budget> {};

TEST_P(DriverSizes, StayWithinTheirBudget) {
    const SancusImage image = built(GetParam().spec).image;
    RecordProperty("text_bytes", image.text_bytes);
    RecordProperty("data_bytes", image.data_bytes);
    EXPECT_LE(image.text_bytes, GetParam().text_bytes);
    EXPECT_LE(image.data_bytes, GetParam().data_bytes);
}

INSTANTIATE_TEST_SUITE_P(
    All,
    DriverSizes,
    testing::Values(Budget{"button", spec_of("button", {"button0"}), 5056, 1344},
                    Budget{"button_polled", spec_of("button-polled", {"button0"}), 5248, 1920},
                    Budget{"led", spec_of("led", {"led0"}), 5312, 1600},
                    Budget{"display", spec_of("display", {"lcd"}), 5120, 1344},
                    Budget{"sensor", spec_of("sensor", {"light"}), 5888, 1920},
                    Budget{"random", spec_of("random", {}), 5696, 1920},
                    Budget{"small_button", small("button", "button0", 1, 192), 4480, 512},
                    Budget{"small_led", small("led", "led0", 1, 144), 4608, 512},
                    Budget{"small_led_of_two", small("led", "led0", 2, 144), 4608, 592}),
    [](const auto& test) { return test.param.name; });

/// What an owner and a node can ask of any module.
void give_all_that_is_not_for_it(Driven& driver) {
    for (const wire::ControlType type : {wire::ControlType::seed, wire::ControlType::audit}) {
        driver.order(type);
    }
    for (std::uint8_t kind = 0; kind <= wire::kind_max + 1; ++kind) {
        Octets frame(wire::header_bytes + 24);
        wire::write_header({.kind = static_cast<Kind>(kind), .length = 24}, frame);
        (void)driver.node.give(Driven::entry, frame);
    }
    driver.order(wire::ControlType::remove_connection);
    driver.order(wire::ControlType::disable);
}

/// How many keys a connection has room for, and what stack that takes.
struct Stacks {
    unsigned keys;
    unsigned button;
    unsigned led;
};

class SmallDriverStack : public testing::TestWithParam<Stacks> {};
INSTANTIATE_TEST_SUITE_P(Keys,
                         SmallDriverStack,
                         testing::Values(Stacks{1, 192, 144}, Stacks{2, 208, 160}));

// A stack that runs over is a violation.
TEST_P(SmallDriverStack, OfAButtonIsEnough) {
    Driven driver(built(small("button", "button0", 1, GetParam().button, GetParam().keys)));
    driver.listen("pressed");
    driver.turn("pressed", GetParam().keys > 1);
    for (int i = 0; i != 2; ++i) {
        driver.press("button0");
        EXPECT_THAT(driver.look(), testing::ElementsAre(Octets{1}));
    }
    give_all_that_is_not_for_it(driver);
    driver.press("button0");
    (void)driver.look();
    EXPECT_TRUE(driver.node.witness.violations.empty());
    EXPECT_GE(driver.stack_left(), 8U);
}

TEST_P(SmallDriverStack, OfAPolledButtonIsEnough) {
    Driven driver(built(small("button-polled", "button0", 1, GetParam().button, GetParam().keys)));
    driver.listen("pressed");
    driver.turn("pressed", GetParam().keys > 1);
    for (int i = 0; i != 2; ++i) {
        driver.press("button0");
        EXPECT_THAT(driver.call("poll"), testing::ElementsAre(Octets{1}));
    }
    give_all_that_is_not_for_it(driver);
    EXPECT_TRUE(driver.node.witness.violations.empty());
    EXPECT_GE(driver.stack_left(), 4U);
}

TEST_P(SmallDriverStack, OfAnLedIsEnough) {
    Driven driver(built(small("led", "led0", 2, GetParam().led, GetParam().keys)));
    driver.connect("set");
    driver.connect("read_state");
    driver.turn("set", GetParam().keys > 1);
    driver.send("set", {1});
    EXPECT_EQ(driver.answer("read_state", {}), Octets{1});
    give_all_that_is_not_for_it(driver);
    EXPECT_EQ(driver.node.shown("led0"), "on");
    EXPECT_TRUE(driver.node.witness.violations.empty());
    EXPECT_GE(driver.stack_left(), 8U);
}

TEST(SmallDriver, WhoseStackIsTooSmallEndsAsAViolation) {
    const Built driver = built(small("button", "button0", 1, 96));
    SancusNode node;
    ASSERT_NE(node.load(driver.image, first_place), 0);
    const std::uint16_t below = first_place.data - 2;
    const std::uint16_t before = node.word(below);
    EXPECT_TRUE(node.give(first_place.text, Owner().hello()).empty());
    ASSERT_EQ(node.witness.violations.size(), 1U);
    EXPECT_EQ(node.word(below), before);
}

TEST(SmallDriver, RefusesWhatIsLargerThanItsBodies) {
    Driven driver(built(small("led", "led0", 1, 144)));
    driver.connect("set");
    const auto frames = driver.node.give(Driven::entry, driver.event("set", Octets(200, 1)));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].header.kind, Kind::refusal);
    EXPECT_EQ(driver.node.shown("led0"), "off");
}

TEST(SmallDriver, OfWhichTooMuchIsAskedIsRefusedWithWhatToDo) {
    auto spec = small("led", "led0", tee::sancus::connections_max + 1, 144);
    const auto connected = build(spec);
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().code, "too-many-connections");
    EXPECT_NE(connected.error().fix, "");
    spec = small("led", "led0", 1, 144);
    spec.max_image_bytes = 1000;
    const auto large = build(spec);
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().code, "image-too-large");
    EXPECT_THAT(large.error().fix, testing::HasSubstr("max: { image:"));
}

TEST(ShippedDrivers, AreFilesAndEachFileIsOne) {
    std::vector<std::string> files;
    for (const auto& entry :
         std::filesystem::directory_iterator(AUTHEX_SOURCE_DIR "/sdk/drivers")) {
        files.push_back(entry.path().stem());
    }
    EXPECT_THAT(files, testing::UnorderedElementsAreArray(tee::sancus::driver_names()));
}

} // namespace
} // namespace authex::test
