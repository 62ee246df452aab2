#pragma once
// What the deployer remembers of a deployment: keys, counters, and how far every step has come.
// (DESIGN "State of the deployer")
//
// Plain records in memory, each a row of `<state directory>/state.db` (SQLite, mode 0600). A Change
// is one transaction: all of it is on the disk, or nothing of it.

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "crypto/aead.hpp"
#include "deployer/database.hpp"
#include "deployer/secret.hpp"
#include "deployer/state_lock.hpp"
#include "descriptor/endpoint.hpp"
#include "tee/state_layout.hpp"

namespace authex::deployer {

/// A node that was met.
struct NodeRecord {
    std::string name;
    std::string address;
    std::string tee;
    std::string node_id;
    std::vector<std::uint8_t> evidence_key; ///< pinned: never replaced by another
};

/// A value of `config` or `secrets` that a module was given. Of the value itself only a keyed
/// digest is kept; an empty one: it was about to be given or taken away, and nobody knows whether
/// it was.
struct GivenValue {
    bool secret = false;
    std::string name;
    std::vector<std::uint8_t> mac;

    [[nodiscard]] bool is(bool is_secret, const std::string& called) const {
        return secret == is_secret && name == called;
    }
};
/// What the module has of them is not known any more. Their names stay: what is not wanted is taken
/// away also from a process that is said to be new, for only its node says so.
inline void forget_digests(std::vector<GivenValue>& given) {
    for (GivenValue& each : given) {
        each.mac.clear();
    }
}

/// How far a process is whose state is kept.
enum class KeepingStep : std::uint8_t {
    none = 0,
    restore = 1, ///< it is new, and to get the state that an earlier one has left
    keep = 2,    ///< it has it, or begins with none: to be told to keep it, and to go on
    look = 3,    ///< it is new, and whether an earlier one was ever told to keep one is not known
};

/// A module that was loaded, or is external, and where its control channel stands.
struct ModuleRecord {
    std::string name;
    std::string node;
    std::vector<std::uint8_t> identity;     ///< of what was loaded
    std::vector<std::uint8_t> image_sha256; ///< of the file that was loaded; empty: external
    std::string terms;                      ///< stack and devices that it was loaded with
    std::vector<descriptor::Endpoint> endpoints;
    std::uint64_t image_bytes = 0;
    // Of the last attestation:
    std::uint64_t attested_at_us = 0; ///< Unix time; 0: not attested
    std::uint64_t incarnation = 0;    ///< grows when another process than before was attested
    std::string process; ///< which one that was, as the node says: node id, start, time of start
    bool simulated = false;
    bool disabled = false;
    std::string quarantined; ///< why its peers were cut off from it; empty: they are not
    Secret session;          ///< ControlSession::serialize(), with the counter that is used next
    std::vector<GivenValue> given;
    // Of a TEE that measures the place of a module:
    std::vector<std::uint8_t> placement; ///< where `identity` holds
    Secret module_key;                   ///< as tee::Placed
    // Of instances (deployer/instances.hpp):
    std::string on_node;     ///< how its node calls it; empty: by its name
    std::string instance_of; ///< the module, where this is an instance beside it; else empty
    bool going = false;      ///< such an instance: what was the module, else what is to become it
    tee::StateLayout layout; ///< of its state
    // Of a module whose state is kept (`persist`):
    KeepingStep keeping = KeepingStep::none; ///< what its process is to be told next
    Secret state_key; ///< that its process seals the state under, or is about to; empty: none
    Secret state_key_before; ///< that an earlier process may have sealed it under
    [[nodiscard]] bool waits_for_state() const {
        return keeping == KeepingStep::restore || keeping == KeepingStep::look;
    }
};

constexpr std::uint64_t turn_unfinished = ~std::uint64_t{0} >> 1U; ///< as SQLite keeps numbers

/// One end of a connection.
struct EndRecord {
    std::string module;            ///< empty: the deployer
    std::string endpoint;          ///< as the descriptor calls it
    std::uint16_t id = 0;          ///< of the endpoint
    std::uint64_t incarnation = 0; ///< of the module that the key is meant for
};

/// A connection whose key was made. Written with `complete` false before any of it is sent.
struct ConnectionRecord {
    std::uint16_t id = 0;
    std::string name;
    EndRecord from;
    EndRecord to;
    crypto::Algorithm algorithm = crypto::Algorithm::aes_128_gcm;
    bool lossy = false;
    std::uint8_t deadline = 0;   ///< wire::Deadline
    std::uint32_t within_us = 0; ///< with a deadline
    bool request = false;
    bool given_key = false; ///< by the descriptor
    std::uint32_t epoch = 0;
    Secret key;
    bool complete = false;   ///< routes and both ends are set
    std::string source_node; ///< names; empty where there is none
    std::string destination_node;
    std::string source_address; ///< events addresses that the routes name
    std::string destination_address;
    std::uint64_t next_counter = 0;         ///< direct: of the next message
    std::vector<std::uint8_t> pending;      ///< direct: sealed frames that may not have arrived
    std::uint64_t window_open_since_us = 0; ///< Unix time; 0: no window
    // Of keys that were turned inside the epoch:
    std::uint32_t turn = 0; ///< number of `key`
    Secret key_before;      ///< of the turn before; what waits may be sealed under it
    /// Events and requests from this counter on are under `key`, and replies from that one; nothing
    /// else may be under `key_before`. turn_unfinished: nobody has said so yet.
    std::uint64_t turned_at = 0;
    std::uint64_t replies_turned_at = 0;
    std::uint64_t keyed_at_us = 0; ///< when `key` was made; Unix time
    bool turning = false;          ///< `key` was made, and an end that comes back has not it yet
    [[nodiscard]] bool direct() const { return from.module.empty(); }
};

struct PeriodicRecord {
    std::string name;
    std::string node;
    std::string module;
    std::uint16_t entry = 0;
    std::uint64_t every_us = 0;
};

/// What one transaction changes. Later transactions are never on the disk without earlier ones.
struct Change {
    std::vector<NodeRecord> nodes;
    std::vector<ModuleRecord> modules;
    std::vector<ConnectionRecord> connections;
    std::vector<PeriodicRecord> periodic;
    std::vector<std::string> erased_nodes;
    std::vector<std::string> erased_modules;
    std::vector<std::uint16_t> erased_connections;
    std::vector<std::string> erased_periodic;
    std::vector<std::array<std::uint8_t, 32>> used_keys; ///< SHA-256 of given keys, for ever
    std::map<std::string, std::uint32_t> turned;         ///< State::turned(), for ever
    std::optional<std::string> descriptor;               ///< State::descriptor()
    /// It must be on the disk before anything follows from it, also if the machine loses power.
    /// What can be found out or done again need not be: it survives the process at least.
    bool urgent = true;
    [[nodiscard]] bool empty() const;
};

enum class StateUse : std::uint8_t {
    look,   ///< may be done beside a deployer that is at work
    change, ///< alone
    regain, ///< alone, and though it was given away (state_marks.hpp)
};

/// 1 … 65535, at random.
[[nodiscard]] std::uint16_t any_deployment(const std::function<void(Bytes)>& random);

class State {
  public:
    /// Opens or makes `<directory>/state.db`. To change it, takes `<directory>/lock` and waits for
    /// it for a second at most.
    /// @error state-locked (names the process) | state-damaged | state-newer | state-unwritable |
    /// as may_change(): to change it
    static Expected<std::unique_ptr<State>> open(const std::filesystem::path& directory,
                                                 StateUse use);
    /// Over a database that the caller keeps: what a simulation needs.
    static Expected<std::unique_ptr<State>> open(std::shared_ptr<Database> database);
    ~State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    /// 1 … 65535; 0: none yet.
    [[nodiscard]] std::uint16_t deployment() const { return deployment_; }
    /// Once, before anything is deployed. 0 forgets all but used keys and turned secrets.
    Expected<bool> set_deployment(std::uint16_t deployment);
    /// The number, any where there is none yet.
    Expected<std::uint16_t> claim_deployment(const std::function<void(Bytes)>& random);

