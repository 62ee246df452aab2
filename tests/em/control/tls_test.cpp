// Who may speak to a node with TLS, and what becomes of those who may not.
#include <csignal>
#include <fstream>
#include <poll.h>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "certificates.hpp"
#include "server_fixture.hpp"

namespace authex::em {
namespace {

using test::Client;
using test::PemPair;

/// A plain TCP connection to the server's port.
class Socket {
  public:
    explicit Socket(const std::string& address)
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in target{};
        target.sin_family = AF_INET;
        target.sin_port = htons(*port_of(address));
        target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&target), sizeof target) == 0;
    }
    ~Socket() { ::close(fd_); }
    Socket(Socket&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
    Socket& operator=(Socket&&) = delete;
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    [[nodiscard]] bool connected() const { return connected_; }
    [[nodiscard]] int fd() const { return fd_; }
    void send(const std::string& bytes) const {
        (void)::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    /// Whether the other end closes within the time; what it says before is thrown away.
    [[nodiscard]] bool closes(int milliseconds = 15'000) const {
        pollfd waited{.fd = fd_, .events = POLLIN, .revents = 0};
        char sink[4096];
        while (::poll(&waited, 1, milliseconds) == 1) {
            if (::recv(fd_, sink, sizeof sink, 0) <= 0) {
                return true;
            }
        }
        return false;
    }

  private:
    int fd_;
    bool connected_ = false;
};

const std::string loaded_image(1000, 'i');

class TlsTest : public test::ServerTest {
  protected:
    void SetUp() override {
        // OpenSSL writes to sockets that the server has closed.
        (void)std::signal(SIGPIPE, SIG_IGN);
        const PemPair node = authority.issue("node");
        folder.write("tls/node.crt", node.certificate);
        folder.write("tls/node.key", node.key);
        folder.write("tls/ca.crt", authority.pem() + other_authority.pem());
        open(tls_files_in(folder.path() / "tls"));
    }
    [[nodiscard]] std::shared_ptr<grpc::ChannelCredentials> credentials(const PemPair& own) const {
        return grpc::SslCredentials({authority.pem(), own.key, own.certificate});
    }
    std::unique_ptr<Client> client(const PemPair& own, std::uint32_t deployment = 1) {
        return std::make_unique<Client>(server->address(), credentials(own), deployment);
    }
    /// The code of a call that must not come through.
    std::string refusal(const std::shared_ptr<grpc::ChannelCredentials>& own) {
        Client stranger(server->address(), own);
        v1::HelloRequest request;
        request.add_protocol_versions(1);
        v1::HelloReply reply;
        return stranger.call(&Client::Stub::Hello, request, &reply);
    }
    test::Authority authority{"authority"};
    test::Authority other_authority{"another authority"};
};

TEST_F(TlsTest, ClientWithACertificateOfTheAuthorityIsServed) {
    EXPECT_EQ(client(authority.issue("alice"))->hello(), "ok");
}

TEST_F(TlsTest, ClientWithoutACertificateCanDoNothing) {
    EXPECT_EQ(refusal(grpc::SslCredentials({authority.pem(), "", ""})), "node-unreachable");
}

TEST_F(TlsTest, ClientOfAForeignAuthorityCanDoNothing) {
    test::Authority foreign("authority");
    EXPECT_EQ(refusal(credentials(foreign.issue("alice"))), "node-unreachable");
}

TEST_F(TlsTest, ClientWithAnExpiredCertificateCanDoNothing) {
    EXPECT_EQ(refusal(credentials(authority.issue("alice", {.valid_s = -60}))), "node-unreachable");
}

TEST_F(TlsTest, ClientWithoutTlsCanDoNothing) {
    EXPECT_EQ(refusal(grpc::InsecureChannelCredentials()), "node-unreachable");
}

TEST_F(TlsTest, ClientWhoseKeyIsNotTheCertificatesCanDoNothing) {
    const PemPair alice = authority.issue("alice");
    const PemPair mallory = authority.issue("mallory");
    EXPECT_NE(refusal(credentials({alice.certificate, mallory.key})), "ok");
}

TEST_F(TlsTest, DeploymentBelongsToTheAuthorityWhoseOwnerFirstSaidHello) {
    const PemPair alice = authority.issue("same name");
    const auto owner = client(alice);
    ASSERT_EQ(owner->hello(), "ok");
    ASSERT_EQ(owner->load("a", loaded_image).code(), "ok");
    const auto other = client(other_authority.issue("same name"));
    EXPECT_EQ(other->hello(), "deployment-taken");
    EXPECT_EQ(other->status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
    v1::StatusReply reply;
    EXPECT_EQ(other->call(&Client::Stub::Status, v1::StatusRequest(), &reply), "not-owner");
    EXPECT_EQ(other->status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_EQ(other->stop("a"), "not-owner");
    EXPECT_EQ(other->remove("a"), "not-owner");
    EXPECT_EQ(other->enter("a", 0, ""), "not-owner");
    EXPECT_EQ(other->reset(), "not-owner");
    EXPECT_EQ(other->load("b", loaded_image).code(), "not-owner");
    test::LogReader logs(*other, "", true);
    EXPECT_EQ(logs.next(), "");
    EXPECT_EQ(logs.code(), "not-owner");
    EXPECT_EQ(owner->module("a").state(), v1::ModuleStatus::RUNNING);
    EXPECT_EQ(client(authority.renew(alice, "another name"))->hello(), "ok");
    EXPECT_EQ(client(authority.issue("bob"))->hello(), "ok")
        << "every owner's certificate of the authority speaks for the same owner";
}

TEST_F(TlsTest, OwnersAreRememberedOverARestart) {
    const PemPair alice = authority.issue("alice");
    ASSERT_EQ(client(alice)->hello(), "ok");
    reopen();
    EXPECT_EQ(client(other_authority.issue("bob"))->hello(), "deployment-taken");
    EXPECT_EQ(client(alice)->hello(), "ok");
}

TEST_F(TlsTest, ResetFreesTheDeploymentForAnotherOwner) {
    const auto alice = client(authority.issue("alice"));
    ASSERT_EQ(alice->hello(), "ok");
    ASSERT_EQ(alice->reset(), "ok");
    const auto bob = client(other_authority.issue("bob"));
    EXPECT_EQ(bob->hello(), "ok");
    EXPECT_EQ(alice->load("a", loaded_image).code(), "not-owner");
}

TEST_F(TlsTest, GarbageBeforeTheHandshakeIsDroppedAndTheServiceGoesOn) {
    for (const std::string& garbage :
         {std::string("GET / HTTP/1.1\r\n\r\n"),
          std::string(100'000, '\0'),
          std::string(100'000, '\xFF'),
          std::string("\x16\x03\x01\xff\xff", 5) + std::string(70'000, 'x'),
          std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")}) {
        const Socket socket(server->address());
        ASSERT_TRUE(socket.connected());
        socket.send(garbage);
        EXPECT_TRUE(socket.closes());
    }
    EXPECT_EQ(client(authority.issue("alice"))->hello(), "ok");
}

TEST_F(TlsTest, GarbageAfterTheHandshakeIsDroppedAndTheServiceGoesOn) {
    const PemPair alice = authority.issue("alice");
    folder.write("alice.pem", alice.certificate + alice.key);
    const std::string file = (folder.path() / "alice.pem").string();
    for (const std::string& garbage :
         {std::string(100'000, '\0'),
          std::string(100'000, 'x'),
          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(100'000, '\xFF'),
          // SETTINGS, then HEADERS of 16 MiB - 1 (RFC 9113 §4.1)
          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9) +
              std::string("\xFF\xFF\xFF\1\4\0\0\0\1", 9) + std::string(10'000, 'y')}) {
        const Socket socket(server->address());
        const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
            SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
        ASSERT_EQ(SSL_CTX_use_certificate_file(context.get(), file.c_str(), SSL_FILETYPE_PEM), 1);
        ASSERT_EQ(SSL_CTX_use_PrivateKey_file(context.get(), file.c_str(), SSL_FILETYPE_PEM), 1);
        const unsigned char http2[] = {2, 'h', '2'};
        SSL_CTX_set_alpn_protos(context.get(), http2, sizeof http2);
        const std::unique_ptr<SSL, decltype(&SSL_free)> session(SSL_new(context.get()), SSL_free);
        SSL_set_fd(session.get(), socket.fd());
        ASSERT_EQ(SSL_connect(session.get()), 1);
        (void)SSL_write(session.get(), garbage.data(), static_cast<int>(garbage.size()));
        EXPECT_TRUE(socket.closes());
    }
    EXPECT_EQ(client(alice)->hello(), "ok");
}

TEST_F(TlsTest, AThousandHalfOpenClientsDoNotStopTheService) {
    options.handshake_ms_max = 2000;
    reopen();
    std::vector<Socket> silent;
    for (int i = 0; i < 1000; ++i) {
        Socket& socket = silent.emplace_back(server->address());
        ASSERT_TRUE(socket.connected());
        if (i % 2 == 0) {
            socket.send(std::string("\x16\x03\x01\x02", 4)); // the beginning of a ClientHello
        }
    }
    EXPECT_EQ(client(authority.issue("alice"))->hello(), "ok");
    EXPECT_TRUE(silent.front().closes()) << "who does not finish the handshake is let go";
    EXPECT_TRUE(silent.back().closes());
}

TEST_F(TlsTest, FilesThatDoNotFitAreRefusedByName) {
    const auto refused = [&](const std::string& file, const std::string& content) {
        const auto path = folder.path() / "tls" / file;
        std::ifstream before(path);
        const std::string kept((std::istreambuf_iterator<char>(before)), {});
        folder.write("tls/" + file, content);
        const auto opened = open_credentials(tls_files_in(folder.path() / "tls"));
        folder.write("tls/" + file, kept);
        return opened ? std::string("taken") : opened.error().summary;
    };
    EXPECT_THAT(refused("node.crt", "x"), testing::HasSubstr("node.crt: is no certificate"));
    EXPECT_THAT(refused("node.key", "x"), testing::HasSubstr("node.key: is no unencrypted"));
    EXPECT_THAT(refused("ca.crt", ""), testing::HasSubstr("ca.crt: is empty"));
    EXPECT_THAT(refused("node.key", authority.issue("other").key),
                testing::HasSubstr("node.key: does not belong"));
    EXPECT_FALSE(open_credentials(tls_files_in(folder.path() / "none")));
    EXPECT_TRUE(open_credentials(tls_files_in(folder.path() / "tls")));
}

} // namespace
} // namespace authex::em
