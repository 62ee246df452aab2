// What a node serves of itself.
#include <gmock/gmock.h>

#include "server_fixture.hpp"
#include "support/exposition.hpp"
#include "support/http_client.hpp"

namespace authex::em {
namespace {

using test::HttpClient;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class NodeMetrics : public test::ServerTest {};

TEST_F(NodeMetrics, AreWhatPrometheusReads) {
    options.metrics = "127.0.0.1:0";
    open();
    test::Client client(server->address(), grpc::InsecureChannelCredentials(), 1);
    ASSERT_EQ(client.hello(), "ok");
    ASSERT_EQ(client.load("a", std::string(100, 'x')).code(), "ok");
    const std::string answer =
        HttpClient(server->metrics_address()).get("GET /metrics HTTP/1.1\r\n\r\n");
    const test::Scrape scrape = test::read_exposition(answer.substr(answer.find("\r\n\r\n") + 4));
    EXPECT_EQ(scrape.problem, "");
    EXPECT_EQ(scrape.value("authex_module_up{deployment=\"1\",module=\"a\"}"), 1);
    EXPECT_EQ(scrape.value("authex_module_starts_total{deployment=\"1\",module=\"a\"}"), 1);
    EXPECT_EQ(scrape.value("authex_delivery_seconds_count"), 0);
    EXPECT_GT(scrape.value("process_resident_memory_bytes").value_or(0), 1e6);
    EXPECT_GT(scrape.value("process_open_fds").value_or(0), 3);
}

TEST_F(NodeMetrics, AreNotServedUnasked) {
    open();
    EXPECT_EQ(server->metrics_address(), "");
}

TEST_F(NodeMetrics, AreNotServedToOthersUnlessSaid) {
    options.metrics = "0.0.0.0:0";
    options.listen = "127.0.0.1:0";
    options.state_directory = folder.path() / "state";
    std::filesystem::create_directories(options.state_directory);
    const auto refused = Server::open(options, loader);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "insecure");
    options.insecure = true;
    const auto opened = Server::open(options, loader);
    EXPECT_TRUE(opened) << to_text(opened.error());
}

} // namespace
} // namespace authex::em
