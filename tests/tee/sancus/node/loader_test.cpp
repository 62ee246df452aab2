// Modules on the emulated board, started, spoken to, found again and removed as a manager does it.
#include "tee/sancus/loader.hpp"

#include <csignal>
#include <fstream>

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "../firmware/test_module.hpp"
#include "module_frames.hpp"
#include "running_board.hpp"

namespace authex::tee::sancus {
namespace {

namespace fs = std::filesystem;
void call(ModuleLink& link, std::uint64_t number, const ByteString& body) {
    send(link, {.kind = wire::Kind::call, .channel = 2, .counter = number}, body);
}

class LoaderTest : public testing::Test {
  protected:
    void open_loader() {
        auto opened = SancusLoader::open({.board = running->options(), .simulated = true});
        ASSERT_TRUE(opened) << to_text(opened.error());
        loader = std::move(*opened);
    }
    void SetUp() override {
        running = std::make_unique<RunningBoard>();
        image = serialize(module);
        open_loader();
    }
    ModuleSpec prepare(const std::string& name, const ByteString& file) {
        fs::create_directories(folder.path() / name);
        std::ofstream(folder.path() / name / "image", std::ios::binary)
            .write(reinterpret_cast<const char*>(file.data()), static_cast<long>(file.size()));
        ModuleSpec spec{.name = name, .deployment = 7};
        EVP_Digest(
            file.data(), file.size(), spec.image_sha256.data(), nullptr, EVP_sha256(), nullptr);
        return spec;
    }
    std::unique_ptr<ModuleLink> start(const std::string& name) {
        auto link = loader->start(prepare(name, image), folder.path() / name);
        EXPECT_TRUE(link) << to_text(link.error());
        return link ? std::move(*link) : nullptr;
    }
    std::string start_error(const std::string& name, const ByteString& file) {
        const auto link = loader->start(prepare(name, file), folder.path() / name);
        EXPECT_FALSE(link);
        EXPECT_TRUE(link || !link.error().fix.empty()) << to_text(link.error());
        return link ? "" : link.error().code;
    }
    std::string log_of(const std::string& name) {
        std::ifstream file(folder.path() / name / "log");
        return {std::istreambuf_iterator<char>(file), {}};
    }
    link::SlotState state(std::size_t slot) {
        const auto status = loader->board().order(link::Code::status, {}, long_time);
        EXPECT_TRUE(status);
        return status ? static_cast<link::SlotState>(status->byte(4 + 5 * slot))
                      : link::SlotState{};
    }
    static void expect_echo(ModuleLink& link, std::uint64_t number) {
        call(link, number, {static_cast<std::uint8_t>(number & 0x7FU), 1});
        const auto answer = receive(link);
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->header.counter, number);
        EXPECT_EQ(answer->header.deployment, 7) << "what the manager knows of the slot";
    }

