// Modules that the builder made, on the event manager's firmware, behind a loader.
#include <fstream>

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "module_frames.hpp"
#include "running_board.hpp"
#include "tee/sancus/builder.hpp"
#include "tee/sancus/loader.hpp"

namespace authex::tee::sancus {
namespace {

namespace fs = std::filesystem;

constexpr const char* counter_source = R"(
#include <authex/module.hpp>
AUTHEX_STATE static std::uint16_t taken = 7;
AUTHEX_ENTRY(count, call) { taken = static_cast<std::uint16_t>(taken + call.data.size()); call.result.u16(taken); }
)";

constexpr const char* button_source = R"(
#include <authex/device.hpp>
AUTHEX_OUTPUT(pressed);
AUTHEX_INTERRUPT(device, interrupt) {
    if ((interrupt.flags() & 1) != 0) {
        pressed();
    }
}
AUTHEX_ENTRY(nothing, call) { call.result.u8(1); }
)";

class ModulesTest : public testing::Test {
  protected:
    std::unique_ptr<ModuleLink> start(const std::string& name,
                                      const std::string& source,
                                      std::vector<std::string> devices = {}) {
        folder.write(name + ".cpp", source);
        const auto builder =
            make_builder({.home = AUTHEX_SOURCE_DIR,
                          .cache = std::filesystem::path(AUTHEX_BINARY_DIR) / "test-cache"});
        const auto image = builder->build({.module = name,
                                           .sources = {name + ".cpp"},
                                           .root = folder.path(),
                                           .owner_key = {1},
                                           .devices = std::move(devices),
                                           .vendor_id = 0x1234});
        EXPECT_TRUE(image) << to_text(image.error());
        const fs::path directory = folder.path() / name;
        fs::create_directories(directory);
        fs::copy_file(image->path, directory / "image");
        std::ifstream file(image->path, std::ios::binary);
        const std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
        ModuleSpec spec{.name = name, .deployment = 5};
        EVP_Digest(
            bytes.data(), bytes.size(), spec.image_sha256.data(), nullptr, EVP_sha256(), nullptr);
        auto link = loader->start(spec, directory);
        EXPECT_TRUE(link) << to_text(link.error());
        return link ? std::move(*link) : nullptr;
    }
    void SetUp() override {
        auto opened = SancusLoader::open({.board = running.options(), .simulated = true});
        ASSERT_TRUE(opened) << to_text(opened.error());
        loader = std::move(*opened);
    }
    static void expect_hello(ModuleLink& link) {
        send(link, {.kind = wire::Kind::hello}, {});
        const auto answer = receive(link);
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->header.kind, wire::Kind::hello);
        ASSERT_GE(answer->body.size(), 2U);
        EXPECT_EQ(answer->body[0], wire::protocol_version);
    }

    test::TemporaryFolder folder;
    RunningBoard running;
    std::unique_ptr<SancusLoader> loader;
};

TEST_F(ModulesTest, SayHelloAndAnswerCalls) {
    const auto link = start("counter", counter_source);
    ASSERT_NE(link, nullptr);
    expect_hello(*link);
    std::uint16_t sum = 7;
    for (std::uint64_t number = 1; number <= 20; ++number) {
        const std::size_t bytes = number * 12;
        send(*link, {.kind = wire::Kind::call, .counter = number}, ByteString(bytes, 3));
        const auto result = receive(*link);
        ASSERT_TRUE(result);
        EXPECT_EQ(result->header.kind, wire::Kind::result);
        EXPECT_EQ(result->header.counter, number);
        sum = static_cast<std::uint16_t>(sum + bytes);
        EXPECT_EQ(
            result->body,
            (ByteString{static_cast<std::uint8_t>(sum), static_cast<std::uint8_t>(sum >> 8U)}));
    }
}

// The emulator does not wait for the board's timer: its seconds are as long as they take.
TEST_F(ModulesTest, EntriesAreCalledByTheBoardsOwnClock) {
    const auto link = start("counter", R"(
#include <authex/module.hpp>
AUTHEX_STATE static std::uint16_t ticks = 0;
AUTHEX_ENTRY(tick, call) { ++ticks; call.result.u16(ticks); }
AUTHEX_ENTRY(count, call) { call.result.u16(ticks); }
)");
    ASSERT_NE(link, nullptr);
    expect_hello(*link);
    std::uint64_t number = 0;
    const auto ticks = [&] {
        send(*link, {.kind = wire::Kind::call, .channel = 1, .counter = ++number}, {});
        const auto result = receive(*link);
        EXPECT_TRUE(result && result->header.counter == number && result->body.size() == 2)
            << "what the clock's calls result in is nobody's";
        return result ? result->body.at(0) + result->body.at(1) * 256 : 0;
    };
    EXPECT_EQ(ticks(), 0);
    const auto clock = link->own_clock();
    ASSERT_TRUE(clock);
    EXPECT_EQ(clock->period_us_min, 10'000U);
    link->set_periodic({{.name = "fast", .entry = 0, .every_us = 20'000},
                        {.name = "slow", .entry = 0, .every_us = 1'000'000}});
    EXPECT_TRUE(test::eventually([&] { return link->periodic_counts("slow").fired >= 2; }));
    EXPECT_GT(link->periodic_counts("fast").fired, 50U);
    EXPECT_EQ(link->periodic_counts("another").fired, 0U);
    EXPECT_GT(ticks(), 50);
    // Once the other is called, they have ended, and it counts no ticks.
    link->set_periodic({{.name = "other", .entry = 1, .every_us = 100'000}});
    EXPECT_TRUE(test::eventually([&] { return link->periodic_counts("other").fired >= 1; }));
    const int before = ticks();
    const std::uint64_t until = link->periodic_counts("other").fired + 5;
    EXPECT_TRUE(test::eventually([&] { return link->periodic_counts("other").fired >= until; }));
    EXPECT_EQ(ticks(), before);
    EXPECT_EQ(link->periodic_counts("fast").fired, 0U);
}

TEST_F(ModulesTest, DriversAndTheirGatesComeAndGoTogether) {
    for (int i = 0; i != 3; ++i) {
        fs::remove_all(folder.path() / "button");
        const auto other = i == 0 ? start("counter", counter_source) : nullptr;
        const auto link = start("button", button_source, {"button0"});
        ASSERT_NE(link, nullptr);
        expect_hello(*link);
        running.control("press", "button0");
        running.control("release", "button0");
        send(*link, {.kind = wire::Kind::call, .channel = 1, .counter = 1}, {});
        EXPECT_TRUE(receive(*link));
        EXPECT_FALSE(link->exit());
        link->kill();
    }
    const auto status = loader->board().order(link::Code::status, {}, long_time);
    ASSERT_TRUE(status) << to_text(status.error()) << running.process().err();
    for (std::size_t slot = 1; slot != link::slots_max; ++slot) {
        EXPECT_EQ(status->byte(4 + 5 * slot), 0) << "slot " << slot << " is free";
    }
}

} // namespace
} // namespace authex::tee::sancus
