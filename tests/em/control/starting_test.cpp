// A TEE that takes its time to start a module: all else is answered meanwhile.
#include <future>

#include "server_fixture.hpp"
#include "support/process.hpp"

namespace authex::em {
namespace {

using test::Client;
using test::eventually;

const std::string started_image(3000, 'i');

class StartingTest : public test::ServerTest {
  protected:
    void SetUp() override {
        open();
        client = std::make_unique<Client>(server->address());
        ASSERT_EQ(client->hello(), "ok");
        ASSERT_EQ(client->load("other", started_image).code(), "ok");
        loader.hold("slow");
        load = std::async(std::launch::async, [this] {
            Client loading(server->address());
            (void)loading.hello();
            return loading.load("slow", started_image).code();
        });
        ASSERT_TRUE(eventually([this] { return loader.is_starting(); }));
    }
    void TearDown() override { loader.let_go(); }

    std::unique_ptr<Client> client;
    std::future<std::string> load; ///< its code
};

TEST_F(StartingTest, OthersAreCalledAndShownMeanwhile) {
    EXPECT_EQ(client->module("slow").state(), v1::ModuleStatus::STARTING);
    EXPECT_EQ(client->enter("other", test::fake_echo, "hello"), "ok");
    EXPECT_EQ(client->stop("other"), "ok");
    EXPECT_EQ(client->enter("slow", test::fake_echo, "hello"), "module-not-running");
    loader.let_go();
    EXPECT_EQ(load.get(), "ok");
    EXPECT_EQ(client->module("slow").state(), v1::ModuleStatus::RUNNING);
    EXPECT_EQ(client->enter("slow", test::fake_echo, "hello"), "ok");
}

TEST_F(StartingTest, TheNextModuleIsStartedAfterIt) {
    auto next = std::async(std::launch::async, [this] {
        Client loading(server->address());
        (void)loading.hello();
        return loading.load("next", started_image).code();
    });
    EXPECT_TRUE(eventually(
        [this] { return client->module("next").state() == v1::ModuleStatus::STARTING; }));
    EXPECT_EQ(loader.starts("next"), 0);
    loader.let_go();
    EXPECT_EQ(load.get(), "ok");
    EXPECT_EQ(next.get(), "ok");
}

TEST_F(StartingTest, WhoIsStoppedMeanwhileIsEndedOnceItHasStarted) {
    EXPECT_EQ(client->stop("slow"), "ok");
    EXPECT_EQ(client->module("slow").state(), v1::ModuleStatus::STOPPED);
    loader.let_go();
    EXPECT_EQ(load.get(), "module-ended");
    EXPECT_TRUE(loader.process("slow")->exit());
    EXPECT_EQ(client->module("slow").state(), v1::ModuleStatus::STOPPED);
    EXPECT_EQ(client->start("slow"), "ok");
    EXPECT_EQ(client->enter("slow", test::fake_echo, "hello"), "ok");
}

TEST_F(StartingTest, WhoIsRemovedMeanwhileIsNotThereAfterwards) {
    EXPECT_EQ(client->remove("slow"), "ok");
    loader.let_go();
    EXPECT_NE(load.get(), "ok");
    EXPECT_EQ(client->look().modules_size(), 1);
    EXPECT_EQ(client->load("slow", started_image).code(), "ok");
    EXPECT_EQ(client->enter("slow", test::fake_echo, "hello"), "ok");
}

TEST_F(StartingTest, AManagerThatEndsMeanwhileLeavesItToTheNextOne) {
    auto closing = std::async(std::launch::async, [this] { server.reset(); });
    loader.let_go();
    closing.get();
    (void)load.get();
    client.reset();
    open();
    Client again(server->address());
    ASSERT_EQ(again.hello(), "ok");
    EXPECT_TRUE(
        eventually([&] { return again.module("slow").state() == v1::ModuleStatus::RUNNING; }));
}

class TroubleTest : public test::ServerTest {};

TEST_F(TroubleTest, WhatTheTeeMissesIsSaidByStatusAndByEachOrder) {
    open();
    Client client(server->address());
    ASSERT_EQ(client.hello(), "ok");
    ASSERT_EQ(client.load("a", started_image).code(), "ok");
    loader.set_trouble(make_error("serial", "the line broke", "is it plugged in?"));
    EXPECT_EQ(client.module("a").state(), v1::ModuleStatus::RUNNING);
    EXPECT_EQ(client.module("a").failure(), "the line broke");
    EXPECT_EQ(client.enter("a", test::fake_echo, "hello"), "serial");
    loader.set_trouble(std::nullopt);
    EXPECT_EQ(client.module("a").failure(), "");
    EXPECT_EQ(client.enter("a", test::fake_echo, "hello"), "ok");
}

} // namespace
} // namespace authex::em
