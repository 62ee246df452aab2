#pragma once
// What a node does when it is asked, and when something happens to its modules. It joins the tables
// (node.hpp) to the loader, the data plane and the store, all of which are handed in, as are clock
// and waiting; it has no gRPC and no thread of its own.

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "em/control/access.hpp"
#include "em/control/changes.hpp"
#include "em/control/log_book.hpp"
#include "em/control/node.hpp"
#include "em/control/recorder.hpp"
#include "em/control/store.hpp"
#include "metrics/exposition.hpp"

namespace authex::em {

/// Who asks, for which deployment, and until when an answer is of use.
struct Caller {
    Identity identity;
    std::uint16_t deployment = 0; ///< 0: none that is valid
    DataPlane::Deadline deadline;
};

struct Greeting {
    tee::TeeInfo tee;
    std::uint64_t node_id = 0;
    std::uint64_t boot = 0;
    std::string events_address;
    NodeLimits limits;
    std::size_t revoked = 0; ///< certificates of the caller's owner
    std::uint64_t unix_time_us = 0;
};

/// Of a module, which process is meant.
struct ProcessName {
    std::string module;
    std::uint64_t started_at_us = 0; ///< as Module has it; 0: whichever
};

struct LoadOrder {
    tee::ModuleSpec spec; ///< its deployment is the caller's
    std::uint64_t image_bytes = 0;
    bool replace = false;
};

struct ControlAnswer {
    std::vector<std::uint8_t> frames;
    std::vector<std::uint8_t> evidence; ///< empty unless a handshake was answered
};

struct NodeStatus {
    std::vector<Module> modules;
    std::vector<Route> routes;
    Snapshot traffic; ///< of the deployment only; links are those that its routes use
};

struct ResetCounts {
    std::uint32_t modules = 0;
    std::uint32_t connections = 0;
};

/// What the manager needs of the world. Everything outlives it.
struct ManagerOutside {
    Store& store;
    tee::Loader& loader;
    LogBook& logs;
    std::function<void(std::function<void()>)>
        post; ///< runs it later on the manager's thread; thread-safe
    /// Runs it where it may take its time, one after the other; thread-safe.
    std::function<void(std::function<void()>)> aside;
    std::function<std::uint64_t()> unix_time_us;
    std::function<DataPlane::Deadline()> now; ///< the clock of deadlines
    /// Waits until the descriptor is readable, so many milliseconds at most.
    std::function<void(int descriptor, int milliseconds)> wait_readable;
    std::function<std::uint64_t()> random;
    bool durable = false; ///< ModuleSpec::durable of all modules
};

/// Every public method runs on the manager's thread, except those of Observer. Completions run
/// there, on the data plane's thread or aside, each once; they must not block.
class Manager final : public Observer {
  public:
    template <typename T>
    using Done = DataPlane::Done<T>;

    Manager(ManagerOutside outside, const NodeLimits& limits);

    /// Reads what is on disk and counts this start. Before the data plane is opened: it tells its
    /// peers the node's id. @error store
    Expected<std::uint64_t> load_records();
    /// Gives the data plane its routes, periodic events and the modules that an earlier manager
    /// left. What cannot be restored is logged and its module failed; the rest goes on.
    void recover(DataPlane& plane);

    /// Claims the deployment for the owner; other roles only greet. @error as Node::hello()
    void hello(const Caller& caller, std::string application, const Done<Greeting>& done);
    /// Whether the caller owns its deployment.
    [[nodiscard]] Expected<bool> authorize(const Caller& caller) const;

    /// What load() is going to need. @error role-too-low: an image must come, and only an owner
    /// brings one | as Node::plan_load()
    [[nodiscard]] Expected<LoadPlan> plan_load(const Caller& caller, const LoadOrder& order) const;
    /// @param received a checked image in Store::incoming(), or empty where plan_load() wants none.
    /// @param started  told when it was started, and has not answered yet
    void load(const Caller& caller,
              const LoadOrder& order,
              const std::filesystem::path& received,
              std::function<void()> started,
              Done<Module> done);
    void start(const Caller& caller, const std::string& module, Done<Module> done);
    /// Starts the module anew, and the recorder is told what goes to and fro.
    /// @error not-replayable | image-differs | as start()
    void record(const Caller& caller,
                const std::string& module,
                const tee::Sha256& image,
                std::shared_ptr<Recorder> recorder,
                Done<Module> done);
    /// @error another-process
    void stop(const Caller& caller, const ProcessName& process, const Done<Module>& done);
    /// Also where there is none. @error another-process
    void remove(const Caller& caller, const ProcessName& process, const Done<Module>& done);
    /// Done with a frame of kind state, or nothing where none was kept.
    /// @error kept-state: what was kept with it finds no room, or cannot be read
    void kept_state(const Caller& caller,
                    const std::string& module,
                    Done<std::vector<std::uint8_t>> done);
    void control(const Caller& caller,
                 const std::string& module,
                 std::vector<std::uint8_t> frames,
                 std::uint32_t answers,
                 Done<ControlAnswer> done);
    /// Evidence for the key of a module's server.
    /// @error entry-refused | certificate-evidence: the TEE makes none | as of the loader |
    /// module-restarted
    void certify(const Caller& caller,
                 const std::string& module,
                 std::uint16_t endpoint,
                 Done<bool> done);
    void call(const Caller& caller,
              const std::string& module,
              std::uint16_t entry,
              std::vector<std::uint8_t> data,
              Done<std::vector<std::uint8_t>> done);

