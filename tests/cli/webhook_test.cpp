#include "cli/webhook.hpp"

#include <future>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace authex::cli {
namespace {

using asio::ip::tcp;
using testing::HasSubstr;
using testing::StartsWith;

/// Takes one request after another, and answers each with the next of these.
class Receiver {
  public:
    explicit Receiver(std::vector<std::string> answers)
        : acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
          thread_([this, answers = std::move(answers)] {
              for (const std::string& answer : answers) {
                  tcp::socket socket(io_);
                  acceptor_.accept(socket);
                  std::string request;
                  asio::read_until(socket, asio::dynamic_buffer(request), "}");
                  requests.push_back(request);
                  asio::write(socket, asio::buffer(answer));
              }
          }) {}
    [[nodiscard]] std::string url(const std::string& path) const {
        return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + path;
    }
    void join() { thread_.join(); }

    std::vector<std::string> requests;

  private:
    asio::io_context io_;
    tcp::acceptor acceptor_;
    std::jthread thread_;
};

constexpr const char* taken = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
constexpr const char* busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

TEST(Webhook, PostsJsonToTheAddress) {
    Receiver receiver({taken});
    const auto webhook = Webhook::open(receiver.url("/alert?from=me"), [](const Diagnostic&) {});
    ASSERT_TRUE(webhook);
    (*webhook)->post(R"({"act": "quarantine"})");
    receiver.join();
    EXPECT_THAT(receiver.requests.at(0), StartsWith("POST /alert?from=me HTTP/1.1\r\n"));
    EXPECT_THAT(receiver.requests.at(0), HasSubstr("Content-Type: application/json\r\n"));
    EXPECT_THAT(receiver.requests.at(0), HasSubstr("\r\n\r\n{\"act\": \"quarantine\"}"));
}

TEST(Webhook, TriesAgainWhatWasNotTaken) {
    Receiver receiver({busy, taken, taken});
    const auto webhook = Webhook::open(receiver.url("/"), [](const Diagnostic&) {});
    ASSERT_TRUE(webhook);
    (*webhook)->post("{1}");
    (*webhook)->post("{2}");
    receiver.join();
    EXPECT_THAT(receiver.requests.at(1), HasSubstr("{1}"));
    EXPECT_THAT(receiver.requests.at(2), HasSubstr("{2}"));
}

TEST(Webhook, RefusesWhatIsNoAddress) {
    for (const char* url : {"", "ftp://host/", "https://", "host/path"}) {
        const auto webhook = Webhook::open(url, [](const Diagnostic&) {});
        ASSERT_FALSE(webhook) << url;
        EXPECT_EQ(webhook.error().code, "payload-url");
    }
}

} // namespace
} // namespace authex::cli
