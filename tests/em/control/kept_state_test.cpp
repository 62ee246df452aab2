// The state that the host of a module has kept, as the deployer gets it when the module is back.
#include <csignal>
#include <fcntl.h>
#include <fstream>

#include "server_fixture.hpp"
#include "tee/process/descriptor.hpp"
#include "tee/process/kept_area.hpp"
#include "tee/process/kept_copy.hpp"
#include "tee/process/link.hpp"

namespace authex::em {
namespace {

using test::Client;
using Octets = std::vector<std::uint8_t>;

class KeptStateTest : public test::ServerTest {
  protected:
    void SetUp() override {
        open();
        client = std::make_unique<Client>(server->address());
        ASSERT_EQ(client->hello(), "ok");
        for (const char* name : {"m", "other"}) {
            ASSERT_EQ(client->load(name, std::string(100, 'i')).code(), "ok");
        }
    }
    [[nodiscard]] std::filesystem::path module_folder() const {
        return options.state_directory / "modules" / "1" / "m";
    }
    /// As the module's host does.
    void keep(const Octets& frames, std::size_t state_bytes) const {
        ASSERT_TRUE(tee::process::make_kept(module_folder(), 1000));
        const tee::process::Descriptor file(
            ::open((module_folder() / tee::process::kept_file).c_str(), O_RDWR | O_CLOEXEC));
        EXPECT_TRUE(tee::process::KeptArea::map(file.get()).keep(frames, state_bytes));
    }
    static Octets event(std::uint64_t counter) {
        const Octets body(16 + 4, 1); // a tag and something; no manager can tell
        wire::FrameHeader header{
            .kind = wire::Kind::event, .deployment = 1, .channel = 5, .counter = counter};
        header.length = static_cast<std::uint32_t>(body.size());
        Octets frame(wire::header_bytes);
        wire::write_header(header, frame);
        frame.insert(frame.end(), body.begin(), body.end());
        return frame;
    }
    std::string ask(const std::string& module = "m") {
        v1::ModuleRequest request;
        request.set_module(module);
        reply.Clear();
        return client->call(&Client::Stub::KeptState, request, &reply);
    }
    std::unique_ptr<Client> client;
    v1::KeptStateReply reply;
};

TEST_F(KeptStateTest, OfAModuleThatNeverKeptAnyIsEmpty) {
    EXPECT_EQ(ask(), "ok");
    EXPECT_EQ(reply.state(), "");
    ASSERT_TRUE(tee::process::make_kept(module_folder(), 1000));
    EXPECT_EQ(ask(), "ok");
    EXPECT_EQ(reply.state(), "");
}

TEST_F(KeptStateTest, IsGivenAndWhatWasLeftWithItGoesOn) {
    v1::ConnectRequest route;
    route.set_channel(5);
    route.set_epoch(1);
    route.set_source_module("m");
    route.set_destination_module("other");
    ASSERT_EQ(client->connect(route), "ok");
    Octets left = event(0);
    const Octets second = event(1);
    left.insert(left.end(), second.begin(), second.end());
    left.insert(left.end(), {'s', 't', 'a'});
    keep(left, 3);
    for (int again = 0; again < 2; ++again) {
        EXPECT_EQ(ask(), "ok");
        EXPECT_EQ(reply.state(), "sta");
        const v1::StatusReply status = client->look();
        ASSERT_EQ(status.connections_size(), 1);
        EXPECT_EQ(status.connections(0).waiting_frames(), 2U) << "once, however often it is asked";
    }
}

TEST_F(KeptStateTest, IsGivenToNobodyBeforeTheModuleRuns) {
    keep({'s'}, 1);
    EXPECT_EQ(client->stop("m"), "ok");
    EXPECT_EQ(ask(), "module-not-running");
    EXPECT_EQ(ask("nobody"), "unknown-module");
    EXPECT_EQ(client->start("m"), "ok");
    EXPECT_EQ(ask(), "ok");
    EXPECT_EQ(reply.state(), "s");
}

TEST_F(KeptStateTest, ThatIsDamagedIsNamed) {
    std::ofstream(module_folder() / tee::process::kept_file) << "no state";
    EXPECT_EQ(ask(), "kept-state");
    EXPECT_NE(client->status.error_message().find("damaged"), std::string::npos)
        << client->status.error_message();
}

TEST_F(KeptStateTest, IsNotGivenWithoutWhatWasLeftWithIt) {
    const Octets cut = event(0);
    Octets left(cut.begin(), cut.end() - 1);
    left.push_back('s');
    keep(left, 1);
    EXPECT_EQ(ask(), "kept-state");
    EXPECT_EQ(reply.state(), "");
}

TEST_F(KeptStateTest, OutlivesTheManager) {
    keep({'s'}, 1);
    reopen();
    client = std::make_unique<Client>(server->address());
    ASSERT_EQ(client->hello(), "ok");
    EXPECT_EQ(ask(), "ok");
    EXPECT_EQ(reply.state(), "s");
}

} // namespace
} // namespace authex::em
