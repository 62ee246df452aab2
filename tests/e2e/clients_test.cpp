// Clients that nobody asked for: silent, slow, many, or saying what nobody understands.
#include <csignal>
#include <random>
#include <unistd.h>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "counted.hpp"

namespace authex::test {
namespace {

using ::testing::HasSubstr;

/// A TCP connection to a port of loopback; not open where it was refused.
class Socket {
  public:
    explicit Socket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        // Where the other end does not accept, connecting must not hang for minutes.
        const timeval patience{.tv_sec = 2, .tv_usec = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        open_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    ~Socket() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), open_(other.open_) {}
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    Socket& operator=(Socket&&) = delete;

    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] bool open() const { return open_; }
    bool say(const std::string& bytes) const {
        return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
               static_cast<ssize_t>(bytes.size());
    }

  private:
    int fd_;
    bool open_ = false;
};

std::string noise(std::size_t bytes, unsigned seed) {
    std::mt19937 random(seed);
    std::string text(bytes, '\0');
    for (char& c : text) {
        c = static_cast<char>(random());
    }
    return text;
}

/// What clients may say first: nothing, bits of the protocols, the longest that they allow, more.
std::vector<std::string> garbage() {
    std::vector<std::string> all = {
        "",
        std::string("\x16\x03\x01", 3),                         // TLS: begins a handshake
        std::string("\x16\x03\x01\x40\x00\x01\x00\x3f\xfc", 9), // TLS: announces 16 KiB
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",                     // HTTP/2: begins a connection
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff", 27),
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        std::string(12, '\xff'), // a record of 4 GiB
        std::string(12, '\0'),   // an empty one
    };
    for (const std::size_t bytes : {1U, 11U, 12U, 13U, 1023U, 65'536U, 262'144U, 262'145U}) {
        all.push_back(noise(bytes, static_cast<unsigned>(bytes)));
    }
    return all;
}

class Clients : public ::testing::Test {
  protected:
    void SetUp() override {
        // A thousand sockets and some more.
        rlimit files{};
        ::getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &files);
    }
    [[nodiscard]] std::vector<std::uint16_t> ports() const {
        return {world_.events_port("left"),
                world_.events_port("right"),
                world_.control_port("left"),
                world_.control_port("right")};
    }
    /// Both planes work, also for who comes only now.
    void expect_service(std::uint32_t events) {
        world_.manager("right").signal(SIGKILL);
        (void)world_.manager("right").wait();
        world_.restart_manager("right");
        world_.begin({.events = events, .batch = 16, .pause_us = 0});
        EXPECT_TRUE(world_.arrives(events));
        EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
    }
    Counted world_;
};

TEST_F(Clients, AThousandThatSayNothingOrLittleOnEachPortKeepNobodyOut) {
    world_.start_managers_with_tls({"--tls-events"});
    world_.must({"up"});
    std::vector<Socket> clients;
    for (const std::uint16_t port : {world_.events_port("left"), world_.control_port("left")}) {
        for (int i = 0; i < 1000; ++i) {
            clients.emplace_back(port);
            // Half of them speak TLS, slowly.
            (void)clients.back().say(i % 2 == 0 ? "" : std::string("\x16\x03\x01", 3));
        }
    }
    world_.begin({.events = 1000, .batch = 16, .pause_us = 0});
    EXPECT_TRUE(world_.arrives(1000));
    for (std::size_t i = 1; i < clients.size(); i += 2) {
        (void)clients[i].say("\x02"); // one more byte of the record's header
    }
    std::uint32_t events = 1000;
    world_.manager("right").signal(SIGKILL);
    (void)world_.manager("right").wait();
    world_.restart_manager("right");
    world_.begin({.events = 1000, .batch = 16, .pause_us = 0});
    events += 1000;
    EXPECT_TRUE(world_.arrives(events)) << "a peer that comes now is let in";
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
}

TEST_F(Clients, WhoSendGarbageToAnyPortWithTlsBeforeTheHandshakeHarmNobody) {
    world_.start_managers_with_tls({"--tls-events"});
    world_.must({"up"});
    std::vector<Socket> clients;
    for (const std::uint16_t port : ports()) {
        for (const std::string& text : garbage()) {
            clients.emplace_back(port);
            ASSERT_TRUE(clients.back().open());
            (void)clients.back().say(text);
        }
    }
    world_.begin({.events = 1000, .batch = 16, .pause_us = 0});
    EXPECT_TRUE(world_.arrives(1000));
    EXPECT_TRUE(world_.manager("left").running() && world_.manager("right").running());
}

TEST_F(Clients, WhoSendGarbageToAnyPortAfterAHandshakeWithANodesOwnCertificateHarmNobody) {
    world_.start_managers_with_tls({"--tls-events"});
    world_.must({"up"});
    const std::string tls = world_.folder() / "tls/";
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    ASSERT_EQ(SSL_CTX_use_certificate_chain_file(context.get(), (tls + "node.crt").c_str()), 1);
    ASSERT_EQ(
        SSL_CTX_use_PrivateKey_file(context.get(), (tls + "node.key").c_str(), SSL_FILETYPE_PEM),
        1);
    (void)std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes to what the other end has closed
    std::vector<Socket> clients;
    int shaken = 0;
    for (const std::uint16_t port : ports()) {
        for (const std::string& text : garbage()) {
            clients.emplace_back(port);
            const std::unique_ptr<SSL, decltype(&SSL_free)> session(SSL_new(context.get()),
                                                                    SSL_free);
            static constexpr unsigned char http2[] = {2, 'h', '2'};
            SSL_set_alpn_protos(session.get(), http2, sizeof http2);
            SSL_set_fd(session.get(), clients.back().fd());
            shaken += SSL_connect(session.get()) == 1 ? 1 : 0;
            (void)SSL_write(session.get(), text.data(), static_cast<int>(text.size()));
        }
    }
    EXPECT_EQ(static_cast<std::size_t>(shaken), clients.size());
    world_.begin({.events = 1000, .batch = 16, .pause_us = 0});
    EXPECT_TRUE(world_.arrives(1000));
    EXPECT_TRUE(world_.manager("left").running() && world_.manager("right").running());
}

TEST_F(Clients, WhoSendGarbageInPlaintextHarmNobodyWhoComesLater) {
    world_.start_managers();
    world_.must({"up"});
    std::vector<Socket> clients;
    for (const std::uint16_t port : ports()) {
        for (const std::string& text : garbage()) {
            clients.emplace_back(port);
            (void)clients.back().say(text);
        }
    }
    expect_service(1000);
}

TEST_F(Clients, PayloadsOfTheLargestSizePassAndOneByteMoreIsRefusedWhereItIsSent) {
    world_.start_managers();
    world_.must({"up"});
    constexpr std::size_t largest = 65'536; // wire::max_body_bytes
    for (const std::size_t bytes : {largest - 1, largest}) {
        world_.write("payload", std::string(bytes, 'x'));
        // A request: its reply says that the module has taken it.
        const Result result = world_.authex({"request", "sent", "--file", "payload"});
        EXPECT_EQ(result.status, 0) << bytes << result.err;
    }
    world_.write("payload", std::string(largest + 1, 'x'));
    for (const char* command : {"request", "output"}) {
        const Result result = world_.authex(
            {command, command == std::string("request") ? "sent" : "begin", "--file", "payload"});
        EXPECT_EQ(result.status, 1);
        EXPECT_THAT(result.err, HasSubstr("65536"));
    }
    EXPECT_EQ(world_.sent(), 0U);
}

} // namespace
} // namespace authex::test
