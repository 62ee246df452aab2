// Recording a module through the control plane.
#include <csignal>

#include "server_fixture.hpp"

namespace authex::em {
namespace {

using test::Client;
using wire::Kind;

const std::string image(1000, 'i');

class RecordTest : public test::ServerTest {
  protected:
    void SetUp() override {
        (void)std::signal(SIGPIPE, SIG_IGN);
        open();
        client = std::make_unique<Client>(server->address());
        ASSERT_EQ(client->hello(), "ok");
        ASSERT_EQ(client->load("a", image).code(), "ok");
    }
    struct Stream {
        std::unique_ptr<grpc::ClientContext> context = test::with_deadline();
        std::unique_ptr<grpc::ClientReader<v1::Recorded>> reader;
        v1::Recorded message;
        bool next() {
            message.Clear();
            return reader->Read(&message);
        }
        /// The kind of the frame in a message that has one.
        Kind kind(bool out) {
            wire::FrameHeader header;
            const std::string& frames = message.frames().frames();
            const ByteView bytes(reinterpret_cast<const std::uint8_t*>(frames.data()),
                                 frames.size());
            EXPECT_EQ(message.frames().out(), out);
            EXPECT_EQ(wire::parse_header(bytes, header), Error::none);
            EXPECT_GT(message.frames().time_us(), 1'000'000'000'000'000U);
            return header.kind;
        }
        std::string code() {
            const grpc::Status status = reader->Finish();
            return status.ok() ? "ok" : rpc::to_diagnostic(status).code;
        }
    };
    Stream record(const std::string& module, const std::string& digest) {
        v1::RecordRequest request;
        request.set_deployment(client->deployment());
        request.set_module(module);
        request.set_image_sha256(digest);
        Stream stream;
        stream.reader = client->stub().Record(stream.context.get(), request);
        return stream;
    }
    std::string refused(const std::string& module, const std::string& digest) {
        Stream stream = record(module, digest);
        EXPECT_FALSE(stream.next());
        return stream.code();
    }
    std::unique_ptr<Client> client;
};

TEST_F(RecordTest, TellsWhatTheModuleBeginsWithAndEveryFrameFromItsHelloOn) {
    Stream stream = record("a", test::sha256(image));
    ASSERT_TRUE(stream.next());
    ASSERT_TRUE(stream.message.has_start());
    const auto entropy = loader.entropy("a");
    ASSERT_TRUE(entropy);
    EXPECT_EQ(stream.message.start().entropy(), std::string(entropy->begin(), entropy->end()));
    EXPECT_EQ(loader.starts("a"), 2);
    ASSERT_TRUE(stream.next());
    EXPECT_EQ(stream.kind(false), Kind::hello);
    ASSERT_TRUE(stream.next());
    EXPECT_EQ(stream.kind(true), Kind::hello);
    EXPECT_EQ(client->enter("a", test::fake_echo, "x"), "ok");
    ASSERT_TRUE(stream.next());
    EXPECT_EQ(stream.kind(false), Kind::call);
    ASSERT_TRUE(stream.next());
    EXPECT_EQ(stream.kind(true), Kind::result);
    loader.process("a")->end({.signalled = false, .code = 3});
    ASSERT_TRUE(stream.next());
    EXPECT_EQ(stream.message.ended(), "exit status 3");
    EXPECT_FALSE(stream.next());
    EXPECT_EQ(stream.code(), "ok");
}

TEST_F(RecordTest, DrawsOtherNumbersEachTimeAndNoneOfItsOwnAfterwards) {
    const auto first = [&] {
        Stream stream = record("a", test::sha256(image));
        EXPECT_TRUE(stream.next());
        stream.context->TryCancel();
        return *loader.entropy("a");
    };
    EXPECT_NE(first(), first());
    EXPECT_EQ(client->stop("a"), "ok");
    EXPECT_EQ(client->start("a"), "ok");
    EXPECT_FALSE(loader.entropy("a"));
}

TEST_F(RecordTest, ModuleRunsOnWhenTheReaderGoes) {
    {
        Stream stream = record("a", test::sha256(image));
        ASSERT_TRUE(stream.next());
        stream.context->TryCancel();
    }
    EXPECT_EQ(client->enter("a", test::fake_echo, "x"), "ok");
    EXPECT_EQ(loader.starts("a"), 2);
}

TEST_F(RecordTest, OfAModuleThatIsStoppedEnds) {
    Stream stream = record("a", test::sha256(image));
    ASSERT_TRUE(stream.next());
    EXPECT_EQ(client->stop("a"), "ok");
    while (stream.next()) {
    }
    EXPECT_EQ(stream.code(), "ok");
}

TEST_F(RecordTest, TouchesNoModuleOfAnotherImageOrNode) {
    EXPECT_EQ(refused("a", test::sha256("another")), "image-differs");
    EXPECT_EQ(refused("a", "short"), "bad-request");
    EXPECT_EQ(refused("b", test::sha256(image)), "unknown-module");
    loader.set_replayable(false);
    EXPECT_EQ(refused("a", test::sha256(image)), "not-replayable");
    EXPECT_EQ(loader.starts("a"), 1);
    EXPECT_EQ(client->enter("a", test::fake_echo, "x"), "ok");
}

TEST_F(RecordTest, OfAModuleThatDoesNotStartIsRefused) {
    loader.make_broken("a");
    EXPECT_EQ(refused("a", test::sha256(image)), "host-failed");
}

TEST_F(RecordTest, EndsWithTheManager) {
    Stream stream = record("a", test::sha256(image));
    ASSERT_TRUE(stream.next());
    server.reset();
    while (stream.next()) {
    }
    EXPECT_NE(stream.code(), "");
}

} // namespace
} // namespace authex::em