    test::TemporaryFolder folder;
    SancusImage module = test_module();
    ByteString image;
    std::unique_ptr<RunningBoard> running;
    std::unique_ptr<SancusLoader> loader;
};

TEST_F(LoaderTest, SaysWhatItsNodesAre) {
    const TeeInfo info = loader->info();
    EXPECT_EQ(info.name, "sancus");
    EXPECT_TRUE(info.simulated);
    EXPECT_FALSE(info.replayable);
    EXPECT_EQ(info.max_body_bytes, 256U);
    const auto evidence = loader->evidence({}, {});
    ASSERT_TRUE(evidence);
    EXPECT_TRUE(evidence->empty());
}

TEST_F(LoaderTest, StartsAModuleAndCarriesItsFrames) {
    const auto link = start("one");
    ASSERT_NE(link, nullptr);
    for (std::uint64_t number = 0; number != 20; ++number) {
        expect_echo(*link, number);
    }
    EXPECT_FALSE(link->exit());
    EXPECT_EQ(dynamic_cast<SancusLink&>(*link).placement().size(), placement_bytes);
}

TEST_F(LoaderTest, ManyFramesAtOnceComeBackInOrderFromEachModule) {
    const auto one = start("one");
    const auto two = start("two");
    ASSERT_TRUE(one && two);
    for (std::uint64_t number = 0; number != 100; ++number) {
        call(*one, number, ByteString(number, 1));
        call(*two, 1000 + number, ByteString(number % 7, 2));
    }
    for (std::uint64_t number = 0; number != 100; ++number) {
        EXPECT_EQ(receive(*one)->header.counter, number);
        EXPECT_EQ(receive(*two)->header.counter, 1000 + number);
    }
}

TEST_F(LoaderTest, AFrameThatIsTooLargeIsRefusedInTheModulesPlace) {
    const auto link = start("one");
    ASSERT_NE(link, nullptr);
    send(*link, {.kind = wire::Kind::call, .channel = 5, .counter = 9}, ByteString(300, 1));
    const auto answer = receive(*link);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->header.kind, wire::Kind::refusal);
    EXPECT_EQ(answer->header.channel, 5);
    EXPECT_EQ(answer->header.counter, 9U);
    EXPECT_EQ(answer->body,
              (ByteString{static_cast<std::uint8_t>(wire::Kind::call),
                          static_cast<std::uint8_t>(Error::too_large)}));
    expect_echo(*link, 1);
}

TEST_F(LoaderTest, AKilledModuleEndsAndItsPlaceIsFreeAtOnce) {
    for (int i = 0; i != 12; ++i) {
        const auto link = start("one");
        ASSERT_NE(link, nullptr) << i;
        expect_echo(*link, 1);
        EXPECT_FALSE(readable(link->exit_fd(), milliseconds(0)));
        link->kill();
        ASSERT_TRUE(readable(link->exit_fd(), long_time));
        ASSERT_TRUE(link->exit());
        EXPECT_TRUE(link->exit()->signalled);
        EXPECT_EQ(link->exit()->code, SIGKILL);
    }
}

TEST_F(LoaderTest, AModuleThatBreaksTheRulesEndsAndItsLogSaysWhy) {
    const auto link = start("one");
    const auto other = start("two");
    ASSERT_TRUE(link && other);
    call(*link, 1, {wish::violate});
    ASSERT_TRUE(readable(link->exit_fd(), long_time));
    EXPECT_EQ(link->exit()->code, SIGSEGV);
    EXPECT_NE(log_of("one").find("rules of the hardware"), std::string::npos) << log_of("one");
    EXPECT_TRUE(test::eventually([&] { return state(0) == link::SlotState::free; }, long_time));
    link->kill();
    expect_echo(*other, 5);
}

TEST_F(LoaderTest, AResetOfTheBoardEndsAllModules) {
    const auto one = start("one");
    const auto two = start("two");
    ASSERT_TRUE(one && two);
    running->control("reset");
    for (ModuleLink* link : {one.get(), two.get()}) {
        ASSERT_TRUE(readable(link->exit_fd(), long_time));
        EXPECT_EQ(link->exit()->code, SIGHUP);
        link->kill();
    }
    EXPECT_NE(log_of("one").find("was reset"), std::string::npos);
    const auto again = start("one");
    ASSERT_NE(again, nullptr);
    expect_echo(*again, 1);
}

TEST_F(LoaderTest, AManagerThatStartsAgainFindsItsModules) {
    auto link = start("one");
    ASSERT_NE(link, nullptr);
    expect_echo(*link, 1);
    // Answers that the earlier manager has not looked at are not lost with it.
    call(*link, 2, {1});
    ASSERT_TRUE(test::eventually([&] { return !link->readable()->empty(); }, long_time));
    link.reset();
    loader.reset();
    open_loader();
    const ModuleSpec spec = prepare("one", image);
    const auto adopted = loader->adopt(spec, folder.path() / "one");
    ASSERT_TRUE(adopted) << to_text(adopted.error());
    EXPECT_EQ(receive(**adopted)->header.counter, 2U);
    expect_echo(**adopted, 3);
    EXPECT_EQ(dynamic_cast<SancusLink&>(**adopted).placement().size(), placement_bytes);
    (*adopted)->kill();
    EXPECT_TRUE(test::eventually([&] { return state(0) == link::SlotState::free; }, long_time));
}

