// The control plane over gRPC on loopback, with fake modules.
#include <csignal>
#include <thread>

#include "server_fixture.hpp"

namespace authex::em {
namespace {

using test::Client;
using test::LogReader;

const std::string large_image(300'000, 'i');
const std::string small_image(200, 'o');

class ServiceTest : public test::ServerTest {
  protected:
    void SetUp() override {
        open();
        client = std::make_unique<Client>(server->address());
        ASSERT_EQ(client->hello(), "ok");
    }
    v1::ConnectRequest direct(std::uint32_t channel, const std::string& to) {
        v1::ConnectRequest request;
        request.set_channel(channel);
        request.set_epoch(1);
        request.set_destination_module(to);
        request.set_direct(true);
        return request;
    }
    std::unique_ptr<Client> client;
};

TEST_F(ServiceTest, HelloTellsWhatTheNodeIs) {
    const v1::HelloReply& greeting = client->greeting;
    EXPECT_EQ(greeting.protocol_version(), 1U);
    EXPECT_EQ(greeting.tee(), "native");
    EXPECT_TRUE(greeting.simulated());
    EXPECT_EQ(greeting.node_id().size(), 16U);
    EXPECT_EQ(greeting.boot(), 1U);
    EXPECT_EQ(greeting.evidence_key(), "\x01\x02\x03");
    EXPECT_EQ(greeting.events_address(), server->events_address());
    EXPECT_EQ(greeting.max_image_bytes(), test::FakeLoader::image_bytes_max);
}

TEST_F(ServiceTest, HelloRefusesOtherProtocolVersions) {
    v1::HelloRequest request;
    request.add_protocol_versions(2);
    v1::HelloReply reply;
    EXPECT_EQ(client->call(&Client::Stub::Hello, request, &reply), "protocol-version");
}

TEST_F(ServiceTest, RefusesCallsWithoutADeadline) {
    grpc::ClientContext without;
    v1::StatusRequest request;
    request.set_deployment(1);
    v1::StatusReply reply;
    const grpc::Status status = client->stub().Status(&without, request, &reply);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(rpc::to_diagnostic(status).code, "deadline-missing");

    grpc::ClientContext streamed;
    const auto load = client->stub().Load(&streamed);
    EXPECT_EQ(rpc::to_diagnostic(load->Finish()).code, "deadline-missing");

    grpc::ClientContext followed;
    const auto logs = client->stub().Logs(&followed, v1::LogsRequest());
    EXPECT_EQ(rpc::to_diagnostic(logs->Finish()).code, "deadline-missing");
}

TEST_F(ServiceTest, RefusesADeadlineBeyondADay) {
    v1::StatusReply reply;
    EXPECT_EQ(
        client->call(&Client::Stub::Status, v1::StatusRequest(), &reply, std::chrono::hours(25)),
        "deadline-missing");
}

TEST_F(ServiceTest, RefusesCallsBeforeHello) {
    Client stranger(server->address(), grpc::InsecureChannelCredentials(), 7);
    v1::StatusReply reply;
    EXPECT_EQ(stranger.call(&Client::Stub::Status, v1::StatusRequest(), &reply), "no-hello");
    EXPECT_EQ(stranger.load("a", large_image).code(), "no-hello");
    LogReader logs(stranger, "", false);
    EXPECT_EQ(logs.next(), "");
    EXPECT_EQ(logs.code(), "no-hello");
}

TEST_F(ServiceTest, LoadsAModuleAndSaysHowFarItIs) {
    const test::Loaded loaded = client->load("a", large_image);
    ASSERT_EQ(loaded.code(), "ok");
    ASSERT_EQ(loaded.progress.size(), 3U);
    EXPECT_EQ(loaded.progress[0].step(), v1::LoadProgress::RECEIVED);
    EXPECT_EQ(loaded.progress[0].received_bytes(), large_image.size());
    EXPECT_EQ(loaded.progress[1].step(), v1::LoadProgress::STARTED);
    EXPECT_EQ(loaded.progress[2].step(), v1::LoadProgress::READY);
    EXPECT_EQ(loaded.progress[2].status().state(), v1::ModuleStatus::RUNNING);
    const v1::ModuleStatus status = client->module("a");
    EXPECT_EQ(status.state(), v1::ModuleStatus::RUNNING);
    EXPECT_EQ(status.image_sha256(), test::sha256(large_image));
    EXPECT_EQ(status.instance(), 1U);
    EXPECT_GT(status.started_at_us(), 1'600'000'000'000'000U);
}

TEST_F(ServiceTest, LoadOfTheSameImageChangesNothing) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    const test::Loaded again = client->load("a", large_image);
    EXPECT_EQ(again.code(), "ok");
    ASSERT_FALSE(again.progress.empty());
    EXPECT_EQ(again.progress.back().step(), v1::LoadProgress::READY);
    EXPECT_EQ(loader.starts("a"), 1);
}

TEST_F(ServiceTest, LoadOfAnotherImageIsRefusedUnlessItReplaces) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    const auto first = loader.process("a");
    EXPECT_EQ(client->load("a", small_image).code(), "module-differs");
    EXPECT_FALSE(first->exit());
    v1::LoadSpec spec = client->spec("a", small_image);
    spec.set_replace(true);
    EXPECT_EQ(client->load(spec, small_image).code(), "ok");
    EXPECT_TRUE(first->exit());
    EXPECT_EQ(client->module("a").image_sha256(), test::sha256(small_image));
    EXPECT_EQ(client->module("a").instance(), 2U);
}

TEST_F(ServiceTest, LoadOfAnotherImageReplacesAStoppedModule) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    ASSERT_EQ(client->stop("a"), "ok");
    EXPECT_EQ(client->load("a", small_image).code(), "ok");
}

TEST_F(ServiceTest, BadImageLeavesTheRunningModuleAlone) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    v1::LoadSpec spec = client->spec("a", small_image);
    spec.set_replace(true);
    EXPECT_EQ(client->load(spec, small_image.substr(1) + "x").code(), "image-digest");
    EXPECT_EQ(client->load(spec, small_image.substr(1)).code(), "image-size");
    EXPECT_EQ(client->load(spec, "").code(), "image-size");
    EXPECT_EQ(client->load(spec, small_image + "x", 1000).code(), "image-size");
    EXPECT_EQ(client->module("a").state(), v1::ModuleStatus::RUNNING);
    EXPECT_EQ(loader.starts("a"), 1);
}

