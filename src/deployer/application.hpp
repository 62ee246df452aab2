#pragma once
// One application as its owner handles it: everything that the commands of `authex` do. Descriptor,
// state, keys and nodes meet here; printing and arguments are the caller's business. (DESIGN "State
// of the deployer", "CLI contract")

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "deployer/role_certificates.hpp"
#include "descriptor/model.hpp"
#include "tee/builder.hpp"
#include "tee/verifier.hpp"

namespace authex::deployer {

/// A value, or everything that was found wrong.
template <typename T>
using Outcome = tl::expected<T, std::vector<Diagnostic>>;

/// One thing that is being done, for people and logs. `action` is one word: "build", "load",
/// "attest", "cut off", "configure", "update", "connect", "register", "disconnect", "unregister",
/// "remove",
/// "disable", "reset".
struct Progress {
    enum class What : std::uint8_t { started, advanced, done, failed };
    What what = What::started;
    std::string action;
    std::string subject; ///< name of the module, connection, periodic event or node
    std::string node;    ///< where; may be empty
    std::string detail;  ///< e.g. "cached", "12 kB of 40 kB", the failure's summary
    std::chrono::microseconds took{0};
    bool aside = false; ///< changes nothing: a node that is asked, a module that is audited
};

struct Options {
    std::filesystem::path descriptor = "authex.yaml";
    std::filesystem::path state_directory;     ///< empty: `.authex` beside the descriptor
    bool insecure = false;                     ///< plaintext also to nodes that are not on loopback
    std::chrono::milliseconds timeout{10'000}; ///< of each call to a node
    std::function<void(const Progress&)> progress; ///< called from several threads, one at a time
    std::function<void(const Diagnostic&)> warn;   ///< findings that stop nothing; likewise
};

/// What `up` would do or did. Steps of one phase run at the same time, phases in this order.
/// (DESIGN "Trust": window)
enum class Phase : std::uint8_t {
    remove,
    load,
    attest,
    cut_off,
    configure,
    update,
    connect_inner,
    connect_outputs,
    connect_inputs,
    connect_direct,
    turn_keys,
    register_periodic
};
struct PlannedStep {
    Phase phase = Phase::load;
    std::string action; ///< as Progress::action
    std::string subject;
    std::string node;
    std::string
        reason; ///< "new", "code changed", "manager lost it", "not attested", "epoch turns" …
};
/// One module that was attested, and what was seen.
struct Attestation {
    std::string module;
    std::string node;
    std::string tee;
    tee::Claims claims;
};
struct Plan {
    std::vector<PlannedStep> steps;
    std::vector<Attestation> attestations; ///< of up(): those among the steps
    [[nodiscard]] bool empty() const { return steps.empty(); }
};

/// Whether `name` is one of them.
[[nodiscard]] inline bool names(const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

/// Modules that begin anew: what runs of them is not asked for its state, what is kept of them is
/// given up, and events that wait for them are lost.
struct Afresh {
    bool all = false;
    std::vector<std::string> modules;
    [[nodiscard]] bool contains(const std::string& module) const {
        return all || names(modules, module);
    }
};

/// What part of `up` to do. Names empty: all of them.
struct Selection {
    bool load = true;
    bool attest = true; ///< and give configuration and secrets
    bool connect = true;
    bool register_periodic = true;
    bool remove_stale = true; ///< what the state has and the descriptor has not
    std::vector<std::string> modules;
    std::vector<std::string> connections;
    std::vector<std::string> periodic;
    bool attest_again = false; ///< also what is attested already: closes and reopens the window
    bool turn_epoch = false;   ///< fresh keys also for connections that are set; what waits is lost
    bool turn_keys = false;    ///< connections that are set go on under other keys
    /// Only what the state has and is broken, from the images that were loaded: nothing new,
    /// nothing that the descriptor has changed since, nothing that was disabled or quarantined.
    bool heal = false;
    Afresh afresh;
    /// What differs is not begun anew where it cannot hand over: that is an error then.
    bool hand_over_or_fail = false;
};

struct BuiltModule {
    std::string name;
    std::string tee;
    tee::Image image;
};

struct NodeStatus {
    std::string name;
    std::string tee;
    std::string address;
    bool reachable = false;
    bool simulated = false;
    std::string problem; ///< why it is not reachable
    std::uint64_t spill_bytes = 0;
    std::uint64_t spill_limit_bytes = 0;
};
struct ModuleStatus {
    std::string name;
    std::string node;
    std::string tee;
    std::string state;       ///< running | stopped | failed | absent | unknown | quarantined
    std::string quarantined; ///< why; empty: it is not
    std::string kept;        ///< its state: witnessed | rollback possible; empty: it is not kept
    std::vector<std::uint8_t> identity;
    std::optional<std::chrono::system_clock::time_point> attested_at;
    bool simulated = false;
    std::uint64_t image_bytes = 0;
    std::string failure;
    std::string held_up; ///< why its node takes nothing that it says for now; empty: it does
    std::vector<std::string> last_lines;
    std::uint32_t instance = 0;
};
struct ConnectionStatus {
    std::uint16_t id = 0;
    std::string name;
    std::string from; ///< "module.endpoint" or "direct"
    std::string to;
    std::string encryption;
    std::string delivery;
    std::optional<descriptor::Deadline> deadline;
    std::uint32_t epoch = 0; ///< 0: not connected
    std::uint64_t sent =
        0; ///< as the source module says, authenticated; 0 where it cannot be asked
    std::uint64_t accepted = 0; ///< as the destination module says
    std::uint64_t refused = 0;
    std::uint64_t waiting = 0; ///< frames that the managers keep
    std::optional<std::chrono::system_clock::time_point> window_open_since;
};
struct Status {
    std::string application;
    std::vector<NodeStatus> nodes;
    std::vector<ModuleStatus> modules;
    std::vector<ConnectionStatus> connections;
};

enum class LogLevel : std::uint8_t { error, warning, info, debug };

/// Which lines are wanted. Names empty: all.
struct LogQuery {
    std::vector<std::string> modules;
    std::vector<std::string> nodes;
    LogLevel level = LogLevel::debug; ///< this one and worse
    std::optional<std::chrono::system_clock::time_point> since;
    std::string grep; ///< regular expression (RE2) that is found in the text; empty: any text
    /// So many of each module's lines that all this fits, before those that follow.
    std::uint32_t last = 100;
    /// Go on with what comes until `stop` is requested; a node that ends is asked again until it is
    /// there, which is a warning.
    bool follow = false;
    std::stop_token stop;
};
struct LogEntry {
    std::string node;
    std::string module;
    LogLevel level = LogLevel::info;
    std::string text;
    std::chrono::system_clock::time_point time;
};

/// What is to be recorded, and for how long.
struct RecordOrder {
    std::string module;
    std::filesystem::path file;  ///< must not be there yet; see recording.hpp
    std::function<void()> begun; ///< called once: the module is attested and connected again
    std::stop_token stop;
};
/// Who is to heal and attest in the owner's place, and where his folder is written.
struct DelegationOrder {
    std::filesystem::path folder;  ///< must not be there, or be empty
    std::string name = "delegate"; ///< of the certificate
    int days = 90;                 ///< for so long it is valid
};
struct RecordSummary {
    std::uint64_t given = 0; ///< frames to the module
    std::uint64_t gave = 0;  ///< frames from it
    std::string ended;       ///< how the module ended; empty: the recording was stopped
};

/// Methods block and may be called from one thread at a time. Each is idempotent where it says so;
/// a process that is killed in the middle of any of them leaves a state from which the same call
/// goes on. Only one process at a time changes an application: others get "state-locked".
class Application {
  public:
    virtual ~Application() = default;

    /// Reads and checks the descriptor only; no file is made, no node is asked. All errors at once.
    static Outcome<descriptor::Descriptor> check(const std::filesystem::path& descriptor,
                                                 std::vector<Diagnostic>& warnings);
    static Outcome<std::unique_ptr<Application>> open(Options options);

    [[nodiscard]] virtual const descriptor::Descriptor& descriptor() const = 0;

    /// Builds all or the named modules, at the same time, and checks every connection against their
    /// endpoints.
    virtual Outcome<std::vector<BuiltModule>> build(const std::vector<std::string>& modules) = 0;
    /// What up() would do; builds and asks the nodes, changes nothing.
    virtual Outcome<Plan> plan(const Selection& selection) = 0;
    /// Does what plan() says. @return what was done.
    virtual Outcome<Plan> up(const Selection& selection) = 0;
    virtual Outcome<Status> status() = 0;

    /// An event on a direct connection; done when the module has taken it.
    virtual Outcome<bool> output(const std::string& connection, ByteView data) = 0;
    /// A request on a direct connection, and its answer.
    virtual Outcome<std::vector<std::uint8_t>> request(const std::string& connection,
                                                       ByteView data) = 0;
    /// An entry by name or number: unauthenticated, so is the result.
    virtual Outcome<std::vector<std::uint8_t>>
    call(const std::string& module, const std::string& entry, ByteView data) = 0;

    /// Ends the module's process and starts its image again. It has forgotten its keys then: the
    /// owner's up() attests and connects it anew.
    virtual Outcome<bool> restart(const std::string& module) = 0;
    /// Tells every node which certificates were revoked. @error of nodes that were not told
    virtual Outcome<bool> tell_revoked() = 0;

    /// The device key that a TrustZone node shows, which is that of its device if you say so; see
    /// tee/trustzone/device_public_key.hpp. Nothing is kept.
    /// @error unknown-node | no-device-key: of another TEE | of the node
    virtual Outcome<std::vector<std::uint8_t>> device_key(const std::string& node) = 0;

    /// Takes the application over where the state is lost: finds its deployment on the nodes, then
    /// does what up() does. With the recovery key as owner key, modules that run forget the owner
    /// before; nothing is loaded anew that is there. Where the state knows a deployment: up().
    /// @param deployment which one, where the nodes have several; 0: the only one
    /// @error nothing-deployed | several-deployments | of the nodes | as up()
    virtual Outcome<Plan> recover(std::uint16_t deployment) = 0;

    /// A new value for a secret, handed to its module at once where that is attested. One that
    /// comes from a file: `value` takes the file's place; one that is generated: made anew, without
    /// `value`. @return whether the module has it; else the next up() gives it.
    /// @error unknown-module | unknown-secret | secret-elsewhere (in the environment) |
    /// secret-generated | payload-missing | as up()
    virtual Outcome<bool> set_secret(const std::string& module,
                                     const std::string& name,
                                     std::optional<ByteView> value) = 0;

    /// The module drops its connections for good and takes no new ones until it is loaded again.
    virtual Outcome<bool> disable(const std::string& module) = 0;
    /// Empties the nodes of this application, keeps keys and descriptor.
    virtual Outcome<Plan> reset() = 0;
    /// The same, and forgets the deployment.
    virtual Outcome<Plan> down() = 0;

    /// Lines of all nodes in the order of their times, until `take` returns false. `take` is called
    /// from several threads, one at a time.
    /// @error unknown-module | unknown-node | pattern-invalid | of the nodes
    virtual Outcome<bool> logs(const LogQuery& query,
                               const std::function<bool(const LogEntry&)>& take) = 0;
    /// Starts the module anew, without keys and state, then does what up() does, and keeps every
    /// frame that it is given and gives in a file, until it ends or `stop` is requested. The node
    /// draws the module's first random numbers and tells them: who has the file has all keys of
    /// this run. A node that goes away ends the recording, with a warning.
    /// @error unknown-module | not-replayable: the node's TEE protects its modules | image-differs:
    /// run up() first | file-exists | file-unwritable | as up()
    virtual Outcome<RecordSummary> record(const RecordOrder& order) = 0;
    /// Does what up() does, with the key for delegates in every module, and then gives the state to
    /// a delegate: its folder is written, and the state here is not changed any more until it is
    /// taken back (delegation_end.hpp). @pre make_delegate_key()
    /// @error recovered: the owner key is the recovery key | not-finished: an update |
    /// folder-not-empty | role-exists | of the values and files | as up()
    virtual Outcome<RoleCertificate> delegate(const DelegationOrder& order) = 0;
    /// The state as JSON; with secrets only if asked.
    virtual Outcome<std::string> export_state(bool with_secrets) = 0;
};

} // namespace authex::deployer
