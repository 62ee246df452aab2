#pragma once
// A deployment without processes or sockets: nodes behind the deployer's Node interface, whose
// modules are real runtimes and whose evidence is real; one thread, no clock. Every call to a node
// and every transaction is a place where the deployer can be killed.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "deployer/outside.hpp"
#include "deployer/owned_application.hpp"
#include "runtime/runtime.hpp"
#include "support/temporary_folder.hpp"
#include "tee/native/evidence_key.hpp"

namespace authex::test {

/// A key as a node makes it when it starts first. The same name has the same key in one program.
tee::native::EvidenceKey evidence_key(const std::string& name);

/// The deployer dies here.
struct Killed {};

/// Endpoints of every module, by id.
enum FakeEndpoint : std::uint16_t {
    fake_out = 0,    ///< output: always the same eight bytes, so that equal frames betray a key
                     ///< that is used twice
    fake_in = 1,     ///< input: counted
    fake_ask = 2,    ///< request
    fake_answer = 3, ///< handler: answers what it was asked
    fake_go = 4,     ///< entry: one event on `out`
    fake_relay = 5,  ///< input: counted, and one event on `out`
    fake_server = 6, ///< of a server whose certificate gets evidence
};

struct FakeModule {
    v1::LoadSpec spec;
    v1::ModuleStatus status;
    std::vector<std::uint8_t> identity;
    std::unique_ptr<runtime::Runtime> runtime; ///< null: it does not run
    std::uint64_t taken = 0; ///< events on `in` and `relay`; all of the module's state
    /// What its host keeps: the last state, and the events that came with it.
    std::vector<std::uint8_t> kept_state;
    std::vector<std::vector<std::uint8_t>> kept_events;
    bool keeps_to_itself = false; ///< it dies between keeping and telling
};

class FakeWorld;

class FakeNode {
  public:
    FakeNode(FakeWorld& world, std::string name);

    void start(FakeModule& module);
    /// What a module has written goes where its routes say; acknowledged frames are dropped.
    std::vector<std::vector<std::uint8_t>> invoke(FakeModule& module, ByteView frames);

    FakeWorld& world;
    std::string name;
    std::string tee = "native";
    std::uint64_t boot = 1;
    bool reachable = true;
    std::set<std::uint32_t> taken;      ///< deployments of somebody else
    std::vector<std::string> certified; ///< modules, as they were
    bool quotes_nothing = false;
    bool removes_nothing = false; ///< its disk is full
    int frames_wait = 0;          ///< so often a route cannot change, as queues are full
    bool carries_nothing = false; ///< what its modules have sent stays with it
    /// The next order to remove something is held up, and said to be lost.
    bool holds_removal = false;
    std::optional<v1::ModuleRequest> held_removal;
    bool hides_restarts = false; ///< lies: a module that starts anew is said to be the old process
    tee::native::EvidenceKey key;
    std::map<std::string, FakeModule> modules;
    std::map<std::uint32_t, std::string> deployments; ///< that said hello, and their applications
    std::set<std::string> revoked;
    std::map<std::uint32_t, v1::ConnectRequest> routes;
    std::map<std::string, v1::RegisterRequest> periodic;
    std::map<std::uint32_t, std::vector<std::vector<std::uint8_t>>> waiting; ///< by channel
    std::map<std::uint32_t, std::vector<std::uint8_t>> replies;              ///< direct, by channel
    /// That modules write to: large, and made once.
    std::vector<std::uint8_t> output =
        std::vector<std::uint8_t>(runtime::output_min_bytes + wire::max_frame_bytes);
    std::vector<v1::LogLine> log;
    std::vector<v1::Recorded> recorded;
    bool recording_fails = false;       ///< after what is recorded
    std::vector<v1::LogLine> later_log; ///< that come while it is followed
};

/// The deployer's side of a node: each call is two places to die, before and after it.
std::unique_ptr<deployer::Node> call_of(FakeNode& node);
/// What every module has, by id.
std::span<const authex_endpoint> fake_endpoints();

class FakeWorld {
  public:
    /// @param descriptor YAML; sources `<module>.cpp` are made as they are named.
    explicit FakeWorld(const std::string& descriptor);

    void set_descriptor(const std::string& yaml);
    /// The deployer's folder with all that was in it is lost.
    void lose_state() { database = std::move(*deployer::Database::in_memory()); }
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
    /// An application as a new process of the deployer has it.
    std::unique_ptr<deployer::Application> open();
    /// As it was deployed last, whatever the descriptor's file says now.
    std::unique_ptr<deployer::OwnedApplication> open_deployed();
    /// Whether nodes with SGX are known, too: with modules and evidence as the native ones have.
    bool knows_sgx = false;
    /// Whether it was killed before it returned.
    template <typename Work>
    bool survives(Work work) {
        try {
            work();
            return true;
        } catch (const Killed&) {
            return false;
        }
    }
    /// Counts down at each place; the deployer dies when it comes to 0. Negative: never.
    int fuse = -1;
    int places = 0; ///< that were passed
    void burn();

    /// Counts down before and after each call to a node; the call fails when it comes to 0, and the
    /// deployer lives on. Negative: never.
    int loss = -1;
    bool call_is_lost() { return loss > 0 && --loss == 0; }

    FakeNode& node(const std::string& name) { return *nodes.at(name); }
    /// The instance of it that was loaded last.
    FakeModule& module(const std::string& name);
    /// `module` emits one event; what waits anywhere is delivered as far as it goes.
    void go(const std::string& module);
    void pump();
    /// The module's process ends; its node starts it anew.
    void restart(const std::string& module);
    void crash(const std::string& module);
    /// As tee::Image::state has it, by module.
    std::map<std::string, tee::StateLayout> layouts;
    /// A new version of its code.
    void change_code(const std::string& module) { ++versions[module]; }

    std::map<std::string, std::unique_ptr<FakeNode>> nodes;
    std::map<std::string, int> versions;
    std::vector<std::string> calls; ///< "node method subject", all that reached a node
    std::vector<deployer::Progress> progress;
    std::vector<Diagnostic> warnings;
    deployer::OwnerKey owner;
    /// What is built into every module: the public keys of index 0 and 1, and of a delegate.
    std::vector<std::uint8_t> owner_keys;
    deployer::OwnerKey recovery; ///< the one of index 1
    std::map<std::string, std::string> environment;
    std::vector<std::string> revoked;
    bool has_owner_key = true;
    std::shared_ptr<const deployer::ValuesOfModules> values; ///< as a delegate has them
    std::uint64_t seed = 1;
    std::uint64_t now_us = 1'000'000;
    std::shared_ptr<deployer::Database> database;

    /// Frames that a key sealed twice over, in words; must stay empty.
    std::vector<std::string> used_twice;
    std::map<std::uint16_t, std::uint64_t> sent; ///< events of modules, by channel
    void saw_sealed_by_module(ByteView frame);
    void saw_sealed_by_deployer(std::uint16_t channel, ByteView frames);
    void saw_orders(const std::string& module, ByteView frames);

  private:
    deployer::Outside outside();
    FakeModule* newest(const std::string& name, FakeNode** where);

    TemporaryFolder folder_;
    std::unique_ptr<tee::Builder> builder_;
    std::unique_ptr<tee::Verifier> verifier_;
    std::set<std::vector<std::uint8_t>> emitted_;
    std::map<std::pair<std::vector<std::uint8_t>, std::uint64_t>, std::vector<std::uint8_t>>
        sealed_;
    std::map<std::string, std::vector<std::uint8_t>>
        handshakes_; ///< keys that were left, by module
};

} // namespace authex::test