TEST_F(ServiceTest, RefusesImagesAndChunksAboveTheLimits) {
    v1::LoadSpec spec = client->spec("a", large_image);
    spec.set_image_bytes(test::FakeLoader::image_bytes_max + 1);
    EXPECT_EQ(client->load(spec, large_image).code(), "image-too-large");
    spec.set_image_bytes(0);
    EXPECT_EQ(client->load(spec, large_image).code(), "image-too-large");
    EXPECT_EQ(client->load(client->spec("a", large_image), large_image, chunk_max_bytes + 1).code(),
              "bad-request");
    spec = client->spec("a", large_image);
    spec.set_image_sha256("short");
    EXPECT_EQ(client->load(spec, large_image).code(), "bad-request");
    spec = client->spec("../a", large_image);
    EXPECT_EQ(client->load(spec, large_image).code(), "bad-name");
    EXPECT_TRUE(client->look().modules().empty());
    EXPECT_TRUE(std::filesystem::is_empty(options.state_directory / "incoming"));
}

TEST_F(ServiceTest, RefusesALoadThatBeginsWithAChunk) {
    const auto context = test::with_deadline();
    const auto stream = client->stub().Load(context.get());
    v1::LoadRequest request;
    request.set_chunk("x");
    stream->Write(request);
    v1::LoadProgress progress;
    EXPECT_FALSE(stream->Read(&progress));
    EXPECT_EQ(rpc::to_diagnostic(stream->Finish()).code, "bad-request");
}

