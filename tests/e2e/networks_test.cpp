// Nodes that vanish while they are spoken to, and networks that fail.
#include <csignal>
#include <unistd.h>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include "counted.hpp"
#include "support/hostile_proxy.hpp"
#include "support/namespaces.hpp"

namespace authex::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// Listens on loopback and takes connections, but never says anything.
class SilentServer {
  public:
    SilentServer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        (void)::bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
        (void)::listen(fd_, 16);
        (void)::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
        address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    }
    ~SilentServer() { ::close(fd_); }
    SilentServer(const SilentServer&) = delete;
    SilentServer& operator=(const SilentServer&) = delete;
    [[nodiscard]] const std::string& address() const { return address_; }

  private:
    int fd_;
    std::string address_;
};

TEST(ANode, ThatTakesConnectionsAndSaysNothingIsNamedAndTheOthersAreDeployed) {
    Counted world;
    world.start_managers();
    const SilentServer silent;
    const std::string true_address = "127.0.0.1:" + std::to_string(world.control_port("right"));
    world.replace("native.yaml", true_address, silent.address());
    const Result up = world.authex({"--timeout", "2", "up"});
    EXPECT_EQ(up.status, 1);
    EXPECT_THAT(up.err, AllOf(HasSubstr("node right"), HasSubstr(silent.address())));
    EXPECT_EQ(world.module("sink").at("state"), "running") << "on the other node";
    world.replace("native.yaml", silent.address(), true_address);
    world.must({"up"});
    world.begin({.events = 10, .batch = 10});
    EXPECT_TRUE(world.arrives(10));
}

// SIGSTOP: its sockets stay open, and nobody answers.
TEST(ANode, ThatStopsInTheMiddleOfUpIsNamedAndUpGoesOnLater) {
    Counted world;
    world.start_managers();
    world.must({"build"});
    for (const char* until : {"load", "attest", "connect"}) {
        const auto up = world.start_authex({"-v", "--timeout", "2", "up"});
        (void)eventually([&] {
            return !up->running() || (up->out() + up->err()).find(until) != std::string::npos;
        });
        world.manager("right").signal(SIGSTOP);
        const int status = up->wait();
        if (status != 0) {
            EXPECT_EQ(status, 1);
            EXPECT_THAT(up->err(), HasSubstr("right")) << until;
        }
        world.manager("right").signal(SIGCONT);
        world.must({"up"});
        world.begin({.events = 10, .batch = 10});
        EXPECT_TRUE(eventually([&] { return world.taken().events == 10; }));
        world.must({"down"});
    }
}

TEST(ANode, WhoseNetworkFreezesInTheMiddleOfUpIsNamedAndUpGoesOnLater) {
    Counted world;
    world.start_managers();
    world.must({"build"});
    HostileProxy proxy(world.control_port("right"), 1);
    world.replace(
        "native.yaml", "127.0.0.1:" + std::to_string(world.control_port("right")), proxy.address());
    const auto up = world.start_authex({"-v", "--timeout", "2", "up"});
    ASSERT_TRUE(eventually([&] { return proxy.connections() > 0; }));
    proxy.set_frozen(true);
    EXPECT_EQ(up->wait(), 1);
    EXPECT_THAT(up->err(), HasSubstr("right"));
    proxy.set_frozen(false);
    world.must({"up"});
    world.begin({.events = 10, .batch = 10});
    EXPECT_TRUE(world.arrives(10));
}

/// Each node on a machine of its own, as far as its network goes.
class TwoMachines : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string why;
        network_ = PrivateNetwork::make(why);
        if (network_ == nullptr) {
            GTEST_SKIP() << why;
        }
        const char* names[] = {"left", "right"};
        for (std::size_t i = 0; i < 2; ++i) {
            world_.run_manager_in(names[i], network_->on(i));
            world_.set_host(names[i], PrivateNetwork::addresses[i]);
        }
        std::vector<std::string> deployer = network_->on(0);
        world_.run_authex_in(deployer);
        world_.allow_plaintext();
        world_.start_managers({"--insecure"});
    }
    Counted world_;
    std::unique_ptr<PrivateNetwork> network_;
};

TEST_F(TwoMachines, ArePartitionedUnderLoadAndNothingIsLostWhenTheWireIsBack) {
    world_.must({"up"});
    constexpr std::uint32_t events = 50'000;
    world_.begin({.events = events, .bytes = 100, .batch = 16, .pause_us = 500});
    for (int i = 0; i < 3; ++i) {
        const std::uint32_t before = world_.taken().events;
        ASSERT_TRUE(eventually([&] { return world_.taken().events > before; }));
        ASSERT_TRUE(network_->set_wire(false));
        // The source goes on while nothing passes.
        const std::uint32_t sent = world_.sent();
        (void)eventually([&] { return world_.sent() > sent + 500; }, std::chrono::seconds(3));
        ASSERT_TRUE(network_->set_wire(true));
    }
    EXPECT_TRUE(world_.arrives(events));
}

TEST_F(TwoMachines, OfWhichOneDoesNotHearTheOtherForAWhileLoseNothing) {
    world_.must({"up"});
    constexpr std::uint32_t events = 20'000;
    world_.begin({.events = events, .bytes = 100, .batch = 16, .pause_us = 500});
    for (const std::size_t deaf : {0U, 1U}) {
        const std::uint32_t before = world_.taken().events;
        ASSERT_TRUE(eventually([&] { return world_.taken().events > before; }));
        ASSERT_TRUE(network_->set_hearing(deaf, false));
        const std::uint32_t sent = world_.sent(); // goes on on the left, where the deployer is
        (void)eventually([&] { return world_.sent() > sent + 500; }, std::chrono::seconds(3));
        ASSERT_TRUE(network_->set_hearing(deaf, true));
    }
    EXPECT_TRUE(world_.arrives(events));
}

TEST_F(TwoMachines, WithALossyAndSlowWireLoseNothing) {
    if (!network_->shape({"netem", "loss", "3%", "delay", "5ms", "3ms", "reorder", "5%"})) {
        GTEST_SKIP() << "the kernel has no netem; the hostile proxy of the other tests stands in";
    }
    world_.must({"up"});
    world_.begin({.events = 20'000, .bytes = 100, .batch = 16, .pause_us = 0});
    EXPECT_TRUE(world_.arrives(20'000));
}

TEST_F(TwoMachines, WithAThinWireAreHeldBackNotHarmed) {
    if (!network_->shape({"tbf", "rate", "4mbit", "burst", "16kb", "latency", "50ms"})) {
        GTEST_SKIP() << "the kernel shapes no traffic (tbf)";
    }
    world_.must({"up"});
    world_.begin({.events = 2000, .bytes = 500, .batch = 16, .pause_us = 0});
    EXPECT_TRUE(world_.arrives(2000));
}

} // namespace
} // namespace authex::test
