// The whole server, driven by what a node brings.
#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sdk/tls_client.hpp"

namespace authex::test {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string get_hello = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

struct Web : ::testing::Test {
    WebServer web;
    std::string certificate;

    void serve() {
        ASSERT_EQ(web.server().listen(8443), AUTHEX_OK);
        certificate = certificate_of(web.server());
    }
    void serve_plain() { ASSERT_EQ(web.server().listen_plain(8080), AUTHEX_OK); }
    /// What a client gets that says this at once, over plain HTTP.
    std::string plain(std::uint64_t stream, const std::string& request) {
        web.opened(stream);
        web.data(stream, request);
        return web.take(stream);
    }
};

TEST_F(Web, GivesPagesOverTlsToWhoTrustsItsCertificateAlone) {
    serve();
    EXPECT_EQ(web.node.listening, 8443);
    web.opened(7);
    TlsClient client(web, 7, certificate);
    ASSERT_TRUE(client.shake_hands());
    EXPECT_STREQ(SSL_get_version(client.ssl()), "TLSv1.2");
    EXPECT_STREQ(SSL_get_cipher(client.ssl()), "ECDHE-ECDSA-AES128-GCM-SHA256");
    const std::string answer = client.ask(get_hello);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 6\r\n"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\nhello\n"));
    EXPECT_THAT(client.ask(get_hello), EndsWith("hello\n")) << "the connection is kept";
}

TEST_F(Web, SpeaksChaChaToWhoHasNoAes) {
    serve();
    web.opened(7);
    TlsClient client(web, 7, certificate, "127.0.0.1");
    SSL_set_cipher_list(client.ssl(), "ECDHE-ECDSA-CHACHA20-POLY1305");
    ASSERT_TRUE(client.shake_hands());
    EXPECT_THAT(client.ask(get_hello), EndsWith("hello\n"));
}

TEST_F(Web, AgreesOnKeysOnTheCurveThatTheClientKnows) {
    serve();
    std::uint64_t stream = 0;
    for (const char* curve : {"X25519:P-256", "P-256"}) {
        web.opened(++stream);
        TlsClient client(web, stream, certificate);
        SSL_set1_groups_list(client.ssl(), curve);
        ASSERT_TRUE(client.shake_hands()) << curve;
        EVP_PKEY* key = nullptr;
        ASSERT_EQ(SSL_get_server_tmp_key(client.ssl(), &key), 1);
        EXPECT_EQ(EVP_PKEY_is_a(key, "X25519"), stream == 1 ? 1 : 0);
        EVP_PKEY_free(key);
    }
    web.opened(9);
    TlsClient other(web, 9, certificate);
    SSL_set1_groups_list(other.ssl(), "P-384");
    EXPECT_FALSE(other.shake_hands());
}

TEST_F(Web, IsRefusedByAClientThatTrustsAnotherKey) {
    serve();
    const std::string of_another = certificate;
    web.~WebServer();
    new (&web) WebServer; // another module: another generator, another key
    web.node.random = 99;
    serve();
    ASSERT_NE(certificate, of_another);
    web.opened(1);
    TlsClient stranger(web, 1, of_another);
    EXPECT_FALSE(stranger.shake_hands());
    web.opened(2);
    TlsClient friend_of_it(web, 2, certificate, "::1");
    EXPECT_TRUE(friend_of_it.shake_hands()) << "who failed harms nobody";
    web.opened(3);
    TlsClient lost(web, 3, certificate, "example.org");
    EXPECT_FALSE(lost.shake_hands()) << "a name that the certificate does not have";
}

TEST_F(Web, KeepsItsKeyWhileItLivesAndTakesNamesFromTheConfiguration) {
    serve();
    const std::string first = certificate;
    serve();
    EXPECT_EQ(certificate, first);
    web.node.config["web-names"] = "example.org, 192.0.2.7";
    serve();
    EXPECT_NE(certificate, first);
    web.opened(1);
    TlsClient client(web, 1, certificate, "example.org");
    EXPECT_TRUE(client.shake_hands());
}