TEST_F(ServiceTest, LoadFailsWithTheModulesEndWhenItDoesNotAnswer) {
    loader.make_silent("a");
    EXPECT_EQ(
        client->load(client->spec("a", large_image), large_image, 65'536, std::chrono::seconds(2))
            .status.error_code(),
        grpc::StatusCode::DEADLINE_EXCEEDED);
    LogReader logs(*client, "a", true);
    ASSERT_TRUE(logs.wait_for("the module has failed"));
    EXPECT_EQ(client->module("a").state(), v1::ModuleStatus::FAILED);
    EXPECT_TRUE(loader.process("a")->exit()) << "it must not be left running";
}

TEST_F(ServiceTest, LoadFailsWhenTheModuleCannotBeStarted) {
    loader.make_broken("a");
    EXPECT_EQ(client->load("a", large_image).code(), "host-failed");
    EXPECT_EQ(client->module("a").state(), v1::ModuleStatus::FAILED);
    EXPECT_EQ(client->module("a").failure(), "the module cannot be started");
}

TEST_F(ServiceTest, TellsThatSomethingHasChanged) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    v1::ChangesRequest request;
    request.set_deployment(client->deployment());
    const auto context = test::with_deadline();
    const auto reader = client->stub().Changes(context.get(), request);
    v1::Changed changed;
    ASSERT_TRUE(reader->Read(&changed)) << "at once, so that nothing is missed before";
    const std::uint64_t before = changed.count();
    loader.process("a")->end({.code = 3});
    ASSERT_TRUE(reader->Read(&changed));
    EXPECT_GT(changed.count(), before);
    EXPECT_EQ(client->module("a").state(), v1::ModuleStatus::FAILED);
    context->TryCancel();
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServiceTest, StopsAndStartsAModule) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    const auto process = loader.process("a");
    EXPECT_EQ(client->stop("a"), "ok");
    EXPECT_EQ(client->module_status.state(), v1::ModuleStatus::STOPPED);
    EXPECT_TRUE(process->exit());
    EXPECT_EQ(client->enter("a", 0, ""), "module-not-running");
    EXPECT_EQ(client->stop("a"), "ok");
    EXPECT_EQ(client->start("a"), "ok");
    EXPECT_EQ(client->module_status.state(), v1::ModuleStatus::RUNNING);
    EXPECT_EQ(client->module_status.instance(), 2U);
    EXPECT_EQ(client->start("a"), "ok");
    EXPECT_EQ(loader.starts("a"), 2);
    EXPECT_EQ(client->enter("a", 0, "again"), "ok");
}

TEST_F(ServiceTest, StopsAndRemovesOnlyTheProcessThatIsMeant) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    const std::uint64_t before = client->look().modules(0).started_at_us();
    ASSERT_EQ(client->stop("a", before), "ok");
    ASSERT_EQ(client->start("a"), "ok");
    const std::uint64_t now = client->module_status.started_at_us();
    EXPECT_EQ(client->remove("a", before), "another-process");
    EXPECT_EQ(client->stop("a", before), "another-process");
    EXPECT_EQ(client->enter("a", 0, "it is still there"), "ok");
    EXPECT_EQ(client->remove("a", now), "ok");
    EXPECT_EQ(client->remove("a", now), "ok");
}

TEST_F(ServiceTest, RemovesAModuleForGood) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    const auto process = loader.process("a");
    EXPECT_EQ(client->remove("a"), "ok");
    EXPECT_TRUE(process->exit());
    EXPECT_TRUE(client->look().modules().empty());
    EXPECT_EQ(client->start("a"), "unknown-module");
    EXPECT_EQ(client->stop("a"), "unknown-module");
    EXPECT_EQ(client->remove("a"), "ok");
    EXPECT_EQ(client->module_status.state(), v1::ModuleStatus::ABSENT);
    EXPECT_TRUE(std::filesystem::is_empty(options.state_directory / "modules"));
}

TEST_F(ServiceTest, CrashIsNoticedWithItsExitAndTheLastLogLines) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    LogReader logs(*client, "a", true);
    ASSERT_EQ(client->enter("a", test::fake_log, "my last words"), "ok");
    EXPECT_EQ(client->enter("a", test::fake_exit, "\x03"), "module-ended");
    ASSERT_TRUE(logs.wait_for("the module has failed: exit status 3"));
    const v1::ModuleStatus status = client->module("a");
    EXPECT_EQ(status.state(), v1::ModuleStatus::FAILED);
    EXPECT_EQ(status.failure(), "exit status 3");
    ASSERT_EQ(status.last_lines_size(), 1);
    EXPECT_EQ(status.last_lines(0), "my last words");
    EXPECT_EQ(client->enter("a", 0, ""), "module-not-running");
    EXPECT_NE(client->status.error_message().find("exit status 3"), std::string::npos);

    EXPECT_EQ(client->start("a"), "ok");
    EXPECT_EQ(client->module("a").state(), v1::ModuleStatus::RUNNING);
    EXPECT_TRUE(client->module("a").failure().empty());
}

