// What is a request, and what is refused.
#include <authex/web/http.hpp>

#include <string>
#include <tuple>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace authex::web {
namespace {

ByteView bytes(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
std::string text(ByteView view) {
    return {view.begin(), view.end()};
}

/// The status of a request that came at once: 0 for a good one, 1 for one that is not all there.
unsigned status_of(const std::string& request) {
    RequestReader reader;
    switch (reader.read(bytes(request))) {
    case Reading::complete:
        return 0;
    case Reading::incomplete:
        return 1;
    case Reading::refused:
        break;
    }
    return reader.status();
}
unsigned status_with(const std::string& fields) {
    return status_of("POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
}

TEST(Http, ReadsTheRequestLineTheFieldsAndTheBody) {
    const std::string request =
        "PUT /a/b?c=d?e HTTP/1.1\r\nHOST:a\r\nX-One: \t 1 2 \t\r\nx-one: 3\r\n"
        "Content-Length: 0005\r\nEmpty:\r\n\r\nhelloGET";
    RequestReader reader;
    ASSERT_EQ(reader.read(bytes(request)), Reading::complete);
    EXPECT_EQ(text(reader.method()), "PUT");
    EXPECT_EQ(text(reader.path()), "/a/b");
    EXPECT_EQ(text(reader.query()), "c=d?e");
    EXPECT_EQ(text(reader.body()), "hello");
    EXPECT_EQ(text(reader.field(bytes("X-ONE"))), "1 2") << "the first of two";
    EXPECT_EQ(text(reader.field(bytes("empty"))), "");
    EXPECT_EQ(text(reader.field(bytes("absent"))), "");
    EXPECT_EQ(reader.size(), request.size() - 3);
    EXPECT_TRUE(reader.keeps_alive());
}

TEST(Http, KnowsWhetherTheConnectionIsKept) {
    const auto keeps = [](const std::string& version, const std::string& option) {
        const std::string request =
            "GET / HTTP/" + version + "\r\nHost: a\r\nConnection: " + option + "\r\n\r\n";
        RequestReader reader;
        EXPECT_EQ(reader.read(bytes(request)), Reading::complete);
        return reader.keeps_alive();
    };
    EXPECT_TRUE(keeps("1.1", "keep-alive"));
    EXPECT_TRUE(keeps("1.1", "closed, unclose"));
    EXPECT_FALSE(keeps("1.1", "CLOSE"));
    EXPECT_FALSE(keeps("1.1", "upgrade , close"));
    EXPECT_FALSE(keeps("1.0", "keep-alive"));
}

TEST(Http, RefusesRequestLinesThatAreNone) {
    for (const char* line : {"",
                             "GET",
                             "GET /",
                             "GET  / HTTP/1.1",
                             "GET / HTTP/1.1 ",
                             " GET / HTTP/1.1",
                             "GET / http/1.1",
                             "GET / HTTP/1,1",
                             "GET / HTTP/x.1",
                             "GET / HTTP/1.x",
                             "G{T / HTTP/1.1",
                             "GET / HTTP/1.1x",
                             "G\tT / HTTP/1.1",
                             "GET x HTTP/1.1",
                             "GET * HTTP/1.1",
                             "GET http://a/ HTTP/1.1",
                             "GET /\x01 HTTP/1.1",
                             "GET /\x7f HTTP/1.1",
                             "GET /\xc3\xa4 HTTP/1.1",
                             "GET /#a HTTP/1.1",
                             "G(T / HTTP/1.1",
                             "GET /\r HTTP/1.1",
                             "GET / HTTP/1.1\r"}) {
        EXPECT_EQ(status_of(std::string(line) + "\r\nHost: a\r\n\r\n"), 400U) << line;
    }
    EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505U);
    EXPECT_EQ(status_of("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), 505U);
    EXPECT_EQ(status_of("ABCDEFGHIJKLMNOP / HTTP/1.1\r\nHost: a\r\n\r\n"), 0U);
    EXPECT_EQ(status_of("ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\nHost: a\r\n\r\n"), 501U);
}

TEST(Http, RefusesLinesThatOthersMightReadDifferently) {
    EXPECT_EQ(status_of("GET / HTTP/1.1\nHost: a\n\n"), 400U);
    EXPECT_EQ(status_of("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400U);
    EXPECT_EQ(status_of("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400U);
    EXPECT_EQ(status_with("A: b\nC: d\r\n"), 400U) << "a bare LF";
    EXPECT_EQ(status_with("A: b\rC: d\r\n"), 400U) << "a bare CR";
    EXPECT_EQ(status_with("A: b\r\n c\r\n"), 400U) << "folded";
    EXPECT_EQ(status_with("A: b\r\n\tc\r\n"), 400U);
    EXPECT_EQ(status_with(" A: b\r\n"), 400U);
    EXPECT_EQ(status_with("A : b\r\n"), 400U) << "a space before the colon";
    EXPECT_EQ(status_with("A b\r\n"), 400U) << "no colon";
    EXPECT_EQ(status_with(": b\r\n"), 400U) << "no name";
    EXPECT_EQ(status_with("A(: b\r\n"), 400U);
    EXPECT_EQ(status_with(std::string("A: \0\r\n", 6)), 400U);
    EXPECT_EQ(status_with("A: \x7f\r\n"), 400U);
    EXPECT_EQ(status_with("A: \xc3\xa4\t~\r\n"), 0U) << "letters of other alphabets do no harm";
}

TEST(Http, RefusesBodiesOfWhichTheLengthIsInDoubt) {
    EXPECT_EQ(status_with("Content-Length: 1\r\nContent-Length: 1\r\n"), 400U);
    EXPECT_EQ(status_with("Content-Length: 1\r\nContent-Length: 2\r\n"), 400U);
    EXPECT_EQ(status_with("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400U);
    EXPECT_EQ(status_with("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"), 400U);
    EXPECT_EQ(status_with("Transfer-Encoding: chunked\r\n"), 501U);
    EXPECT_EQ(status_with("transfer-encoding: identity\r\n"), 501U);
    for (const char* length :
         {"", "-1", "+1", "0x1", "1,1", "1 1", "1;", "a", "99999999999999999999a"}) {
        EXPECT_EQ(status_with("Content-Length: " + std::string(length) + "\r\n"), 400U) << length;
    }
    EXPECT_EQ(status_with("Content-Length: 8192\r\n"), 1U);
    EXPECT_EQ(status_with("Content-Length: 8193\r\n"), 413U);
    EXPECT_EQ(status_with("Content-Length: 18446744073709551616\r\n"), 413U) << "2^64";
    EXPECT_EQ(status_with("Content-Length: 0\r\n"), 0U);
}

TEST(Http, WantsOneHost) {
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400U);
    EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 0U);
    EXPECT_EQ(status_with("host: b\r\n"), 400U);
}

TEST(Http, PromisesNothingToWhoExpectsSomething) {
    EXPECT_EQ(status_with("Expect: 100-continue\r\n"), 417U);
}

TEST(Http, BoundsHeadAndFields) {
    const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const std::string fill(head_max_bytes - begin.size() - 4, 'x');
    EXPECT_EQ(status_of(begin + fill + "\r\n\r\n"), 0U);
    EXPECT_EQ(status_of(begin + fill + "x\r\n\r\n"), 431U);
    EXPECT_EQ(status_of(begin + fill + "xxxx"), 431U) << "before it has ended";
    EXPECT_EQ(status_of("GET /" + std::string(head_max_bytes, 'x')), 414U);
    std::string fields;
    for (std::size_t i = 1; i < fields_max; ++i) {
        fields += "A: b\r\n";
    }
    EXPECT_EQ(status_with(fields), 0U);
    EXPECT_EQ(status_with(fields + "A: b\r\n"), 431U);
}

TEST(Http, StaysRefused) {
    RequestReader reader;
    EXPECT_EQ(reader.read(bytes("\n")), Reading::refused);
    EXPECT_EQ(reader.read(bytes("\nGET / HTTP/1.0\r\n\r\n")), Reading::refused);
}

/// Words of requests, good ones and bad ones, in any order.
std::string any_request() {
    static const std::vector<std::string> words = {
        "GET ",
        "POST",
        " / ",
        "/a?b",
        " HTTP/1.1",
        "HTTP/1.0",
        "\r\n",
        "\r",
        "\n",
        "Host: a",
        "Content-Length: 3",
        "Content-Length: 3\r\nContent-Length: 3",
        "Transfer-Encoding: chunked",
        ": ",
        "A: b",
        "\r\n\r\n",
        "abc",
        " ",
        "Connection: close",
        std::string(1, '\0'),
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab"};
    std::string all;
    for (const std::size_t index : *rc::gen::container<std::vector<std::size_t>>(
             rc::gen::inRange<std::size_t>(0, words.size()))) {
        all += words[index];
    }
    return all;
}

RC_GTEST_PROP(Http, ReadsTheSameInWhateverPiecesItComes, ()) {
    const std::string all = any_request();
    RequestReader at_once;
    const Reading expected = at_once.read(bytes(all));
    RequestReader piecewise;
    Reading got = Reading::incomplete;
    std::size_t size = 0;
    while (got == Reading::incomplete && size < all.size()) {
        size += *rc::gen::inRange<std::size_t>(1, all.size() - size + 1);
        got = piecewise.read(bytes(all).first(size));
    }
    RC_ASSERT(got == expected || all.empty());
    RC_ASSERT(piecewise.status() == at_once.status());
    if (got == Reading::complete) {
        RC_ASSERT(piecewise.size() == at_once.size());
        RC_ASSERT(text(piecewise.body()) == text(at_once.body()));
        RC_ASSERT(piecewise.size() <= all.size());
    }
}

} // namespace
} // namespace authex::web
