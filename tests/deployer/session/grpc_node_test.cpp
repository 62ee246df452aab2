#include "deployer/grpc_node.hpp"

#include <fstream>
#include <latch>
#include <sstream>

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "authex/v1/node.grpc.pb.h"
#include "rpc/status.hpp"
#include "support/temporary_folder.hpp"

namespace authex::deployer {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string content_of(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}
template <typename T>
std::string code_of(const Expected<T>& outcome) {
    return outcome ? "ok" : outcome.error().code;
}

/// Answers as a test wants it to.
class Manager final : public v1::Node::Service {
  public:
    grpc::Status
    Hello(grpc::ServerContext* call, const v1::HelloRequest*, v1::HelloReply* reply) override {
        has_deadline = call->deadline() < std::chrono::system_clock::now() + 1h;
        reply->set_node_id("0123456789abcdef");
        return grpc::Status::OK;
    }
    grpc::Status Stop(grpc::ServerContext*, const v1::ModuleRequest*, v1::ModuleReply*) override {
        return rpc::to_status(make_error("unknown-module", "no such module", "deploy it first"));
    }
    grpc::Status Status(grpc::ServerContext*, const v1::StatusRequest*, v1::StatusReply*) override {
        caller_gave_up.wait();
        return grpc::Status::OK;
    }
    grpc::Status Load(grpc::ServerContext*,
                      grpc::ServerReaderWriter<v1::LoadProgress, v1::LoadRequest>* call) override {
        if (busy_times > 0) {
            --busy_times;
            return rpc::to_status(make_error("busy", "too many images at once", "try again"));
        }
        v1::LoadRequest request;
        call->Read(&request);
        v1::LoadProgress progress;
        while (call->Read(&request)) {
            chunk_bytes_max = std::max(chunk_bytes_max, request.chunk().size());
            image += request.chunk();
            progress.set_received_bytes(image.size());
            call->Write(progress);
        }
        if (says_ready) {
            progress.set_step(v1::LoadProgress::READY);
            progress.mutable_status()->set_instance(3);
            call->Write(progress);
        }
        return grpc::Status::OK;
    }