TEST_F(Web, SaysWhatIsWrongWithItsConfigurationAndDoesNotServe) {
    web.node.config["web-names"] = "not a name!";
    EXPECT_EQ(web.server().listen(8443), AUTHEX_FAILED);
    EXPECT_THAT(web.node.log.back(), HasSubstr("web-names"));
    web.node.config = {{"web-valid-until", "tomorrow"}};
    EXPECT_EQ(web.server().listen(8443), AUTHEX_FAILED);
    EXPECT_THAT(web.node.log.back(), HasSubstr("web-valid-until"));
    web.node.config = {{"web-names", std::string(200, 'a') + "." + std::string(40, 'b')}};
    EXPECT_EQ(web.server().listen(8443), AUTHEX_FAILED) << "a label of 200 letters";
    std::string many;
    for (int i = 0; i < 400; ++i) {
        many += "name-" + std::to_string(i) + ".example.org ";
    }
    web.node.config = {{"web-names", many}};
    EXPECT_EQ(web.server().listen(8443), AUTHEX_FAILED);
    EXPECT_THAT(web.node.log.back(), HasSubstr("room"));
    EXPECT_FALSE(web.node.listening.has_value());
    EXPECT_EQ(certificate_of(web.server()), "");
    web.node.config = {};
    serve();
    web.node.config = {{"web-names", "localhost, a_b"}};
    EXPECT_EQ(web.server().listen(8443), AUTHEX_FAILED);
    EXPECT_EQ(certificate_of(web.server()), certificate) << "the earlier one stays";
}

TEST_F(Web, HasNoKeyBeforeItIsAttested) {
    web.node.attested = false;
    EXPECT_EQ(web.server().listen(8443), AUTHEX_NOT_ATTESTED);
    EXPECT_FALSE(web.node.listening.has_value());
}

/// The value of the extension with evidence; empty where there is none.
std::string evidence_in(const std::string& pem) {
    BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    X509* const certificate = PEM_read_bio_X509(in, nullptr, nullptr, nullptr);
    BIO_free(in);
    ASN1_OBJECT* const oid = OBJ_txt2obj("2.23.133.5.4.9", 1);
    const int at = X509_get_ext_by_OBJ(certificate, oid, -1);
    std::string value;
    if (at >= 0) {
        EXPECT_EQ(X509_EXTENSION_get_critical(X509_get_ext(certificate, at)), 0);
        const ASN1_OCTET_STRING* data = X509_EXTENSION_get_data(X509_get_ext(certificate, at));
        value.assign(reinterpret_cast<const char*>(data->data),
                     static_cast<std::size_t>(data->length));
    }
    ASN1_OBJECT_free(oid);
    X509_free(certificate);
    return value;
}

TEST_F(Web, ReportsOnItsKeyAndShowsTheEvidenceInItsCertificate) {
    const auto asked = web.evidence("");
    EXPECT_EQ(asked.status, AUTHEX_OK);
    EXPECT_EQ(asked.result, std::string(432, 'Z'));
    ASSERT_EQ(web.node.reported.size(), web::claims_bytes);
    const std::string quote(4700, 'q');
    EXPECT_EQ(web.evidence(quote).status, AUTHEX_OK);
    serve();
    EXPECT_EQ(evidence_in(certificate),
              std::string("\xD9\xEA\x60\x82\x59\x12\x5C") + quote + "\x58\x33" + web.node.reported);
    EXPECT_THAT(web.evidence(""), ::testing::Field(&WebServer::EvidenceAnswer::result, ""))
        << "it has evidence";
    web.opened(1);
    TlsClient client(web, 1, certificate);
    ASSERT_TRUE(client.shake_hands());
    EXPECT_THAT(client.ask(get_hello), EndsWith("hello\n"));
}