    /// The route's deployment is the caller's.
    [[nodiscard]] Expected<bool> connect(const Caller& caller, const Route& route);
    [[nodiscard]] Expected<bool> disconnect(const Caller& caller, std::uint16_t channel);
    void deliver(const Caller& caller, DeliverOrder order, Done<DirectResult> done);
    [[nodiscard]] Expected<bool> add_periodic(const Caller& caller, const Periodic& periodic);
    [[nodiscard]] Expected<bool> remove_periodic(const Caller& caller, const std::string& name);

    /// Thread-safe.
    [[nodiscard]] Changes& changes() { return changes_; }
    [[nodiscard]] Expected<NodeStatus> status(const Caller& caller);
    /// Of the caller's deployment.
    [[nodiscard]] Expected<std::vector<metrics::Family>> metrics(const Caller& caller);
    /// Of all deployments and the manager itself.
    [[nodiscard]] std::vector<metrics::Family> metrics();
    [[nodiscard]] Expected<ResetCounts> reset(const Caller& caller);
    /// Those of the caller's owner.
    [[nodiscard]] std::vector<Deployment> deployments(const Caller& caller) const;

    /// The data plane goes: what it still has to tell is not heard.
    void close() { plane_ = nullptr; }
    /// Ends all modules of all deployments; their images and routes stay.
    void stop_all();

    void log_line(const ModuleName& module, std::uint8_t level, std::string text) override;
    void module_ended(const ModuleName& module, const tee::Exit& exit) override;
    void module_misbehaved(const ModuleName& module, const std::string& reason) override;

  private:
    struct Waiting {
        ModuleName module;
        std::uint32_t instance = 0;
        Done<Module> done;
    };
    /// What the loader starts, or is to start after that.
    struct Start {
        ModuleName module;
        std::uint32_t instance = 0;
        tee::ModuleSpec spec;
        DataPlane::Deadline deadline;
        std::function<void()> started; ///< may be empty
        std::shared_ptr<Recorder> recorder;
    };

    [[nodiscard]] Expected<const Module*> find(const Caller& caller, const std::string& name) const;
    [[nodiscard]] Expected<const Module*> find_running(const Caller& caller,
                                                       const std::string& name) const;
    Expected<bool> use(const Caller& caller);
    void restore_module(const Module& module);

    void start_instance(const tee::ModuleSpec& spec,
                        std::uint64_t image_bytes,
                        DataPlane::Deadline deadline,
                        std::function<void()> started,
                        Done<Module> done,
                        std::shared_ptr<Recorder> recorder = nullptr);
    void start_next();
    void take_started(Expected<std::unique_ptr<tee::ModuleLink>> link);
    void
    host(const Module& module, std::unique_ptr<tee::ModuleLink> link, DataPlane::Deadline deadline);
    void greeted(const ModuleName& name, std::uint32_t instance, const Expected<bool>& answer);
    void
    answer_waiting(const ModuleName& name, std::uint32_t instance, const Expected<Module>& result);
    void fail(const ModuleName& name, std::uint32_t instance, const std::string& failure);
    std::optional<tee::Exit> end_process(const ModuleName& name);
    std::optional<tee::Exit> end(tee::ModuleLink& link, const ModuleName& name);
    void note_end(const ModuleName& name, std::string failure);
    void keep(const Module& module);
    void warn(const ModuleName& module, const std::string& text);

    ManagerOutside outside_;
    Changes changes_;
    Node node_;
    DataPlane* plane_ = nullptr; ///< null before recover() and after close()
    std::uint64_t node_id_ = 0;
    std::uint64_t boot_ = 0;
    std::vector<Waiting> waiting_;
    std::deque<Start> starts_; ///< the loader is at the first one

    std::mutex instances_mutex_;
    /// The instance that the data plane hosts under a name, for what it tells from its thread.
    std::map<ModuleName, std::uint32_t> instances_;
};

} // namespace authex::em
