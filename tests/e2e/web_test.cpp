// HTTPS that ends inside the module, for clients that are many, slow, wrong or between.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <memory>
#include <thread>
#include <unistd.h>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "support/hostile_proxy.hpp"
#include "tee/trustzone/machines.hpp"
#include "world.hpp"

namespace authex::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

int connected_to(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd);
        return -1;
    }
    return fd;
}

/// One connection over TLS that trusts the certificate of a file.
class Client {
  public:
    Client(const std::string& certificate_file, std::uint16_t port)
        : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free), fd_(connected_to(port)) {
        SSL_CTX_load_verify_locations(context_.get(), certificate_file.c_str(), nullptr);
        SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
        ssl_ = SSL_new(context_.get());
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), "127.0.0.1");
        SSL_set_fd(ssl_, fd_);
        shaken_ = fd_ >= 0 && SSL_connect(ssl_) == 1;
    }
    ~Client() {
        SSL_free(ssl_);
        ::close(fd_);
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    [[nodiscard]] bool shaken() const { return shaken_; }
    /// Sends it, and reads until the other end closes or `end` was read.
    std::string ask(const std::string& request, const std::string& end = "\n") {
        std::string all;
        if (!shaken_ || SSL_write(ssl_, request.data(), static_cast<int>(request.size())) <= 0) {
            return all;
        }
        char piece[4096];
        int count = 0;
        while (!all.ends_with(end) && (count = SSL_read(ssl_, piece, sizeof piece)) > 0) {
            all.append(piece, static_cast<std::size_t>(count));
        }
        return all;
    }

  private:
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    int fd_;
    SSL* ssl_ = nullptr;
    bool shaken_ = false;
};

const std::string get_front = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

class Https : public ::testing::TestWithParam<const char*> {
  protected:
    Https() : world_(AUTHEX_SOURCE_DIR "/tests/e2e/web", std::string(GetParam()) + ".yaml") {}

    void SetUp() override {
        if (GetParam() == std::string("trustzone-aarch64") && !has_aarch64()) {
            GTEST_SKIP() << "no libraries of AArch64 (tools/setup)";
        }
        (void)std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes to what the other end has closed
        world_.must({"secret", "set", "web", "token", "--text", "sesame"});
        world_.start_managers();
        world_.must({"up"});
        port_ = serve("init", "web.pem");
    }
    /// Writes the certificate into a file of the application's folder.
    std::uint16_t serve(const std::string& connection, const std::string& file) {
        const std::uint16_t port = free_port();
        const Result result =
            world_.authex({"request", connection, "--u16", std::to_string(port), "--raw"});
        EXPECT_EQ(result.status, 0) << result.err;
        world_.write(file, result.out);
        // The port is bound after the reply.
        EXPECT_TRUE(eventually([&] {
            const int fd = connected_to(port);
            return fd >= 0 && ::close(fd) == 0;
        }));
        return port;
    }
    [[nodiscard]] std::string file(const std::string& name) const { return world_.folder() / name; }
    Result curl(std::vector<std::string> words, const std::string& trusted = "web.pem") {
        words.insert(words.begin(),
                     {"/usr/bin/curl", "-sS", "-i", "--max-time", "60", "--cacert", file(trusted)});
        return run({.words = words, .folder = {}, .input = {}});
    }
    [[nodiscard]] std::string url(const std::string& path = "/") const {
        return "https://127.0.0.1:" + std::to_string(port_) + path;
    }
    void expect_service() {
        Client client(file("web.pem"), port_);
        EXPECT_THAT(client.ask(get_front), EndsWith("front\n"));
    }