TEST_F(ServiceTest, CrashBySignalIsNamed) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    LogReader logs(*client, "a", true);
    loader.process("a")->end({.signalled = true, .code = SIGSEGV});
    ASSERT_TRUE(logs.wait_for("SIGSEGV"));
    EXPECT_EQ(client->module("a").failure(), "killed by signal 11 (SIGSEGV)");
}

TEST_F(ServiceTest, CallsAnEntry) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    EXPECT_EQ(client->enter("a", test::fake_echo, "hello"), "ok");
    EXPECT_EQ(client->result.data(), "hello");
    EXPECT_EQ(client->enter("a", 65'536, ""), "bad-request");
    EXPECT_EQ(client->enter("b", 0, ""), "unknown-module");
    EXPECT_EQ(client->enter("a", test::fake_echo, std::string(65'537, 'x')), "call-refused");
    EXPECT_EQ(client->enter("a", test::fake_silent, "", std::chrono::milliseconds(100)),
              "deadline");
}

// P73
TEST_F(ServiceTest, CertifiesTheServerOfAModuleOnce) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    EXPECT_EQ(client->certify("a", test::fake_server), "ok");
    EXPECT_EQ(loader.process("a")->certificate_evidence(), "report of a");
    EXPECT_EQ(client->certify("a", test::fake_server), "ok");
    EXPECT_EQ(loader.process("a")->certificate_evidence(), "report of a") << "it has evidence";
    EXPECT_EQ(client->certify("a", 65'536), "bad-request");
    EXPECT_EQ(client->certify("b", test::fake_server), "unknown-module");
}

TEST_F(ServiceTest, CertifiesNothingWhereTheTeeMakesNoSuchEvidence) {
    loader.makes_certificates = false;
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    EXPECT_EQ(client->certify("a", test::fake_server), "certificate-evidence");
    EXPECT_EQ(loader.process("a")->certificate_evidence(), "");
}

TEST_F(ServiceTest, EvidenceForAModuleThatHasEndedIsNotGivenToTheNext) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    loader.while_certifying = [this] {
        // The loader is busy with the evidence, so the next instance waits for it.
        loader.process("a")->end({.signalled = false, .code = 0});
    };
    EXPECT_NE(client->certify("a", test::fake_server), "ok");
    loader.while_certifying = nullptr;
    EXPECT_EQ(loader.process("a")->certificate_evidence(), "");
}

std::string handshake(std::uint16_t deployment) {
    std::string frame(wire::header_bytes, '\0');
    wire::write_header({.kind = wire::Kind::handshake, .deployment = deployment},
                       {reinterpret_cast<std::uint8_t*>(frame.data()), frame.size()});
    return frame;
}

TEST_F(ServiceTest, ControlAddsEvidenceToAHandshake) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    v1::ControlRequest request;
    request.set_module("a");
    request.set_frames(handshake(1));
    request.set_answers(1);
    v1::ControlReply reply;
    ASSERT_EQ(client->call(&Client::Stub::Control, request, &reply), "ok");
    EXPECT_EQ(reply.evidence(),
              "evidence of a: " + std::string(32, static_cast<char>(test::fake_report_byte)));
    EXPECT_EQ(reply.frames().size(), wire::header_bytes + 2 + 3 + 32);
}

TEST_F(ServiceTest, ControlRefusesWhatAreNoFramesOfTheDeployment) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    v1::ControlRequest request;
    request.set_module("a");
    request.set_answers(1);
    v1::ControlReply reply;
    for (const std::string& frames :
         {handshake(2), handshake(1).substr(1), handshake(1) + "x", std::string(100, '\xFF')}) {
        request.set_frames(frames);
        EXPECT_EQ(client->call(&Client::Stub::Control, request, &reply), "malformed-frames");
    }
    request.set_frames(handshake(1));
    request.set_answers(1'000'000);
    EXPECT_EQ(client->call(&Client::Stub::Control, request, &reply), "bad-request");
}

TEST_F(ServiceTest, ConnectsAndDisconnects) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    EXPECT_EQ(client->connect(direct(5, "a")), "ok");
    ASSERT_EQ(client->look().connections_size(), 1);
    EXPECT_EQ(client->look().connections(0).channel(), 5U);
    EXPECT_EQ(client->connect(direct(0, "a")), "bad-request");
    EXPECT_EQ(client->connect(direct(65'536, "a")), "bad-request");
    EXPECT_EQ(client->connect(direct(6, "b")), "unknown-module");
    v1::DisconnectRequest request;
    request.set_channel(5);
    v1::DisconnectReply reply;
    EXPECT_EQ(client->call(&Client::Stub::Disconnect, request, &reply), "ok");
    EXPECT_EQ(client->look().connections_size(), 0);
}

TEST_F(ServiceTest, DeliverRefusesWhatHasNoRouteOrIsNoFrame) {
    v1::DeliverRequest request;
    request.set_channel(9);
    request.set_frames("garbage");
    v1::DeliverReply reply;
    EXPECT_EQ(client->call(&Client::Stub::Deliver, request, &reply), "malformed-frames");
    request.set_frames("");
    EXPECT_EQ(client->call(&Client::Stub::Deliver, request, &reply), "unknown-connection");
}

TEST_F(ServiceTest, RegistersPeriodicEvents) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    v1::RegisterRequest request;
    request.set_name("tick");
    request.set_module("a");
    request.set_entry(test::fake_log);
    request.set_every_us(1000);
    v1::RegisterReply reply;
    LogReader logs(*client, "a", true);
    EXPECT_EQ(client->call(&Client::Stub::Register, request, &reply), "ok");
    EXPECT_EQ(client->call(&Client::Stub::Register, request, &reply), "ok");
    for (int i = 0; i < 3; ++i) {
        (void)logs.next();
        EXPECT_NE(logs.line.sequence(), 0U) << "it must be fired again and again";
    }
    EXPECT_GE(client->look().periodic(0).fired(), 3U);
    request.set_every_us(2000);
    EXPECT_EQ(client->call(&Client::Stub::Register, request, &reply), "duplicate-name");
    v1::UnregisterRequest gone;
    gone.set_name("tick");
    v1::UnregisterReply gone_reply;
    EXPECT_EQ(client->call(&Client::Stub::Unregister, gone, &gone_reply), "ok");
    EXPECT_EQ(client->call(&Client::Stub::Unregister, gone, &gone_reply), "unknown-periodic");
    EXPECT_EQ(client->look().periodic_size(), 0);
}

TEST_F(ServiceTest, LogsEndAtTheLastLineUnlessFollowed) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    for (const char* text : {"one", "two", "three"}) {
        ASSERT_EQ(client->enter("a", test::fake_log, text), "ok");
    }
    LogReader last(*client, "a", false, 2);
    EXPECT_EQ(last.next(), "two");
    EXPECT_EQ(last.next(), "three");
    EXPECT_EQ(last.next(), "");
    EXPECT_EQ(last.code(), "ok");
    LogReader follower(*client, "", true, 1);
    EXPECT_EQ(follower.next(), "three");
    loader.process("a")->log("four \xff");
    EXPECT_EQ(follower.next(), "four \xEF\xBF\xBD");
}

TEST_F(ServiceTest, MetricsCountWhatTheDeploymentDoes) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    v1::MetricsReply reply;
    ASSERT_EQ(client->call(&Client::Stub::Metrics, v1::MetricsRequest(), &reply), "ok");
    bool up = false;
    for (const v1::Metric& metric : reply.metrics()) {
        up = up || (metric.name() == "authex_module_up" && metric.labels().at("module") == "a" &&
                    metric.value() == 1);
    }
    EXPECT_TRUE(up);
}

TEST_F(ServiceTest, ResetEmptiesTheDeploymentAndOnlyThat) {
    Client other(server->address(), grpc::InsecureChannelCredentials(), 2);
    ASSERT_EQ(other.hello(), "ok");
    ASSERT_EQ(other.load("b", large_image).code(), "ok");
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    ASSERT_EQ(client->connect(direct(1, "a")), "ok");
    const auto process = loader.process("a");
    EXPECT_EQ(client->reset(), "ok");
    EXPECT_TRUE(process->exit());
    EXPECT_TRUE(client->look().modules().empty());
    EXPECT_TRUE(client->look().connections().empty());
    EXPECT_EQ(other.module("b").state(), v1::ModuleStatus::RUNNING);
    EXPECT_EQ(client->load("a", large_image).code(), "ok");
}

TEST_F(ServiceTest, DeploymentsOfOneNodeDoNotSeeEachOther) {
    Client other(server->address(), grpc::InsecureChannelCredentials(), 2);
    ASSERT_EQ(other.hello(), "ok");
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    ASSERT_EQ(client->enter("a", test::fake_log, "secret"), "ok");
    ASSERT_EQ(client->connect(direct(1, "a")), "ok");
    EXPECT_TRUE(other.look().modules().empty());
    EXPECT_TRUE(other.look().connections().empty());
    EXPECT_EQ(other.enter("a", 0, ""), "unknown-module");
    EXPECT_EQ(other.connect(direct(1, "a")), "unknown-module");
    EXPECT_EQ(other.stop("a"), "unknown-module");
    LogReader logs(other, "a", false);
    EXPECT_EQ(logs.next(), "");
}

TEST_F(ServiceTest, RestartFindsEverythingAgain) {
    ASSERT_EQ(client->load("a", large_image).code(), "ok");
    ASSERT_EQ(client->load("gone", large_image).code(), "ok");
    ASSERT_EQ(client->load("stopped", large_image).code(), "ok");
    ASSERT_EQ(client->stop("stopped"), "ok");
    ASSERT_EQ(client->connect(direct(5, "a")), "ok");
    v1::RegisterRequest periodic;
    periodic.set_name("tick");
    periodic.set_module("a");
    periodic.set_entry(test::fake_echo);
    periodic.set_every_us(1'000'000);
    v1::RegisterReply reply;
    ASSERT_EQ(client->call(&Client::Stub::Register, periodic, &reply), "ok");
    const v1::HelloReply before = client->greeting;

    client.reset();
    server.reset();
    EXPECT_FALSE(loader.process("a")->exit()) << "modules outlive their manager";
    loader.process("gone")->end({.signalled = false, .code = 7});
    open();
    client = std::make_unique<Client>(server->address());
    ASSERT_EQ(client->hello(), "ok");
    EXPECT_EQ(client->greeting.node_id(), before.node_id());
    EXPECT_EQ(client->greeting.boot(), before.boot() + 1);
    EXPECT_EQ(client->start("a"), "ok");
    EXPECT_EQ(client->module_status.instance(), 1U);
    EXPECT_EQ(loader.starts("a"), 1);
    EXPECT_EQ(client->enter("a", test::fake_echo, "still here"), "ok");
    LogReader logs(*client, "gone", true);
    ASSERT_TRUE(logs.wait_for("the module has failed"));
    EXPECT_EQ(client->module("gone").failure(), "exit status 7");
    EXPECT_EQ(client->module("stopped").state(), v1::ModuleStatus::STOPPED);
    EXPECT_EQ(client->look().connections_size(), 1);
    EXPECT_EQ(client->look().periodic_size(), 1);
}

TEST_F(ServiceTest, SecondServerOnThePortIsRefused) {
    ServerOptions second = options;
    second.listen = server->address();
    second.state_directory = folder.path() / "second";
    std::filesystem::create_directories(second.state_directory);
    const auto opened = Server::open(second, loader);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, "listen");
}