TEST_F(LoaderTest, WhatIsNotThereAnyMoreIsNotAdopted) {
    ASSERT_NE(start("one"), nullptr);
    const ModuleSpec spec = prepare("one", image);
    ModuleSpec other = spec;
    other.image_sha256[0] ^= 1U;
    loader.reset();
    open_loader();
    EXPECT_EQ(loader->adopt(other, folder.path() / "one").error().code, "image-mismatch");
    EXPECT_EQ(loader->adopt(spec, folder.path() / "nowhere").error().code, "not-running");
    loader.reset();
    running->control("reset");
    open_loader();
    EXPECT_EQ(loader->adopt(spec, folder.path() / "one").error().code, "not-running");
    folder.write("one/board", "garbage");
    EXPECT_EQ(loader->adopt(spec, folder.path() / "one").error().code, "not-running");
}

TEST_F(LoaderTest, ModulesOfAForgottenManagerMakeRoomForNewOnes) {
    for (const char* name : {"one", "two", "three", "four"}) {
        ASSERT_NE(start(name), nullptr);
    }
    EXPECT_EQ(start_error("five", image), "board-full") << "all of them are somebody's";
    loader.reset();
    open_loader();
    const ModuleSpec spec = prepare("two", image);
    const auto kept = loader->adopt(spec, folder.path() / "two");
    ASSERT_TRUE(kept);
    const auto link = start("new");
    ASSERT_NE(link, nullptr);
    expect_echo(*link, 1);
    expect_echo(**kept, 2);
}

TEST_F(LoaderTest, RefusesImagesThatCannotBeLoaded) {
    SancusImage large = module;
    large.data_bytes = 16'000;
    EXPECT_EQ(start_error("large", serialize(large)), "board-full");
    EXPECT_EQ(start_error("cut", ByteString(image.begin(), image.end() - 3)), "image-malformed");
    EXPECT_EQ(start_error("empty", {}), "image-malformed");
    ModuleSpec other = prepare("one", image);
    other.image_sha256[5] ^= 1U;
    EXPECT_EQ(loader->start(other, folder.path() / "one").error().code, "image-mismatch");
    const auto nothing = loader->start(other, folder.path() / "nothing");
    EXPECT_EQ(nothing.error().code, "image-unreadable");
    EXPECT_NE(nothing.error().fix, "");
    SancusImage foreign = module;
    foreign.vector = 7;
    EXPECT_EQ(start_error("vector", serialize(foreign)), "board-refused");
    const auto link = start("good");
    ASSERT_NE(link, nullptr);
    expect_echo(*link, 1);
    EXPECT_EQ(state(1), link::SlotState::free) << "what was refused left nothing behind";
}

TEST_F(LoaderTest, ABoardThatIsGoneIsSaidSoAndRemovalDoesNotWait) {
    const auto link = start("one");
    ASSERT_NE(link, nullptr);
    running->control("pause");
    const auto begin = std::chrono::steady_clock::now();
    link->kill();
    EXPECT_TRUE(readable(link->exit_fd(), milliseconds(0)));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
    EXPECT_TRUE(test::eventually([&] { return loader->trouble().has_value(); }, long_time));
    EXPECT_EQ(loader->trouble()->code, "board-silent");
    running->control("continue");
    EXPECT_TRUE(test::eventually([&] { return !loader->trouble(); }, long_time));
}

} // namespace
} // namespace authex::tee::sancus
