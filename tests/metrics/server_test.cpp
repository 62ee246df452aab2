#include "metrics/server.hpp"

#include <atomic>
#include <memory>
#include <vector>

#include <gmock/gmock.h>

#include "support/http_client.hpp"

namespace authex::metrics {
namespace {

using test::HttpClient;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class MetricsServerTest : public ::testing::Test {
  protected:
    void open(const ServerOptions& options) {
        auto opened = Server::open(options, [this] {
            ++asked_;
            return std::string("the text\n");
        });
        ASSERT_TRUE(opened) << to_text(opened.error());
        server_ = std::move(*opened);
    }
    std::string get(const std::string& request) {
        return HttpClient(server_->address()).get(request);
    }

    std::atomic<int> asked_{0};
    std::unique_ptr<Server> server_;
};

TEST_F(MetricsServerTest, AnswersPrometheus) {
    open({.listen = "127.0.0.1:0"});
    const std::string answer = get("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 9\r\n"));
    EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\nthe text\n"));
    EXPECT_THAT(get("GET /metrics?name=x HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
    EXPECT_EQ(asked_, 2);
}

TEST_F(MetricsServerTest, RefusesWhatIsNoRequestForMetrics) {
    open({.listen = "127.0.0.1:0"});
    EXPECT_THAT(get("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404"));
    EXPECT_THAT(get("GET /metricsx HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404"));
    EXPECT_THAT(get("GET http://x/metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404"));
    EXPECT_THAT(get("POST /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405"));
    EXPECT_THAT(get("HEAD /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405"));
    EXPECT_THAT(get("GET /metrics\r\n\r\n"), StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(get("GET /metrics SPDY/3\r\n\r\n"), StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(get("\r\n\r\n"), StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(get(std::string("\0\xff\x16\x03\r\n\r\n", 8)), StartsWith("HTTP/1.1 400"));
    EXPECT_EQ(asked_, 0);
}

TEST_F(MetricsServerTest, ReadsNoRequestWithoutEnd) {
    open({.listen = "127.0.0.1:0"});
    // Whether the answer arrives is up to TCP, which drops it where bytes were left unread.
    (void)get("GET /" + std::string(100'000, 'x'));
    EXPECT_EQ(asked_, 0);
    EXPECT_THAT(get("GET /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(MetricsServerTest, LetsGoOfClientsThatDoNotAsk) {
    open({.listen = "127.0.0.1:0", .client_us_max = 50'000});
    HttpClient silent(server_->address());
    EXPECT_EQ(silent.rest(), "");
    HttpClient slow(server_->address());
    slow.say("GET /met");
    EXPECT_EQ(slow.rest(), "");
}

TEST_F(MetricsServerTest, TakesNoMoreClientsThanItsLimit) {
    open({.listen = "127.0.0.1:0", .clients_max = 2});
    HttpClient first(server_->address());
    HttpClient second(server_->address());
    HttpClient third(server_->address());
    EXPECT_EQ(third.rest(), "");
    EXPECT_THAT(first.get("GET /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(second.get("GET /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(MetricsServerTest, ServesClientsBesideOneThatIsSilent) {
    open({.listen = "127.0.0.1:0"});
    HttpClient silent(server_->address());
    EXPECT_THAT(get("GET /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(MetricsServerTest, EndsWithClientsThatAreNotDone) {
    open({.listen = "127.0.0.1:0"});
    HttpClient silent(server_->address());
    silent.say("GET");
    server_.reset();
    EXPECT_EQ(silent.rest(), "");
}

TEST_F(MetricsServerTest, SaysWhereItCannotListen) {
    open({.listen = "127.0.0.1:0"});
    const auto refused = [](const std::string& address) {
        const auto opened = Server::open({.listen = address}, [] { return std::string(); });
        return opened ? std::string("ok") : opened.error().code;
    };
    EXPECT_EQ(refused(server_->address()), "listen");
    EXPECT_EQ(refused("127.0.0.1"), "address");
    EXPECT_EQ(refused("192.0.2.1:0"), "listen");
}

/// A whole manager.

} // namespace
} // namespace authex::metrics
