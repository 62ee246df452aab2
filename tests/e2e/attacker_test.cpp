// Everything between two modules is hostile: the network, clients, whoever knocks at a port.
#include <random>
#include <unistd.h>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include "support/hostile_proxy.hpp"
#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

/// A manager for each node, and a proxy on the way to each.
class HostileNetwork {
  public:
    HostileNetwork(World& world, const std::vector<std::string>& nodes) {
        for (const std::string& node : nodes) {
            proxies_.push_back(std::make_unique<HostileProxy>(world.events_port(node), 7));
            world.set_events(node, proxies_.back()->address());
        }
    }
    void set_harm(const Harm& harm) {
        for (const auto& proxy : proxies_) {
            proxy->set_harm(harm);
        }
    }
    [[nodiscard]] std::uint64_t connections() const {
        std::uint64_t sum = 0;
        for (const auto& proxy : proxies_) {
            sum += proxy->connections();
        }
        return sum;
    }

  private:
    std::vector<std::unique_ptr<HostileProxy>> proxies_;
};

TEST(Attacker, OnTheNetworkCannotMakeAGameOfPingPongWrong) {
    World world("ping-pong");
    world.start_managers();
    HostileNetwork network(world, {"left", "right"});
    world.must({"up"});
    network.set_harm({.delay = 5, .drop = 1, .duplicate = 2, .reorder = 2, .corrupt = 1, .cut = 1});
    world.must({"output", "start", "--hex", "f4010000 4000"}); // 500 balls of 64 bytes
    ASSERT_TRUE(eventually([&] { return network.connections() > 3; })) << "it does harm";
    (void)eventually([&] { return world.request_u32("score") == 500; }, std::chrono::seconds(10));
    network.set_harm({});
    EXPECT_TRUE(
        eventually([&] { return world.request_u32("score") == 500; }, std::chrono::seconds(30)))
        << world.request_u32("score");
    const auto connection = world.connection("ping.ping->pong.ping");
    EXPECT_EQ(connection.at("sent"), 500);
    EXPECT_EQ(connection.at("accepted"), 500);
}

TEST(Attacker, OnTheNetworkNeitherLosesNorDoublesOneWayEvents) {
    World world("button-led");
    world.start_managers();
    HostileNetwork network(world, {"field", "cloud"});
    world.must({"up"});
    network.set_harm(
        {.delay = 10, .drop = 5, .duplicate = 10, .reorder = 10, .corrupt = 5, .cut = 3});
    for (int i = 0; i < 31; ++i) {
        world.must({"output", "trigger-btn"});
    }
    network.set_harm({});
    EXPECT_TRUE(eventually([&] { return world.request_u32("get-presses") == 31; }))
        << world.request_u32("get-presses");
    EXPECT_TRUE(eventually(
        [&] { return world.connection("controller.set_led->led.set").at("accepted") == 31; }));
    // An odd number of presses: the light is on, if none was taken twice or out of order.
    EXPECT_EQ(world.authex({"request", "get-led"}).out, "01  = 1\n");
}

int connect_to(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
}

TEST(Attacker, WhoSendsGarbageToAnyPortHarmsNobody) {
    World world("button-led");
    world.start_managers();
    world.must({"up"});
    std::mt19937 random(42);
    std::vector<int> open;
    for (const std::uint16_t port : {world.events_port("field"),
                                     world.events_port("cloud"),
                                     world.control_port("field"),
                                     world.control_port("cloud")}) {
        for (std::size_t size : {0U, 1U, 19U, 20U, 21U, 4096U, 70000U}) {
            std::vector<std::uint8_t> garbage(size);
            for (std::uint8_t& byte : garbage) {
                byte = static_cast<std::uint8_t>(random());
            }
            open.push_back(connect_to(port));
            (void)::send(open.back(), garbage.data(), garbage.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    }
    // While all of them stay open:
    for (int i = 0; i < 3; ++i) {
        world.must({"output", "trigger-btn"});
    }
    EXPECT_TRUE(eventually([&] { return world.request_u32("get-presses") == 3; }));
    for (const int fd : open) {
        ::close(fd);
    }
    EXPECT_TRUE(world.manager("field").running());
    EXPECT_TRUE(world.manager("cloud").running());
}

TEST(Attacker, WithoutACertificateCanDoNothingOnANodeWithTls) {
    World world("ping-pong");
    for (const char* node : {"left", "right"}) {
        world.must({"node", "bundle", node, "--out", "tls"});
    }
    const std::string tls = world.folder() / "tls";
    world.start_managers({"--tls", tls});

    // A deployer of its own, with keys of its own: none of this node's.
    const Result stranger = world.authex({"--state", "stranger", "--timeout", "3", "up"});
    EXPECT_EQ(stranger.status, 1) << stranger.out;
    EXPECT_EQ(world.module_process("ping"), 0);
    for (const char* command : {"status", "down", "reset"}) {
        const Result result = world.authex({"--state", "stranger", "--timeout", "3", command});
        EXPECT_EQ(result.out.find("running"), std::string::npos) << command << result.out;
    }

    world.replace("native.yaml", "  left: ", "  left: ");
    std::string text = world.read("native.yaml");
    for (std::size_t at = 0; (at = text.find("tee: native", at)) != std::string::npos; at += 40) {
        text.insert(at, "certificate: tls/ca.crt, ");
    }
    world.write("native.yaml", text);
    world.must({"up"});
    world.must({"output", "start", "--hex", "0a0000000100"});
    EXPECT_TRUE(eventually([&] { return world.request_u32("score") == 10; }));
}

} // namespace
} // namespace authex::test
