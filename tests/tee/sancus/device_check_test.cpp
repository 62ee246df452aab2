#include "tee/sancus/device_check.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "descriptor/parse.hpp"
#include "tee/sancus/devices.hpp"

namespace authex::tee::sancus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A descriptor with these modules, the first of them in line 6.
descriptor::ParseResult parsed(const std::string& modules) {
    const std::string text = R"(application: a
nodes:
  field: { tee: sancus, address: 127.0.0.1:1, vendor: { id: 1, key-file: k } }
  other: { tee: sancus, address: 127.0.0.1:2, vendor: { id: 1, key-file: k } }
  cloud: { tee: native, address: 127.0.0.1:3 }
modules:
)" + modules + "connections: [{ name: c, direct: true, to: m.in }]\nsimulation: allowed\n";
    return descriptor::parse(text, "app.yaml", check_devices);
}

/// Errors as `line:column code`.
std::vector<std::string> errors_of(const std::string& modules) {
    std::vector<std::string> found;
    for (const Diagnostic& diagnostic : parsed(modules).diagnostics) {
        if (diagnostic.severity == Severity::error) {
            found.push_back(fmt::format(
                "{}:{} {}", diagnostic.where.line, diagnostic.where.column, diagnostic.code));
        }
    }
    return found;
}

TEST(DeviceCheck, TakesOneOwnerForEachBlockOfEachNode) {
    EXPECT_THAT(errors_of("  m: { node: field, driver: button, devices: [button0, button1] }\n"
                          "  n: { node: field, driver: led, devices: [led0] }\n"
                          "  o: { node: other, sources: [o.cpp], devices: [led1] }\n"
                          "  p: { node: field, driver: random }\n"),
                IsEmpty());
}

TEST(DeviceCheck, RefusesTwoModulesThatOwnOneBlockAndSaysWhereBothStand) {
    const std::string modules = "  m: { node: field, driver: led, devices: [led0] }\n"
                                "  n: { node: field, sources: [n.cpp], devices: [led1] }\n";
    EXPECT_THAT(errors_of(modules), ElementsAre("8:49 device-conflict"));
    const auto result = parsed(modules);
    EXPECT_FALSE(result.descriptor);
    const std::string text = to_text(result.diagnostics.back());
    EXPECT_THAT(text, HasSubstr("app.yaml:8:49: error: «led1» and «led0»"));
    EXPECT_THAT(text, HasSubstr("module «m» owns (app.yaml:7:44)"));
    EXPECT_THAT(text, HasSubstr("devices: [led0, led1]"));
}

TEST(DeviceCheck, SaysOfOneDeviceTwiceWhereBothStand) {
    const std::string modules = "  m: { node: field, driver: led, devices: [led0] }\n"
                                "  n: { node: field, driver: led, devices: [led0] }\n";
    EXPECT_THAT(errors_of(modules), ElementsAre("8:44 duplicate-device"));
    EXPECT_THAT(to_text(parsed(modules).diagnostics.back()), HasSubstr("app.yaml:7:44"));
}

TEST(DeviceCheck, RefusesOneModuleWithTwoBlocks) {
    EXPECT_THAT(errors_of("  m: { node: field, sources: [m.cpp], devices: [led0, button0] }\n"),
                ElementsAre("7:55 device-conflict"));
}

TEST(DeviceCheck, RefusesADeviceThatNoBoardHasAndSuggestsOne) {
    const std::string modules = "  m: { node: field, driver: led, devices: [ledd0] }\n";
    EXPECT_THAT(errors_of(modules), ElementsAre("7:44 unknown-device"));
    EXPECT_THAT(parsed(modules).diagnostics.back().fix, HasSubstr("led0"));
}

TEST(DeviceCheck, RefusesADriverThatDoesNotOwnItsDevice) {
    EXPECT_THAT(errors_of("  m: { node: field, driver: led }\n"),
                ElementsAre("7:29 driver-without-device"));
    EXPECT_THAT(errors_of("  m: { node: field, driver: led, devices: [button0] }\n"),
                ElementsAre("7:44 wrong-driver"));
    EXPECT_THAT(errors_of("  m: { node: field, driver: random, devices: [led0] }\n"),
                ElementsAre("7:47 wrong-driver"));
    EXPECT_THAT(errors_of("  m: { node: cloud, driver: led, devices: [led0] }\n"),
                ElementsAre("7:29 driver-without-sancus"));
}

TEST(DeviceCheck, RefusesADriverThatDoesNotExist) {
    const std::string modules = "  m: { node: field, driver: buton, devices: [button0] }\n";
    EXPECT_THAT(errors_of(modules), ElementsAre("7:29 unknown-driver"));
    EXPECT_THAT(parsed(modules).diagnostics.back().fix, HasSubstr("button"));
}

TEST(DeviceCheck, RefusesADriverBesideSources) {
    EXPECT_THAT(errors_of("  m: { node: field, driver: led, sources: [m.cpp], devices: [led0] }\n"),
                ElementsAre("7:43 conflicting-keys"));
}

TEST(DeviceCheck, ReportsAllAtOnce) {
    EXPECT_THAT(errors_of("  m: { node: field, driver: led, devices: [led0] }\n"
                          "  n: { node: field, driver: led, devices: [led1] }\n"
                          "  o: { node: nowhere, driver: led, devices: [led1] }\n"
                          "  p: { node: other, driver: lcd, devices: [lcd] }\n"),
                ElementsAre("8:44 device-conflict", "9:14 unknown-node", "10:29 unknown-driver"));
}

TEST(Devices, AreBlocksOfRegistersThatOneModuleCanOwn) {
    ASSERT_NE(find_device("led0"), nullptr);
    EXPECT_EQ(&find_device("led0")->block, &find_device("led3")->block);
    EXPECT_NE(&find_device("led0")->block, &find_device("button0")->block);
    EXPECT_EQ(find_device("led"), nullptr);
    for (const std::string& name : device_names()) {
        const DeviceBlock& block = find_device(name)->block;
        EXPECT_LT(block.begin, block.end);
        EXPECT_EQ(block.begin % 2 + block.end % 2, 0);
    }
}

} // namespace
} // namespace authex::tee::sancus