    World world_;
    std::uint16_t port_ = 0;
};
INSTANTIATE_TEST_SUITE_P(OnTee,
                         Https,
                         testing::Values("native", "sgx", "trustzone", "trustzone-aarch64"),
                         [](const auto& info) {
                             std::string name = info.param;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

TEST_P(Https, CurlTrustsTheCertificateThatTheOwnerGotAndNoOther) {
    const Result page = curl({url()});
    EXPECT_EQ(page.status, 0) << page.err;
    EXPECT_THAT(page.out, EndsWith("front\n"));
    const std::uint16_t other = serve("init-other", "other.pem");
    EXPECT_NE(world_.read("other.pem"), world_.read("web.pem"));
    EXPECT_EQ(curl({url()}, "other.pem").status, 60) << "a certificate that it does not trust";
    port_ = other;
    EXPECT_EQ(curl({url()}, "other.pem").status, 0);
}

TEST_P(Https, OpenSslShakesHands) {
    const Result said = run({.words = {"/usr/bin/openssl",
                                       "s_client",
                                       "-connect",
                                       "127.0.0.1:" + std::to_string(port_),
                                       "-CAfile",
                                       file("web.pem"),
                                       "-verify_return_error",
                                       "-verify_ip",
                                       "127.0.0.1"},
                             .folder = {},
                             .input = {}});
    EXPECT_THAT(said.out, HasSubstr("Verify return code: 0 (ok)"));
    EXPECT_THAT(said.out, HasSubstr("TLSv1.2, Cipher is ECDHE-ECDSA-AES128-GCM-SHA256"));
}

TEST_P(Https, ClientsThatVerifyQuotesThemselvesNeedNoOwnerOnSgx) {
    const std::string port = std::to_string(port_);
    const Result said =
        run({.words = {"/bin/sh",
                       "-c",
                       "/usr/bin/openssl s_client -connect 127.0.0.1:" + port +
                           " </dev/null | /usr/bin/openssl x509 > " + file("served.pem")},
             .folder = {},
             .input = {}});
    ASSERT_EQ(said.status, 0) << said.err;
    EXPECT_EQ(world_.read("served.pem"), world_.read("web.pem"));
    const std::string collateral = world_.state("cloud") / "sgx-collateral";
    const auto verify = [&](const std::string& certificate, const std::string& module) {
        return run({.words = {program("authex"),
                              "verify",
                              file(certificate),
                              "--collateral",
                              collateral,
                              "--root",
                              collateral + "/tcb_chain.pem",
                              "--mrenclave",
                              world_.module(module).at("identity").get<std::string>(),
                              "--json"},
                    .folder = {},
                    .input = {}});
    };
    if (std::string(GetParam()) != "sgx") {
        EXPECT_FALSE(std::filesystem::exists(collateral)) << "there is nothing to verify";
        EXPECT_EQ(verify("served.pem", "web").status, 1);
        return;
    }
    const Result accepted = verify("served.pem", "web");
    EXPECT_EQ(accepted.status, 0) << accepted.out;
    EXPECT_EQ(nlohmann::json::parse(accepted.out)["certificate_key_bound"], true);
    // A new process has a new key, and evidence for it.
    world_.must({"restart", "web"});
    world_.must({"up"});
    port_ = serve("init", "web.pem");
    EXPECT_NE(world_.read("web.pem"), world_.read("served.pem"));
    EXPECT_EQ(verify("web.pem", "web").status, 0);
    // Attesting the same process again changes nothing that clients have.
    world_.must({"attest", "web"});
    expect_service();
}

// OpenSSL's tools and the format's description are all that somebody else needs.
TEST_P(Https, OpenSslFindsTheEvidenceOnSgx) {
    const auto tool = [&](const std::string& command) {
        const Result result = run({.words = {"/bin/sh", "-c", "/usr/bin/openssl " + command},
                                   .folder = world_.folder(),
                                   .input = {}});
        EXPECT_EQ(result.status, 0) << command << ": " << result.err;
        return result.out;
    };
    const std::string text = tool("x509 -in web.pem -noout -text");
    if (std::string(GetParam()) != "sgx") {
        EXPECT_THAT(text, Not(HasSubstr("2.23.133.5.4.9")));
        return;
    }
    EXPECT_THAT(text, HasSubstr("2.23.133.5.4.9:"));
    const std::string parsed = tool("asn1parse -in web.pem");
    const std::size_t extension = parsed.find(":2.23.133.5.4.9\n");
    ASSERT_NE(extension, std::string::npos) << parsed;
    const std::string offset =
        std::to_string(std::stoul(parsed.substr(parsed.find('\n', extension))));
    tool("asn1parse -in web.pem -strparse " + offset + " -noout -out evidence");
    // CBOR: the tag 60000, two byte strings, of which the first has a length of two bytes.
    const std::string evidence = world_.read("evidence");
    ASSERT_THAT(evidence, StartsWith("\xD9\xEA\x60\x82\x59"));
    const auto byte = [&](std::size_t at) {
        return std::size_t{static_cast<std::uint8_t>(evidence.at(at))};
    };
    const std::size_t quote_bytes = byte(5) << 8U | byte(6);
    const std::size_t claims_at = 7 + quote_bytes + 2;
    ASSERT_LT(claims_at, evidence.size());
    ASSERT_EQ(byte(claims_at - 2), 0x58U);
    ASSERT_EQ(byte(claims_at - 1), evidence.size() - claims_at);
    const std::string quote = evidence.substr(7, quote_bytes);
    const std::string claims = evidence.substr(claims_at);
    world_.write("quote", quote);
    world_.write("claims", claims);
    EXPECT_EQ(tool("dgst -sha256 -binary claims"), quote.substr(48 + 320, 32)) << "report data";
    EXPECT_THAT(claims,
                EndsWith(tool("x509 -in web.pem -noout -pubkey | /usr/bin/openssl pkey "
                              "-pubin -outform DER | /usr/bin/openssl dgst -sha256 "
                              "-binary")));
    const std::string collateral = world_.state("cloud") / "sgx-collateral";
    const Result verdict = run({.words = {program("authex"),
                                          "verify",
                                          file("quote"),
                                          "--collateral",
                                          collateral,
                                          "--root",
                                          collateral + "/tcb_chain.pem",
                                          "--mrenclave",
                                          world_.module("web").at("identity").get<std::string>()},
                                .folder = {},
                                .input = {}});
    EXPECT_EQ(verdict.status, 0) << verdict.out << verdict.err;
}

TEST_P(Https, WhoHasNotTheTokenIsTurnedAway) {
    EXPECT_THAT(curl({url("/guarded")}).out, StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(curl({"-H", "Authorization: Bearer sesamf", url("/guarded")}).out,
                StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(curl({"-H", "Authorization: Bearer sesame", url("/guarded")}).out,
                EndsWith("guarded\n"));
}

TEST_P(Https, TooMuchIsRefusedAndSaidSo) {
    world_.write("large", std::string(8192, 'x'));
    EXPECT_THAT(curl({"--data-binary", "@" + file("large"), url("/echo")}).out,
                EndsWith(std::string(8192, 'x')));
    world_.write("large", std::string(1 << 20, 'x'));
    EXPECT_THAT(curl({"-H", "Expect:", "--data-binary", "@" + file("large"), url("/echo")}).out,
                StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(curl({"-H", "X: " + std::string(9000, 'x'), url()}).out,
                StartsWith("HTTP/1.1 431 "));
    EXPECT_THAT(curl({url("/" + std::string(9000, 'x'))}).out, StartsWith("HTTP/1.1 414 "));
}

TEST_P(Https, AHundredClientsAtOnceAllGetTheirPage) {
    std::atomic<int> served{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 100; ++i) {
        threads.emplace_back([&] {
            Client client(file("web.pem"), port_);
            served += client.ask(get_front).ends_with("front\n") ? 1 : 0;
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(served, 100);
}

TEST_P(Https, ClientsThatSayNothingOrLittleKeepNobodyOut) {
    std::vector<int> slow;
    for (int i = 0; i < 40; ++i) {
        slow.push_back(connected_to(port_));
        if (i % 2 == 0) {
            EXPECT_EQ(::send(slow.back(), "\x16\x03\x01", 3, MSG_NOSIGNAL), 3);
        }
    }
    expect_service();
    for (const int fd : slow) {
        ::close(fd);
    }
    expect_service();
}

TEST_P(Https, WhoChangesBytesOnTheWayEndsAConnectionAndLearnsNothing) {
    HostileProxy proxy(port_, 1);
    const auto proxy_port = static_cast<std::uint16_t>(
        std::stoi(proxy.address().substr(proxy.address().rfind(':') + 1)));
    {
        Client through(file("web.pem"), proxy_port);
        EXPECT_THAT(through.ask(get_front), EndsWith("front\n")) << "as long as nothing is changed";
        proxy.set_harm({.corrupt = 100});
        EXPECT_EQ(through.ask(get_front), "");
    }
    for (int i = 0; i < 10; ++i) {
        Client harmed(file("web.pem"), proxy_port);
        EXPECT_EQ(harmed.ask(get_front), "");
        expect_service();
    }
}

TEST_P(Https, AServerThatStartsAnewHasAnotherKey) {
    const std::string before = world_.read("web.pem");
    world_.must({"restart", "web"});
    world_.must({"up"});
    port_ = serve("init", "web.pem");
    EXPECT_NE(world_.read("web.pem"), before);
    expect_service();
}

} // namespace
} // namespace authex::test
