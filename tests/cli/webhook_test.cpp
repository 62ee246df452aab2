#include "cli/webhook.hpp"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/http_receiver.hpp"

namespace authex::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* taken = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
constexpr const char* busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

TEST(Webhook, PostsJsonToTheAddress) {
    test::HttpReceiver receiver({taken});
    const auto webhook = Webhook::open(receiver.url("/alert?from=me"), [](const Diagnostic&) {});
    ASSERT_TRUE(webhook);
    (*webhook)->post(R"({"act": "quarantine"})");
    receiver.join();
    EXPECT_THAT(receiver.requests.at(0), StartsWith("POST /alert?from=me HTTP/1.1\r\n"));
    EXPECT_THAT(receiver.requests.at(0), HasSubstr("Content-Type: application/json\r\n"));
    EXPECT_THAT(receiver.requests.at(0), HasSubstr("\r\n\r\n{\"act\": \"quarantine\"}"));
}

TEST(Webhook, TriesAgainWhatWasNotTaken) {
    test::HttpReceiver receiver({busy, taken, taken});
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
