// A data plane and those outside: clients of streams, and peers over TLS.
#include <array>
#include <cstdio>
#include <filesystem>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "em/data/plane_nodes.hpp"
#include "support/temporary_folder.hpp"

namespace authex::em {
namespace {

using namespace plane_test;

TEST(DataPlane, ServesStreams) {
    Node node;
    node.add("m", Node::attested());
    ASSERT_TRUE(node.call("m", test::endpoint_listen, {0, 0}).has_value());
    ASSERT_TRUE(eventually([&] { return node.report("m").port != 0; }));
    const auto port = static_cast<std::uint16_t>(node.report("m").port);
    constexpr int clients_count = 450; // both ends count against the usual limit of 1,024 files
    std::vector<int> clients;
    for (int i = 0; i < clients_count; ++i) {
        clients.push_back(connect_to(port));
        const std::string text = "hello " + std::to_string(i);
        ASSERT_EQ(::send(clients.back(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    for (int i = 0; i < clients_count; ++i) {
        const std::string text = "hello " + std::to_string(i);
        std::string got(text.size(), '\0');
        ASSERT_EQ(::recv(clients[static_cast<std::size_t>(i)], got.data(), got.size(), MSG_WAITALL),
                  static_cast<ssize_t>(got.size()));
        EXPECT_EQ(got, text);
        ::shutdown(clients[static_cast<std::size_t>(i)], SHUT_WR);
        EXPECT_EQ(::recv(clients[static_cast<std::size_t>(i)], got.data(), got.size(), 0), 0);
        ::close(clients[static_cast<std::size_t>(i)]);
    }
}

TEST(DataPlane, EchoesMoreThanAllBuffersToASlowClient) {
    Node node;
    node.add("m", Node::attested());
    ASSERT_TRUE(node.call("m", test::endpoint_listen, {0, 0}).has_value());
    ASSERT_TRUE(eventually([&] { return node.report("m").port != 0; }));
    const int client = connect_to(static_cast<std::uint16_t>(node.report("m").port));
    constexpr std::size_t total = 8 << 20;
    std::thread writer([client] {
        const std::string piece(64 * 1024, 'x');
        for (std::size_t sent = 0; sent < total; sent += piece.size()) {
            std::size_t at = 0;
            while (at < piece.size()) {
                const ssize_t n =
                    ::send(client, piece.data() + at, piece.size() - at, MSG_NOSIGNAL);
                if (n <= 0) {
                    return;
                }
                at += static_cast<std::size_t>(n);
            }
        }
    });
    std::size_t got = 0;
    std::vector<char> buffer(16 * 1024);
    while (got < total) {
        const ssize_t n = ::recv(client, buffer.data(), buffer.size(), 0);
        if (n <= 0) {
            break;
        }
        got += static_cast<std::size_t>(n);
        if (got % (1 << 20) < 16 * 1024) {
            EXPECT_TRUE(node.call("m", test::endpoint_echo, {1}).has_value());
        }
    }
    EXPECT_EQ(got, total);
    ::shutdown(client, SHUT_RDWR);
    writer.join();
    ::close(client);
}

// P68
TEST(DataPlane, ReadsFromAPulledStreamOnePieceEachTimeTheModuleAsks) {
    Node node;
    node.add("m", Node::attested());
    ASSERT_TRUE(node.call("m", test::endpoint_listen, {0, 0, 1}).has_value());
    ASSERT_TRUE(eventually([&] { return node.report("m").port != 0; }));
    const int client = connect_to(static_cast<std::uint16_t>(node.report("m").port));
    const std::string text(64 * 1024, 'x'); // at least four pieces
    ASSERT_EQ(::send(client, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
    ASSERT_TRUE(eventually([&] { return node.report("m").stream != 0; }));
    std::vector<char> buffer(16 * 1024);
    for (std::uint64_t pulls = 0; pulls < 4; ++pulls) {
        EXPECT_EQ(node.report("m").pieces, pulls);
        EXPECT_TRUE(node.call("m", test::endpoint_pull, {}).has_value());
        EXPECT_TRUE(eventually([&] { return node.report("m").pieces != pulls; }));
        EXPECT_GT(::recv(client, buffer.data(), buffer.size(), 0), 0);
    }
    ::close(client);
    EXPECT_TRUE(node.call("m", test::endpoint_pull, {}).has_value()) << "of one that is gone";
}

TEST(DataPlane, GivesTheLastWordToAClientThatStillSends) {
    Node node;
    node.add("m", Node::attested());
    ASSERT_TRUE(node.call("m", test::endpoint_listen, {0, 0, 0, 1}).has_value());
    ASSERT_TRUE(eventually([&] { return node.report("m").port != 0; }));
    const int client = connect_to(static_cast<std::uint16_t>(node.report("m").port));
    // More than the node takes for the module: the rest would meet a closed socket.
    const std::string text(256 * 1024, 'x');
    ASSERT_EQ(::send(client, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
    ASSERT_TRUE(eventually([&] { return node.report("m").pieces != 0; }));
    std::size_t got = 0;
    ssize_t count = 0;
    std::vector<char> buffer(16 * 1024);
    while ((count = ::recv(client, buffer.data(), buffer.size(), 0)) > 0) {
        got += static_cast<std::size_t>(count);
    }
    EXPECT_EQ(count, 0) << "the end, and no reset";
    EXPECT_GT(got, 0U);
    ::close(client);
}

template <typename T>
T* read_pem(const std::filesystem::path& path, T* (*read)(FILE*, T**, pem_password_cb*, void*)) {
    FILE* file = std::fopen(path.c_str(), "r");
    T* found = read(file, nullptr, nullptr, nullptr);
    std::fclose(file);
    return found;
}

/// A self-signed certificate for 127.0.0.1, its own authority; or one for clients alone, signed
/// with the certificate and key of `issuer`.
void make_certificate(const std::filesystem::path& certificate,
                      const std::filesystem::path& key,
                      const std::pair<std::string, std::string>& issuer = {}) {
    const bool self_signed = issuer.first.empty();
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* made = X509_new();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, pair);
    X509_NAME* name = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(
        name,
        "CN",
        MBSTRING_ASC,
        reinterpret_cast<const unsigned char*>(self_signed ? "test" : "guest"),
        -1,
        -1,
        0);
    X509* signer = self_signed ? made : read_pem(issuer.first, PEM_read_X509);
    EVP_PKEY* signing = self_signed ? pair : read_pem(issuer.second, PEM_read_PrivateKey);
    X509_set_issuer_name(made, X509_get_subject_name(signer));
    for (const auto& [id, value] : {std::pair{NID_subject_alt_name, "IP:127.0.0.1"},
                                    self_signed ? std::pair{NID_basic_constraints, "CA:TRUE"}
                                                : std::pair{NID_ext_key_usage, "clientAuth"}}) {
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
        X509_add_ext(made, extension, -1);
        X509_EXTENSION_free(extension);
    }
    X509_sign(made, signing, EVP_sha256());
    FILE* file = std::fopen(certificate.c_str(), "w");
    PEM_write_X509(file, made);
    std::fclose(file);
    file = std::fopen(key.c_str(), "w");
    PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    if (!self_signed) {
        X509_free(signer);
        EVP_PKEY_free(signing);
    }
    X509_free(made);
    EVP_PKEY_free(pair);
}

TEST(DataPlane, CarriesEventsOverTlsAndRefusesStrangers) {
    test::TemporaryFolder folder;
    const auto file = [&](const char* name) { return (folder.path() / name).string(); };
    make_certificate(file("us.pem"), file("us.key"));
    make_certificate(file("them.pem"), file("them.key"));
    make_certificate(file("guest.pem"), file("guest.key"), {file("us.pem"), file("us.key")});
    const auto options = [&](const std::string& who) {
        const std::string authority = who == "guest" ? "us" : who;
        return DataPlaneOptions{.tls_certificate = file((who + ".pem").c_str()),
                                .tls_key = file((who + ".key").c_str()),
                                .tls_authority = file((authority + ".pem").c_str())};
    };
    Node from(options("us"));
    Node to(options("us"));
    join(from, to, to.plane->events_address());
    expect_arrives(from, to, 20'000);
    // A guest's certificate is of the same authority, but no node's: it is for clients alone.
    for (const DataPlaneOptions& stranger :
         {options("them"), options("guest"), DataPlaneOptions{}}) {
        Node other(stranger);
        auto a = Node::attested();
        a->connect(9, test::endpoint_out, true, 1);
        other.add("a", a);
        ASSERT_TRUE(other.plane->connect({.deployment = 1,
                                          .channel = 9,
                                          .epoch = 1,
                                          .source_module = "a",
                                          .destination_address = to.plane->events_address()}));
        EXPECT_TRUE(eventually([&] {
            const LinkState link = other.plane->snapshot().links.at(0);
            return !link.up && link.error != "not connected yet";
        }));
    }
    expect_arrives(from, to, 100);
    DataPlaneOptions broken = options("us");
    broken.tls_key = file("them.key");
    Watcher watcher;
    EXPECT_EQ(DataPlane::open(broken, watcher).error().code, "tls");
}

} // namespace
} // namespace authex::em