TEST_F(Web, ShowsEvidenceThatComesLaterUnderTheSameKey) {
    serve();
    const std::string before = certificate;
    EXPECT_EQ(evidence_in(before), "");
    EXPECT_EQ(web.evidence(std::string(8192, 'q')).status, AUTHEX_OK) << "the largest";
    certificate = certificate_of(web.server());
    EXPECT_NE(evidence_in(certificate), "");
    EXPECT_EQ(web.node.reported, "");
    web.opened(1);
    TlsClient client(web, 1, certificate);
    EXPECT_TRUE(client.shake_hands());
    serve();
    EXPECT_EQ(certificate_of(web.server()), certificate) << "it is kept";
}

TEST_F(Web, TakesNoEvidenceThatIsNoneAndKeepsItsCertificate) {
    EXPECT_EQ(web.evidence(std::string(4700, 'q')).status, AUTHEX_FAILED) << "there is no key yet";
    serve();
    for (const std::size_t size : {1U, 255U, 8193U, 60000U}) {
        EXPECT_EQ(web.evidence(std::string(size, 'q')).status, AUTHEX_FAILED) << size;
    }
    EXPECT_EQ(certificate_of(web.server()), certificate);
    web.node.config["web-names"] = "a_b";
    EXPECT_EQ(web.evidence(std::string(4700, 'q')).status, AUTHEX_FAILED)
        << "the certificate cannot be written again";
    EXPECT_EQ(certificate_of(web.server()), certificate);
}

TEST_F(Web, HasNothingToShowWhereItsTeeMakesNoReports) {
    web.node.report_bytes = 0;
    EXPECT_EQ(web.evidence("").status, AUTHEX_UNSUPPORTED);
    web.node.report_bytes = 432;
    EXPECT_EQ(web.evidence("", 431).status, AUTHEX_UNSUPPORTED);
    web.node.attested = false;
    web.~WebServer();
    new (&web) WebServer;
    web.node.attested = false;
    EXPECT_EQ(web.evidence("").status, AUTHEX_NOT_ATTESTED);
    EXPECT_EQ(web.evidence("").result, "");
}

TEST_F(Web, SaysOnWhichPortItServes) {
    const auto says = [&](std::uint8_t what, std::uint64_t port) {
        web.server().on_stream({.endpoint = nullptr, .id = port, .data = {}, .what = what});
        return web.node.log.back();
    };
    serve();
    EXPECT_EQ(says(AUTHEX_STREAM_LISTENING, 4711), "HTTPS on port 4711");
    serve_plain();
    EXPECT_EQ(says(AUTHEX_STREAM_LISTENING, 4712), "HTTP on port 4712");
    EXPECT_EQ(says(AUTHEX_STREAM_REFUSED, 0), "the port cannot be bound");
}