    std::latch caller_gave_up{1};
    bool has_deadline = false;
    bool says_ready = true;
    int busy_times = 0;
    std::string image;
    std::size_t chunk_bytes_max = 0;
};

class GrpcNode : public ::testing::Test {
  protected:
    void serve(const std::shared_ptr<grpc::ServerCredentials>& credentials =
                   grpc::InsecureServerCredentials()) {
        int port = 0;
        server = grpc::ServerBuilder()
                     .AddListeningPort("127.0.0.1:0", credentials, &port)
                     .RegisterService(&manager)
                     .BuildAndStart();
        address = "127.0.0.1:" + std::to_string(port);
    }
    void serve_tls(const std::vector<std::string>& hosts) {
        const auto files = make_node_bundle(folder.path() / "app", "edge", hosts, bundle);
        ASSERT_TRUE(files);
        grpc::SslServerCredentialsOptions options(
            GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
        options.pem_root_certs = content_of(files->authority);
        options.pem_key_cert_pairs.push_back(
            {content_of(files->key), content_of(files->certificate)});
        serve(grpc::SslServerCredentials(options));
    }
    std::unique_ptr<Node> node(std::optional<TlsFiles> tls = {},
                               std::chrono::milliseconds timeout = 20s) {
        auto made = make_grpc_node(
            {.name = "edge", .address = address, .tls = std::move(tls), .timeout = timeout});
        EXPECT_TRUE(made);
        return made ? std::move(*made) : nullptr;
    }
    TlsFiles deployer_of(const std::string& application) {
        return *open_deployer_tls(folder.path() / application);
    }

    test::TemporaryFolder folder;
    std::filesystem::path bundle = folder.path() / "bundle";
    Manager manager;
    std::unique_ptr<grpc::Server> server;
    std::string address;
};

TEST_F(GrpcNode, EveryCallHasADeadline) {
    serve();
    const auto hello = node()->hello({});
    ASSERT_TRUE(hello) << hello.error().summary;
    EXPECT_EQ(hello->node_id(), "0123456789abcdef");
    EXPECT_TRUE(manager.has_deadline);
}

TEST_F(GrpcNode, WhatTheManagerMeantIsRestoredAndNamesTheNode) {
    serve();
    const auto stopped = node()->stop({});
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, "unknown-module");
    EXPECT_EQ(stopped.error().summary, "node edge: no such module");
    EXPECT_EQ(stopped.error().fix, "deploy it first");
}

TEST_F(GrpcNode, AManagerThatDoesNotAnswerEndsWithTheDeadline) {
    serve();
    auto impatient = make_grpc_node({.name = "edge", .address = address, .timeout = 200ms});
    ASSERT_TRUE(impatient);
    const auto status = (*impatient)->status({});
    manager.caller_gave_up.count_down();
    ASSERT_EQ(code_of(status), "deadline");
    EXPECT_NE(status.error().summary.find(address), std::string::npos) << status.error().summary;
}

TEST_F(GrpcNode, AManagerThatIsNotThereIsNamedWithTheCommandThatStartsIt) {
    serve();
    server->Shutdown();
    const auto hello = node()->hello({});
    ASSERT_EQ(code_of(hello), "node-unreachable");
    EXPECT_NE(hello.error().summary.find(address), std::string::npos);
    EXPECT_NE(hello.error().fix.find("authex dev"), std::string::npos);
}

TEST_F(GrpcNode, AHostThatHasNoAddressIsSaidToBeThat) {
    address = "no-such-host.invalid:6201"; // RFC 6761 §6.4: never resolves
    const auto hello = node()->hello({});
    ASSERT_EQ(code_of(hello), "node-unreachable");
    EXPECT_NE(hello.error().summary.find("the host of " + address + " has no address"),
              std::string::npos)
        << hello.error().summary;
    EXPECT_NE(hello.error().fix.find("`address:`"), std::string::npos);
}

TEST_F(GrpcNode, AnImageArrivesWholeInChunksThatTheProtocolAllows) {
    serve();
    const std::vector<std::uint8_t> image((std::size_t{600} << 10U) + 1, 0x5A);
    std::uint64_t told = 0;
    const auto loaded = node()->load({}, image, [&](std::uint64_t bytes) { told = bytes; });
    ASSERT_TRUE(loaded) << loaded.error().summary;
    EXPECT_EQ(loaded->instance(), 3U);
    EXPECT_EQ(manager.image, std::string(image.begin(), image.end()));
    EXPECT_LE(manager.chunk_bytes_max, std::size_t{256} << 10U);
    EXPECT_EQ(told, image.size());
}

TEST_F(GrpcNode, ALoadWithoutAReadyModuleIsNoSuccess) {
    serve();
    manager.says_ready = false;
    EXPECT_EQ(code_of(node()->load({}, std::vector<std::uint8_t>(10), {})), "load-unanswered");
}

TEST_F(GrpcNode, AManagerThatIsBusyIsAskedAgain) {
    serve();
    manager.busy_times = 3;
    const auto loaded = node()->load({}, std::vector<std::uint8_t>(10), {});
    ASSERT_TRUE(loaded) << loaded.error().summary;
    EXPECT_EQ(manager.busy_times, 0);
}

TEST_F(GrpcNode, AManagerThatStaysBusyIsGivenUpInTime) {
    serve();
    manager.busy_times = 1'000'000;
    EXPECT_EQ(code_of(node({}, 2s)->load({}, std::vector<std::uint8_t>(10), {})), "busy");
}

TEST_F(GrpcNode, SpeaksTlsWithTheNodesOfItsApplication) {
    serve_tls({"127.0.0.1"});
    const auto hello = node(deployer_of("app"))->hello({});
    EXPECT_TRUE(hello) << hello.error().summary;
}

TEST_F(GrpcNode, RefusesANodeWhoseCertificateNamesAnotherHost) {
    serve_tls({"192.0.2.1", "other.example"});
    const auto hello = node(deployer_of("app"))->hello({});
    ASSERT_EQ(code_of(hello), "node-unreachable");
    EXPECT_THAT(hello.error().summary, HasSubstr("the certificate at " + address));
    EXPECT_THAT(hello.error().fix, HasSubstr("authex node bundle edge --host"));
}

TEST_F(GrpcNode, RefusesANodeOfAnotherAuthority) {
    serve_tls({"127.0.0.1"});
    const auto hello = node(deployer_of("other"))->hello({});
    ASSERT_EQ(code_of(hello), "node-unreachable");
    EXPECT_THAT(hello.error().summary, HasSubstr("the certificate at " + address));
    EXPECT_THAT(hello.error().fix, HasSubstr("`certificate:`"));
}

TEST_F(GrpcNode, SaysNothingInPlaintextToANodeWithTls) {
    serve_tls({"127.0.0.1"});
    const auto hello = node()->hello({});
    ASSERT_EQ(code_of(hello), "node-unreachable");
    EXPECT_THAT(hello.error().summary, HasSubstr("no authex-em in plaintext"));
    EXPECT_THAT(hello.error().fix, HasSubstr("`certificate:`"));
}

TEST_F(GrpcNode, SaysThatANodeSpeaksNoTls) {
    serve();
    const auto hello = node(deployer_of("app"))->hello({});
    ASSERT_EQ(code_of(hello), "node-unreachable");
    EXPECT_THAT(hello.error().summary, HasSubstr("no TLS"));
    EXPECT_THAT(hello.error().fix, HasSubstr("authex-em --tls"));
}

TEST_F(GrpcNode, AMissingCertificateFileIsNamed) {
    const auto made = make_grpc_node({.name = "edge",
                                      .address = "127.0.0.1:1",
                                      .tls = TlsFiles{"/none/a", "/none/b", "/none/c"}});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, "tls");
    EXPECT_NE(made.error().summary.find("/none/a"), std::string::npos);
}

TEST(LoopbackAddress, IsOnlyThisMachineForCertain) {
    for (const char* here : {"127.0.0.1:1", "127.9.8.7:65535", "localhost:80", "[::1]:6000"}) {
        EXPECT_TRUE(is_loopback_address(here)) << here;
    }
    for (const char* elsewhere : {"127.0.0.1.example:1",
                                  "128.0.0.1:1",
                                  "localhost.example:1",
                                  "[::2]:1",
                                  "0.0.0.0:1",
                                  "[::]:1",
                                  "",
                                  ":1"}) {
        EXPECT_FALSE(is_loopback_address(elsewhere)) << elsewhere;
    }
}

} // namespace
} // namespace authex::deployer
