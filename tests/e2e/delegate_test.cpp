// Another machine heals and attests in the owner's place, whose folder is gone; and what it is
// refused, by nodes and by modules.
#include <csignal>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

#include "counted.hpp"
#include "crypto/kdf.hpp"
#include "deployer/control_session.hpp"
#include "deployer/grpc_node.hpp"
#include "deployer/image_store.hpp"
#include "deployer/orders.hpp"
#include "deployer/state.hpp"

namespace authex::test {
namespace {

namespace fs = std::filesystem;
using deployer::Node;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using wire::ControlType;

std::string bytes_of(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// Whoever has the delegate's folder, and asks nodes and modules for whatever he likes.
class Rogue {
  public:
    Rogue(const fs::path& folder, const std::string& node, const std::string& address) {
        auto tls = deployer::open_deployer_tls(folder);
        auto reached = deployer::make_grpc_node({.name = node,
                                                 .address = address,
                                                 .tls = tls.value(),
                                                 .timeout = std::chrono::seconds(10)});
        node_ = std::move(reached.value());
        state_ = std::move(deployer::State::open(folder, deployer::StateUse::look).value());
        key_ = deployer::open_owner_key(folder).value();
    }
    Node& node() { return *node_; }
    deployer::State& state() { return *state_; }
    /// Hello claims nothing for him.
    [[nodiscard]] std::uint16_t deployment() const { return state_->deployment(); }

    /// How its node calls a module.
    std::string on_node(const std::string& module) {
        const std::string& name = state_->module(module)->on_node;
        return name.empty() ? module : name;
    }
    /// The control channel of a module, under the delegate's key.
    bool open(const std::string& module) {
        module_ = on_node(module);
        std::array<std::uint8_t, 32> ephemeral{};
        ephemeral.fill(++ephemerals_);
        deployer::NoiseHandshake handshake(key_, ephemeral);
        const auto reply = send(handshake.first(deployment()).value());
        return reply && handshake.second(*reply, session_) == Error::none;
    }
    Error order(const wire::ControlMessage& message) {
        std::vector<std::uint8_t> frame;
        if (session_.order(deployment(), message, frame) != Error::none) {
            return Error::malformed;
        }
        const auto reply = send(frame);
        deployer::OrderAnswer answer;
        const Error error = reply ? session_.answer(*reply, answer) : Error::unanswered;
        return error == Error::none ? answer.error : error;
    }
    Error order(ControlType type) {
        wire::ControlMessage message;
        message.type = type;
        return order(message);
    }

  private:
    std::optional<std::vector<std::uint8_t>> send(const std::vector<std::uint8_t>& frame) {
        v1::ControlRequest request;
        request.set_deployment(deployment());
        request.set_module(module_);
        request.set_answers(1);
        request.mutable_frames()->assign(frame.begin(), frame.end());
        const auto reply = node_->control(request);
        return reply ? std::optional(std::vector<std::uint8_t>(reply->frames().begin(),
                                                               reply->frames().end()))
                     : std::nullopt;
    }
    std::unique_ptr<Node> node_;
    std::unique_ptr<deployer::State> state_;
    deployer::OwnerKey key_;
    deployer::ControlSession session_;
    std::string module_;
    std::uint8_t ephemerals_ = 0x70;
};

class Delegate : public ::testing::Test {
  protected:
    void SetUp() override {
        world_.replace("native.yaml",
                       "relay:  { node: right, ",
                       "relay:  { node: right, persist: true, secrets: { salt: { generate: 32 }, "
                       "pin: { file: pin } }, config: { limit: 7 }, ");
        world_.write("pin", "4711 pin of the relay");
        fs::permissions(world_.folder() / "pin", fs::perms::owner_read | fs::perms::owner_write);
        world_.start_managers_with_tls();
    }
    void delegate() { world_.must({"delegate", folder_}); }
    /// The owner's laptop is closed: nothing of the application's folder is there any more.
    void close_the_laptop() {
        fs::rename(world_.folder() / ".authex", laptop_);
        for (const char* file : {"relay.cpp", "source.cpp", "sink.cpp", "pin"}) {
            fs::remove(world_.folder() / file);
        }
        world_.write("native.yaml", "this is no descriptor any more");
        world_.use_state(folder_);
    }
    /// The delegate has channels to all modules, and can send events.
    void take_up() {
        world_.must({"attest"});
        world_.must({"connect"});
    }
    void watch(const std::vector<std::string>& options = {}) {
        std::vector<std::string> words = {"watch"};
        words.insert(words.end(), options.begin(), options.end());
        watch_ = world_.start_authex(words);
    }
    /// Counts what the delegate's journal says of it.
    [[nodiscard]] bool does(const std::string& act, int times = 1) {
        return eventually([&] {
            std::istringstream text(world_.authex({"journal", "--json", "-n", "1000"}).out);
            int found = 0;
            for (std::string line; std::getline(text, line);) {
                const auto json = nlohmann::json::parse(line);
                found += json.at("act").get<std::string>() + " " +
                                         json.at("subject").get<std::string>() ==
                                     act &&
                                 json.at("result") == "done"
                             ? 1
                             : 0;
            }
            return found >= times;
        });
    }
    void kill_module(const std::string& name) {
        const pid_t process = world_.module_process(name);
        ASSERT_NE(process, 0) << name;
        ::kill(process, SIGKILL);
    }
    void end_watch() {
        watch_->signal(SIGTERM);
        EXPECT_EQ(watch_->wait(), 0) << watch_->err();
        watch_.reset();
    }
    Rogue rogue(const std::string& node) {
        return {folder_, node, "127.0.0.1:" + std::to_string(world_.control_port(node))};
    }
    static std::string code(const auto& result) { return result ? "" : result.error().code; }

    Counted world_;
    const fs::path folder_ = world_.folder().parent_path() / "delegate";
    const fs::path laptop_ = world_.folder().parent_path() / "laptop";
    std::unique_ptr<Process> watch_;
};

TEST_F(Delegate, HealsWhileTheOwnersFolderIsGone) {
    delegate();
    close_the_laptop();
    take_up();
    constexpr std::uint32_t events = 30'000;
    world_.begin({.events = events, .bytes = 64, .batch = 8, .pause_us = 1000});
    watch({"--attest-every", "5s", "--turn-keys-every", "5s"});
    for (int round = 0; round < 2; ++round) {
        kill_module("relay");
        ASSERT_TRUE(does("heal module relay", round + 1)) << watch_->out() << watch_->err();
    }
    EXPECT_TRUE(world_.arrives(events)) << "its state is kept: nothing is lost";
    EXPECT_TRUE(does("attest attestation sink")) << watch_->out();
    EXPECT_TRUE(does("turn key there")) << watch_->out();
    kill_module("sink");
    ASSERT_TRUE(does("heal module sink")) << watch_->out() << watch_->err();
    const pid_t across = world_.module_process("across");
    world_.manager("right").signal(SIGKILL);
    (void)world_.manager("right").wait();
    ::kill(across, SIGKILL);
    world_.restart_manager("right");
    ASSERT_TRUE(does("heal module across")) << watch_->out() << watch_->err();
    end_watch();
    world_.begin_beside({.events = 100, .batch = 16, .pause_us = 0});
    EXPECT_TRUE(eventually([&] { return world_.taken_beside().events >= 100; }));
}

TEST_F(Delegate, HasNothingThatIsTheOwnersAlone) {
    delegate();
    const std::string owner = bytes_of(world_.folder() / ".authex/owner.key").substr(0, 64);
    ASSERT_EQ(owner.size(), 64U);
    std::string raw;
    for (std::size_t i = 0; i < owner.size(); i += 2) {
        raw += static_cast<char>(std::stoi(owner.substr(i, 2), nullptr, 16));
    }
    const std::string authority = bytes_of(world_.folder() / ".authex/tls/ca.key");
    const std::string of_authority = authority.substr(authority.find('\n') + 1, 60);
    bool has_secret = false;
    for (const auto& each : fs::recursive_directory_iterator(folder_)) {
        if (!each.is_regular_file()) {
            continue;
        }
        const std::string content = bytes_of(each.path());
        EXPECT_EQ(content.find(owner), std::string::npos) << each.path();
        EXPECT_EQ(content.find(raw), std::string::npos) << each.path();
        EXPECT_EQ(content.find(of_authority), std::string::npos) << each.path();
        EXPECT_NE(each.path().filename(), "owner.key");
        EXPECT_NE(each.path().filename(), "ca.key");
        const bool secret = content.find("4711 pin of the relay") != std::string::npos;
        has_secret = has_secret || secret;
        if (secret) {
            EXPECT_EQ(each.status().permissions() & (fs::perms::group_all | fs::perms::others_all),
                      fs::perms::none);
        }
    }
    EXPECT_TRUE(has_secret) << "it gives the modules' secrets again";
    EXPECT_EQ(fs::status(folder_).permissions() & (fs::perms::group_all | fs::perms::others_all),
              fs::perms::none);
}

TEST_F(Delegate, RefusesWhatTheOwnerAloneDoes) {
    delegate();
    const std::vector<std::vector<std::string>> commands = {
        {"build"},
        {"plan"},
        {"up"},
        {"deploy"},
        {"register"},
        {"update", "relay"},
        {"disable", "relay"},
        {"reset"},
        {"down"},
        {"record", "relay"},
        {"secret", "set", "relay", "salt"},
        {"role", "add", "eve", "--role", "owner"},
        {"role", "list"},
        {"role", "revoke", "delegate"},
        {"node", "bundle", "left"},
        {"recovery-key", "file"},
        {"export", "file"},
        {"delegate", "further"}};
    for (std::vector<std::string> words : commands) {
        words.insert(words.begin(), {"--state", folder_});
        const Result result = world_.authex(words);
        EXPECT_EQ(result.status, 1) << words[2];
        EXPECT_THAT(result.err, HasSubstr("this is a delegate's folder")) << words[2];
    }
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"status"}, {"logs"}, {"attest"}, {"journal"}}) {
        std::vector<std::string> all = {"--state", folder_};
        all.insert(all.end(), words.begin(), words.end());
        const Result result = world_.authex(all);
        EXPECT_EQ(result.status, 0) << words[0] << result.err;
    }
}