TEST(Plaintext, IsRefusedBeyondLoopback) {
    test::TemporaryFolder folder;
    test::FakeLoader loader;
    ServerOptions options;
    options.state_directory = folder.path();
    for (const char* address : {"0.0.0.0:0", "[::]:0"}) {
        options.listen = address;
        const auto opened = Server::open(options, loader);
        ASSERT_FALSE(opened) << address;
        EXPECT_EQ(opened.error().code, "insecure");
    }
    options.listen = "0.0.0.0:0";
    options.insecure = true;
    EXPECT_TRUE(Server::open(options, loader));
}

TEST(Loopback, IsKnownByEveryName) {
    for (const char* address : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"}) {
        EXPECT_TRUE(is_loopback(address).value_or(false)) << address;
    }
    for (const char* address : {"0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1"}) {
        EXPECT_FALSE(is_loopback(address).value_or(true)) << address;
    }
    for (const char* address : {"",
                                ":",
                                ":1",
                                "127.0.0.1",
                                "127.0.0.1:",
                                "127.0.0.1:x",
                                "127.0.0.1:65536",
                                "::1:1",
                                "[::1]",
                                "[::1:1",
                                "127.0.0.1:1 ",
                                "127.0.0.1:-1"}) {
        EXPECT_FALSE(is_loopback(address)) << address;
    }
}

} // namespace
} // namespace authex::em