    [[nodiscard]] const std::map<std::string, NodeRecord>& nodes() const { return nodes_; }
    [[nodiscard]] const std::map<std::string, ModuleRecord>& modules() const { return modules_; }
    [[nodiscard]] const std::map<std::uint16_t, ConnectionRecord>& connections() const {
        return connections_;
    }
    [[nodiscard]] const std::map<std::string, PeriodicRecord>& periodic() const {
        return periodic_;
    }
    /// The text of the descriptor that was deployed last as a whole; empty: none was.
    [[nodiscard]] const std::string& descriptor() const { return descriptor_; }
    /// How often a generated secret was turned, by "module/secret"; absent: never.
    [[nodiscard]] const std::map<std::string, std::uint32_t>& turned() const { return turned_; }
    /// Null: there is none.
    [[nodiscard]] const NodeRecord* node(const std::string& name) const;
    [[nodiscard]] const ModuleRecord* module(const std::string& name) const;
    [[nodiscard]] const ConnectionRecord* connection(const std::string& name) const;
    [[nodiscard]] Expected<bool> key_used(const std::array<std::uint8_t, 32>& digest);
    [[nodiscard]] Expected<std::vector<std::array<std::uint8_t, 32>>> used_keys();

    /// Memory follows only where the disk has it. @error as open()
    Expected<bool> commit(const Change& change);
    /// Told after each transaction. For tests that stop the deployer there.
    std::function<void()> committed;
    /// Told which modules there are, now and after each transaction.
    void tell(std::function<void(const std::map<std::string, ModuleRecord>&)> listener) {
        listener_ = std::move(listener);
        listener_(modules_);
    }

  private:
    explicit State(std::shared_ptr<Database> database);
    Expected<bool> prepare();
    Expected<bool> read();
    Expected<bool> write(const Change& change);
    void remember(const Change& change);
    Expected<bool> transaction(const std::function<Expected<bool>()>& work);

    std::shared_ptr<Database> database_;
    std::function<void(const std::map<std::string, ModuleRecord>&)> listener_;
    std::unique_ptr<StateLock> lock_;
    std::uint16_t deployment_ = 0;
    std::map<std::string, NodeRecord> nodes_;
    std::map<std::string, ModuleRecord> modules_;
    std::map<std::uint16_t, ConnectionRecord> connections_;
    std::map<std::string, PeriodicRecord> periodic_;
    std::map<std::string, std::uint32_t> turned_;
    std::string descriptor_;
};

/// The state as JSON. Without secrets, keys and sessions are left out.
[[nodiscard]] std::string to_json(const State& state, bool with_secrets);

} // namespace authex::deployer