TEST_F(Delegate, OwnerChangesNothingUntilItIsTakenBackAndGoesOnThen) {
    delegate();
    EXPECT_EQ(world_.authex({"delegate", folder_.string() + "2"}).status, 1);
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"up"},
                                               {"watch"},
                                               {"attest"},
                                               {"connect", "--turn"},
                                               {"secret", "set", "relay", "salt"},
                                               {"disable", "relay"},
                                               {"down"},
                                               {"output", "begin"}}) {
        const Result result = world_.authex(words);
        EXPECT_EQ(result.status, 1) << words[0];
        EXPECT_THAT(result.err, HasSubstr("the state is with the delegate")) << words[0];
    }
    const Result status = world_.authex({"status"});
    EXPECT_EQ(status.status, 0) << status.err;
    EXPECT_THAT(status.err, HasSubstr("the state is with the delegate"));

    world_.use_state(folder_);
    take_up();
    watch();
    kill_module("relay");
    ASSERT_TRUE(does("heal module relay")) << watch_->out() << watch_->err();
    world_.begin({.events = 10, .bytes = 64});
    ASSERT_TRUE(world_.arrives(10));
    const pid_t process = world_.module_process("relay");

    world_.use_state(".authex");
    EXPECT_EQ(world_.authex({"delegate", "--take-back", "tls"}).status, 1);
    world_.must({"delegate", "--take-back", folder_});
    ASSERT_TRUE(eventually([&] {
        return watch_->err().find("the owner has taken the state back") != std::string::npos;
    })) << watch_->err();
    EXPECT_THAT(world_.authex({"journal"}).out, HasSubstr("module relay"));
    world_.must({"up"});
    EXPECT_EQ(world_.module_process("relay"), process) << "nothing was loaded anew";
    EXPECT_EQ(world_.connection("there").at("epoch"), 1);
    kill_module("relay");
    ASSERT_TRUE(eventually([&] { return world_.module("relay").at("state") == "failed"; }));
    world_.must({"up"});
    world_.begin({.events = 10, .bytes = 64});
    EXPECT_TRUE(eventually([&] { return world_.taken().expected == 20; }));
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));

    world_.use_state(folder_);
    const Result attest = world_.authex({"attest"});
    EXPECT_EQ(attest.status, 1);
    EXPECT_THAT(attest.err, HasSubstr("the owner has taken the state back"));
    world_.use_state(".authex");
    EXPECT_EQ(code(rogue("right").node().status({})), "certificate-revoked");
    end_watch();
    fs::remove_all(folder_);
    delegate();
}