TEST_F(Web, ForgetsTheClientsOfAnEarlierManager) {
    serve_plain();
    for (std::uint64_t stream = 1; stream <= clients_max + 2; ++stream) {
        web.opened(stream);
    }
    web.data(1, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    web.server().on_stream(
        {.endpoint = nullptr, .id = 8080, .data = {}, .what = AUTHEX_STREAM_LISTENING});
    EXPECT_EQ(web.node.closed, (std::set<std::uint64_t>{1, 2, 3, 4}));
    EXPECT_THAT(plain(100, get_hello), EndsWith("hello\n"));
}

TEST_F(Web, GivesPlainPagesForDevelopment) {
    serve_plain();
    const std::string answer = plain(1, get_hello);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"));
    EXPECT_THAT(answer, EndsWith("hello\n"));
    EXPECT_TRUE(web.node.pulled.contains(1));
    EXPECT_FALSE(web.node.closed.contains(1));
}

TEST_F(Web, AnswersWhatIsNoPage) {
    serve_plain();
    EXPECT_THAT(plain(1, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n"),
                StartsWith("HTTP/1.1 404 Not Found\r\n"));
    EXPECT_THAT(plain(2, "POST /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
                AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("\r\nAllow: GET\r\n")));
    EXPECT_THAT(plain(3, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"),
                HasSubstr("\r\nAllow: POST, PUT\r\n"));
    EXPECT_THAT(plain(4, "GET /another HTTP/1.1\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 404 "))
        << "a page of another server";
    EXPECT_FALSE(web.node.closed.contains(1)) << "the connection is kept";
}

TEST_F(Web, SaysNoLengthWhereThereIsNoContent) {
    serve_plain();
    const std::string answer = plain(1, "PUT /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 204 No Content\r\n"));
    EXPECT_THAT(answer, ::testing::Not(HasSubstr("Content-Length")));
}

TEST_F(Web, ClosesInsteadOfAnAnswerThatCannotBeSaid) {
    serve_plain();
    EXPECT_EQ(plain(1, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"), "");
    const std::string type(700, 'x');
    EXPECT_EQ(web.server().answer(web.later[0], 299, type.c_str(), {}), AUTHEX_OK);
    EXPECT_EQ(web.take(1), "");
    EXPECT_TRUE(web.node.closed.contains(1));
    EXPECT_EQ(plain(2, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"), "");
    EXPECT_EQ(web.server().answer(web.later[1], 299, "text/plain", {}), AUTHEX_OK);
    EXPECT_THAT(web.take(2), StartsWith("HTTP/1.1 299 \r\n"));
}

TEST_F(Web, ReadsNoMoreThanItHasRoomFor) {
    serve_plain();
    EXPECT_EQ(plain(1, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"), "");
    web.data(1, std::string(40'000, 'x')); // the node has not been asked
    (void)web.server().answer(web.later[0], 200, "text/plain", bytes_of_text("now"));
    EXPECT_THAT(web.take(1), AllOf(HasSubstr("\r\nConnection: close\r\n"), EndsWith("now")));
    EXPECT_TRUE(web.node.closed.contains(1));
}

TEST_F(Web, ServesNobodyWhereThereIsNoRandomness) {
    serve();
    web.node.attested = false;
    web.opened(1);
    EXPECT_TRUE(web.node.closed.contains(1));
}

TEST_F(Web, EndsAStreamAsSoonAsThereIsRoomToSaySo) {
    serve_plain();
    web.opened(1);
    web.node.room = 0;
    web.closed(1);
    web.tick(1);
    web.tick(11'000'000);
    EXPECT_FALSE(web.node.closed.contains(1));
    web.node.room = SIZE_MAX;
    web.tick(11'000'001);
    EXPECT_TRUE(web.node.closed.contains(1));
}

TEST_F(Web, AnswersHeadWithoutTheContent) {
    serve_plain();
    EXPECT_THAT(plain(1, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
                AllOf(HasSubstr("Content-Length: 6\r\n"), EndsWith("\r\n\r\n")));
}

TEST_F(Web, GivesBodiesAndQueriesToPages) {
    serve_plain();
    EXPECT_THAT(plain(1, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"),
                EndsWith("\r\n\r\nbody"));
    EXPECT_THAT(plain(2, "GET /query?a=1&b=%20 HTTP/1.1\r\nHost: a\r\n\r\n"),
                EndsWith("\r\n\r\na=1&b=%20"));
}

TEST_F(Web, ReadsARequestInWhateverPiecesItComes) {
    serve_plain();
    const std::string request = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    web.opened(1);
    for (const char byte : request) {
        ASSERT_TRUE(web.node.pulled.contains(1));
        EXPECT_EQ(web.take(1), "");
        web.data(1, std::string(1, byte));
    }
    EXPECT_THAT(web.take(1), EndsWith("\r\n\r\nbody"));
}

TEST_F(Web, AnswersRequestsThatComeAtOnceInTheirOrder) {
    serve_plain();
    const std::string both = plain(
        1, "GET /query?1 HTTP/1.1\r\nHost: a\r\n\r\nGET /query?2 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THAT(both, AllOf(HasSubstr("\r\n\r\n1HTTP/1.1 200 OK"), EndsWith("\r\n\r\n2")));
}

TEST_F(Web, ClosesWhenTheClientWantsItOrIsOld) {
    serve_plain();
    EXPECT_THAT(plain(1, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"),
                HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_TRUE(web.node.closed.contains(1));
    EXPECT_THAT(plain(2, "GET /hello HTTP/1.0\r\n\r\n"), EndsWith("hello\n"));
    EXPECT_TRUE(web.node.closed.contains(2));
}

TEST_F(Web, RefusesABadRequestAndCloses) {
    serve_plain();
    EXPECT_THAT(plain(1, "GET hello HTTP/1.1\r\n\r\n" + get_hello),
                AllOf(StartsWith("HTTP/1.1 400 Bad Request\r\n"), EndsWith("400 Bad Request\n")))
        << "and nothing behind it is looked at";
    EXPECT_TRUE(web.node.closed.contains(1));
    EXPECT_THAT(plain(2, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8193\r\n\r\n"),
                StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(plain(3, "GET /hello HTTP/1.1\r\nHost: a\r\nX: " + std::string(8192, 'x')),
                StartsWith("HTTP/1.1 431 "));
    EXPECT_THAT(plain(4, "GET /" + std::string(8192, 'x')), StartsWith("HTTP/1.1 414 "));
}

TEST_F(Web, AsksForTheToken) {
    serve_plain();
    const auto asks = [&](const std::string& field) {
        static std::uint64_t stream = 0;
        const std::string answer =
            plain(++stream, "GET /secret HTTP/1.1\r\nHost: a\r\n" + field + "\r\n");
        web.closed(stream);
        return answer;
    };
    EXPECT_THAT(asks("Authorization: Bearer \r\n"), StartsWith("HTTP/1.1 401 "))
        << "no secret is set";
    web.node.secrets["token"] = "";
    EXPECT_THAT(asks("Authorization: Bearer \r\n"), StartsWith("HTTP/1.1 401 ")) << "it is empty";
    web.node.secrets["token"] = "abc123";
    EXPECT_THAT(asks(""),
                AllOf(StartsWith("HTTP/1.1 401 "), HasSubstr("\r\nWWW-Authenticate: Bearer\r\n")));
    for (const char* wrong :
         {"Bearer abc124", "Bearer abc12", "Bearer abc1234", "Basic abc123", "Bearer", "abc123"}) {
        EXPECT_THAT(asks("Authorization: " + std::string(wrong) + "\r\n"),
                    StartsWith("HTTP/1.1 401 "))
            << wrong;
    }
    EXPECT_THAT(asks("authorization: bearer abc123\r\n"), EndsWith("secret\n"));
}

TEST_F(Web, AnswersLaterAndOnceAndOnlyWhoAsked) {
    serve_plain();
    const std::string ask = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_EQ(plain(1, ask), "");
    EXPECT_EQ(plain(2, ask), "");
    ASSERT_EQ(web.later.size(), 2U);
    EXPECT_FALSE(web.node.pulled.contains(1)) << "nothing more is read before the answer";
    const auto answer = [&](web::RequestId id) {
        return web.server().answer(id, 200, "text/plain", bytes_of_text("now"));
    };
    EXPECT_EQ(answer(web.later[1]), AUTHEX_OK);
    EXPECT_EQ(web.take(1), "");
    EXPECT_THAT(web.take(2), EndsWith("now"));
    EXPECT_EQ(answer(web.later[1]), AUTHEX_NO_CONNECTION) << "it has been answered";
    web.closed(1);
    EXPECT_EQ(answer(web.later[0]), AUTHEX_NO_CONNECTION) << "its client has gone";
    EXPECT_EQ(plain(3, ask), "");
    EXPECT_EQ(answer(web.later[0]), AUTHEX_NO_CONNECTION) << "another has its place";
    EXPECT_EQ(answer(0), AUTHEX_NO_CONNECTION);
    EXPECT_EQ(answer(web.later[2]), AUTHEX_OK);
    EXPECT_TRUE(web.node.pulled.contains(3));
}

TEST_F(Web, AnswersInTheNamesOfPagesThatDoNot) {
    serve_plain();
    EXPECT_EQ(plain(1, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"), "");
    web.tick(1'000'000);
    web.tick(30'999'999);
    EXPECT_EQ(web.take(1), "");
    web.tick(31'000'000);
    EXPECT_THAT(web.take(1), StartsWith("HTTP/1.1 504 "));
    EXPECT_TRUE(web.node.closed.contains(1));
}

TEST_F(Web, AnswersUpToARecordAndNothingLarger) {
    serve();
    web.opened(1);
    TlsClient client(web, 1, certificate);
    ASSERT_TRUE(client.shake_hands());
    web.large_bytes = web::record_max_bytes - web::response_head_max_bytes;
    EXPECT_THAT(client.ask("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"),
                EndsWith("\r\n\r\n" + std::string(web.large_bytes, 'x')));
    ++web.large_bytes;
    EXPECT_THAT(client.ask("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 500 "));
}

TEST_F(Web, LetsClientsWaitWhileAllConnectionsAreBusy) {
    serve_plain();
    for (std::uint64_t stream = 1; stream <= clients_max + 2; ++stream) {
        web.opened(stream);
    }
    EXPECT_EQ(web.node.pulled.size(), clients_max) << "from others nothing is read";
    web.data(1, get_hello);
    EXPECT_THAT(web.take(1), HasSubstr("\r\nConnection: close\r\n")) << "others wait";
    EXPECT_TRUE(web.node.closed.contains(1));
    EXPECT_TRUE(web.node.pulled.contains(clients_max + 2)) << "the last to come";
    EXPECT_FALSE(web.node.pulled.contains(clients_max + 1));
    web.closed(2);
    EXPECT_TRUE(web.node.pulled.contains(clients_max + 1));
}

TEST_F(Web, TheConnectionThatWasIdleForTheLongestTimeGivesWay) {
    serve_plain();
    for (const std::uint64_t stream : {1U, 2U, 3U, 4U}) {
        web.opened(stream);
    }
    for (const std::uint64_t stream : {3U, 1U, 2U, 1U}) {
        web.data(stream, get_hello); // 4 has said nothing yet: it is not idle, but slow
    }
    web.opened(5);
    EXPECT_EQ(web.node.closed, std::set<std::uint64_t>{3});
    EXPECT_TRUE(web.node.pulled.contains(5));
}

TEST_F(Web, SlowClientsGiveWayAfterAWhile) {
    serve_plain();
    for (std::uint64_t stream = 1; stream <= clients_max; ++stream) {
        web.opened(stream);
        web.data(stream, "GET /hel");
    }
    web.opened(9);
    web.tick(1'000'000);
    for (std::uint64_t time_us = 2'000'000; time_us < 3'000'000; time_us += 100'000) {
        for (std::uint64_t stream = 1; stream <= clients_max; ++stream) {
            web.data(stream, "l"); // a byte now and then saves nobody
        }
        web.tick(time_us);
    }
    EXPECT_TRUE(web.node.closed.empty());
    web.tick(3'000'000);
    EXPECT_EQ(web.node.closed.size(), clients_max);
    EXPECT_TRUE(web.node.pulled.contains(9));
    web.tick(13'000'000);
    EXPECT_FALSE(web.node.closed.contains(9));
    web.tick(23'000'000);
    EXPECT_TRUE(web.node.closed.contains(9)) << "also when nobody waits";
    EXPECT_FALSE(web.node.timer_us.has_value()) << "nobody is there: the clock rests";
}

TEST_F(Web, IdleClientsAreKeptForHalfAMinute) {
    serve_plain();
    EXPECT_THAT(plain(1, get_hello), EndsWith("hello\n"));
    web.tick(1'000'000);
    web.tick(30'900'000);
    EXPECT_FALSE(web.node.closed.contains(1));
    web.data(1, get_hello);
    web.tick(31'000'000);
    web.tick(60'900'000);
    EXPECT_FALSE(web.node.closed.contains(1)) << "a request begins the time anew";
    web.tick(20'000'000);
    EXPECT_FALSE(web.node.closed.contains(1)) << "a clock that goes back ends nothing";
    web.tick(50'000'000);
    EXPECT_TRUE(web.node.closed.contains(1));
}

TEST_F(Web, WhereTooManyWaitTheFirstOfThemGivesWay) {
    serve_plain();
    for (std::uint64_t stream = 1; stream <= clients_max + web::Queue::max; ++stream) {
        web.opened(stream);
    }
    EXPECT_TRUE(web.node.closed.empty());
    web.opened(9999);
    EXPECT_EQ(web.node.closed, std::set<std::uint64_t>{clients_max + 1});
    web.closed(1);
    EXPECT_TRUE(web.node.pulled.contains(9999));
}

TEST_F(Web, SendsWhatDidNotFitWhenItsTimerFires) {
    serve_plain();
    web.opened(1);
    web.node.room = 50;
    web.data(1, get_hello);
    EXPECT_EQ(web.take(1), "");
    EXPECT_EQ(web.node.timer_us, 0U);
    web.tick(1);
    EXPECT_EQ(web.take(1), "");
    EXPECT_EQ(web.node.timer_us, 0U);
    web.node.room = SIZE_MAX;
    web.tick(2);
    EXPECT_THAT(web.take(1), EndsWith("hello\n"));
    EXPECT_TRUE(web.node.pulled.contains(1));
    web.node.room = 0;
    web.data(1, "GET /hello HTTP/1.0\r\n\r\n");
    web.tick(3);
    web.node.room = SIZE_MAX;
    web.tick(4);
    EXPECT_THAT(web.take(1), EndsWith("hello\n"));
    EXPECT_TRUE(web.node.closed.contains(1));
}

TEST_F(Web, AConnectionWhoseBytesAreChangedEndsAndTheOthersGoOn) {
    serve();
    web.opened(1);
    web.opened(2);
    TlsClient good(web, 1, certificate);
    TlsClient harmed(web, 2, certificate);
    ASSERT_TRUE(good.shake_hands() && harmed.shake_hands());
    EXPECT_THAT(harmed.ask(get_hello), EndsWith("hello\n"));
    (void)SSL_write(harmed.ssl(), get_hello.data(), static_cast<int>(get_hello.size()));
    std::string record = harmed.outgoing();
    ASSERT_GT(record.size(), 40U);
    record[20] = static_cast<char>(record[20] ^ 1);
    web.data(2, record);
    EXPECT_EQ(harmed.hear(), "") << "no answer";
    EXPECT_TRUE(web.node.closed.contains(2));
    EXPECT_THAT(good.ask(get_hello), EndsWith("hello\n"));
}

TEST_F(Web, SurvivesTlsThatIsNone) {
    serve();
    web.opened(1);
    web.data(1, get_hello);
    EXPECT_TRUE(web.node.closed.contains(1));
    web.opened(2);
    web.data(2, std::string(30'000, '\x16'));
    EXPECT_TRUE(web.node.closed.contains(2));
    web.data(77, get_hello); // a stream that was never opened
    web.closed(77);
    web.opened(3);
    TlsClient client(web, 3, certificate);
    EXPECT_TRUE(client.shake_hands());
}

TEST_F(Web, ForgetsWhatAClientSaidWhenItHasGone) {
    serve_plain();
    web.opened(1);
    web.data(1, "GET /hello?confidential");
    web.closed(1);
    const std::string memory = memory_of_connections();
    EXPECT_EQ(memory, std::string(memory.size(), '\0'));
}

} // namespace
} // namespace authex::test