TEST_F(Delegate, NodesRefuseItsNewCodeAndWhatElseIsTheOwners) {
    delegate();
    Rogue rogue = this->rogue("right");
    const std::vector<std::uint8_t> code_of_its_own(5000, 0x90);
    const crypto::Hash hash = crypto::sha256(code_of_its_own);
    v1::LoadSpec spec;
    spec.set_deployment(rogue.deployment());
    spec.set_image_bytes(code_of_its_own.size());
    spec.set_image_sha256(hash.data(), hash.size());
    spec.set_replace(true);
    for (const std::string& name : {rogue.on_node("relay"), std::string("another")}) {
        spec.set_module(name);
        EXPECT_EQ(code(rogue.node().load(spec, code_of_its_own, [](std::uint64_t) {})),
                  "role-too-low")
            << name;
    }
    // An image that the node has, in the place of another module.
    const auto& sink = rogue.state().module("across")->image_sha256;
    const std::string image = bytes_of(deployer::kept_image(folder_ / "images", sink));
    spec.set_module(rogue.on_node("relay"));
    spec.set_image_bytes(image.size());
    spec.set_image_sha256(sink.data(), sink.size());
    const std::vector<std::uint8_t> image_bytes(image.begin(), image.end());
    EXPECT_EQ(code(rogue.node().load(spec, image_bytes, [](std::uint64_t) {})), "role-too-low");

    v1::ModuleRequest module;
    module.set_deployment(rogue.deployment());
    module.set_module(rogue.on_node("relay"));
    EXPECT_EQ(code(rogue.node().remove(module)), "role-too-low");
    v1::DisconnectRequest disconnect;
    disconnect.set_deployment(rogue.deployment());
    EXPECT_EQ(code(rogue.node().disconnect(disconnect)), "role-too-low");
    v1::RegisterRequest periodic;
    periodic.set_deployment(rogue.deployment());
    EXPECT_EQ(code(rogue.node().register_periodic(periodic)), "role-too-low");
    v1::ResetRequest reset;
    reset.set_deployment(rogue.deployment());
    EXPECT_EQ(code(rogue.node().reset(reset)), "role-too-low");
    v1::RevokeRequest revoke;
    revoke.add_serials("01");
    EXPECT_EQ(code(rogue.node().revoke(revoke)), "role-too-low");
    EXPECT_NE(world_.module_process("relay"), 0);
}

TEST_F(Delegate, ModulesRefuseToLetOthersTakeTheirPlace) {
    delegate();
    Rogue rogue = this->rogue("right");
    ASSERT_TRUE(rogue.open("relay"));
    EXPECT_EQ(rogue.order(ControlType::audit), Error::none);
    const std::vector<std::uint8_t> key(32, 9);
    wire::ControlMessage leave;
    leave.type = ControlType::export_state;
    leave.recipient = key;
    wire::ControlMessage enter;
    enter.type = ControlType::import_state;
    const std::vector<std::uint8_t> sealed(100, 9);
    enter.sealed = sealed;
    EXPECT_EQ(rogue.order(leave), Error::owners_alone);
    EXPECT_EQ(rogue.order(enter), Error::owners_alone);
    for (const ControlType type :
         {ControlType::pause, ControlType::accept_state, ControlType::disable}) {
        EXPECT_EQ(rogue.order(type), Error::owners_alone);
    }
    ASSERT_TRUE(rogue.open("across"));
    wire::ControlMessage keep;
    keep.type = ControlType::keep_state;
    keep.connection.key.fill(1);
    EXPECT_EQ(rogue.order(keep), Error::owners_alone) << "that module keeps no state";
    EXPECT_EQ(rogue.order(ControlType::audit), Error::none);
}

TEST_F(Delegate, OwnerGoesOnWithoutOneThatIsLost) {
    delegate();
    world_.use_state(folder_);
    take_up();
    world_.must({"connect", "--turn"});
    world_.must({"connect", "--turn"});
    watch();
    kill_module("relay");
    ASSERT_TRUE(does("heal module relay")) << watch_->out() << watch_->err();
    world_.begin({.events = 10, .bytes = 64});
    ASSERT_TRUE(world_.arrives(10));
    watch_->signal(SIGKILL);
    (void)watch_->wait();
    Rogue rogue = this->rogue("right"); // somebody has found it

    world_.use_state(".authex");
    world_.must({"delegate", "--revoke"});
    EXPECT_EQ(code(rogue.node().status({})), "certificate-revoked");
    world_.must({"up"});
    EXPECT_THAT(world_.authex({"plan"}).out, HasSubstr("nothing to do"));
    EXPECT_GT(world_.connection("there").at("epoch"), 1) << "nothing goes on under its keys";
    world_.begin({.events = 10, .bytes = 64});
    EXPECT_TRUE(eventually([&] { return world_.taken().expected == 20; }));
    kill_module("relay.2"); // another image, without the delegate's key

    ASSERT_TRUE(eventually([&] { return world_.module("relay").at("state") == "failed"; }));
    world_.must({"up"});
    world_.begin({.events = 10, .bytes = 64});
    EXPECT_TRUE(eventually([&] { return world_.taken().expected == 30; }));
    EXPECT_FALSE(fs::exists(world_.folder() / ".authex/delegate.key"));
}

/// Modules in enclaves or trusted applications of simulated nodes.
class DelegateOnTee : public Delegate, public ::testing::WithParamInterface<const char*> {
  protected:
    void SetUp() override {
        for (const char* node : {"right:", "left: "}) {
            world_.replace("native.yaml",
                           std::string(node) + " { tee: native",
                           std::string(node) + " { tee: " + GetParam());
        }
        Delegate::SetUp();
    }
};
INSTANTIATE_TEST_SUITE_P(Tees, DelegateOnTee, ::testing::Values("sgx", "trustzone"));

TEST_P(DelegateOnTee, HealsAttestsAndTurnsKeysAndIsRefusedWhatTheOwnerAloneDoes) {
    delegate();
    close_the_laptop();
    take_up();
    constexpr std::uint32_t events = 10'000;
    world_.begin({.events = events, .bytes = 64, .batch = 8, .pause_us = 1000});
    watch({"--attest-every", "5s", "--turn-keys-every", "5s"});
    kill_module("relay");
    ASSERT_TRUE(does("heal module relay")) << watch_->out() << watch_->err();
    EXPECT_TRUE(world_.arrives(events)) << "its state is kept: nothing is lost";
    EXPECT_TRUE(does("attest attestation sink")) << watch_->out();
    EXPECT_TRUE(does("turn key there")) << watch_->out();
    end_watch();

    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"up"}, {"update", "relay"}, {"disable", "relay"}, {"down"}}) {
        const Result result = world_.authex(words);
        EXPECT_EQ(result.status, 1) << words[0];
        EXPECT_THAT(result.err, HasSubstr("this is a delegate's folder")) << words[0];
    }
    Rogue rogue = this->rogue("right");
    const std::vector<std::uint8_t> code_of_its_own(5000, 0x90);
    v1::LoadSpec spec;
    spec.set_deployment(rogue.deployment());
    spec.set_module(rogue.on_node("relay"));
    spec.set_image_bytes(code_of_its_own.size());
    const crypto::Hash hash = crypto::sha256(code_of_its_own);
    spec.set_image_sha256(hash.data(), hash.size());
    spec.set_replace(true);
    EXPECT_EQ(code(rogue.node().load(spec, code_of_its_own, [](std::uint64_t) {})), "role-too-low");
    ASSERT_TRUE(rogue.open("relay"));
    EXPECT_EQ(rogue.order(ControlType::audit), Error::none);
    for (const ControlType type :
         {ControlType::pause, ControlType::accept_state, ControlType::disable}) {
        EXPECT_EQ(rogue.order(type), Error::owners_alone);
    }
    EXPECT_NE(world_.module_process("relay"), 0);
}

} // namespace
} // namespace authex::test
