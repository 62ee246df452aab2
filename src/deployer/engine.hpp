#pragma once
// Does what a plan says: phases one after the other, the pieces of a phase side by side.
//
// What is sent can always be sent again: what a step intends is in the state before a node hears of
// it, and orders that were carried out are answered without effect. So a deployer that is killed
// anywhere goes on with the next `up`. All state is written by the thread that calls run(); work on
// nodes is handed to the executor and touches only what it was given.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "deployer/attest.hpp"
#include "deployer/instances.hpp"
#include "deployer/orders.hpp"
#include "deployer/outside.hpp"
#include "deployer/plan.hpp"
#include "deployer/reporter.hpp"

namespace authex::deployer {

struct EngineContext {
    const descriptor::Descriptor& descriptor;
    const Loadables& built;
    State& state;
    const Outside& outside;
    Nodes& nodes;
    const Survey& survey;
    Reporter& reporter;
    const ValuesOfModules& values;
    const InstanceNames& names;
    const Afresh& afresh;
};

class Engine {
  public:
    explicit Engine(const EngineContext& context) : context_(context) {}

    struct Result {
        Plan done;
        std::vector<Diagnostic> errors;
        bool outdated = false; ///< the plan did not know of connections, or of an unfinished update
        std::vector<std::string> quarantined; ///< modules whose peers are to be told now
    };
    Result run(const Work& work);

  private:
    using Steps = std::vector<const Step*>;
    using Problems = std::map<const Step*, Diagnostic>;
    struct Connecting;
    /// Which connection each order of a module is about, in the order of its messages.
    using Asking = std::map<std::string, std::vector<Connecting*>>;

    std::vector<Diagnostic> finish_handovers();
    void restore();
    void turn_keys(const Steps& steps);
    void go_on(const std::set<std::string>& except);
    void update(const Steps& steps);
    void remember_nodes();
    void forget_nodes();
    void remove(const Steps& steps);
    void unregister(const Steps& steps);
    void disconnect(const Steps& steps);
    void remove_ends(const Steps& steps, Problems& problems, Change& change);
    void remove_routes(const Steps& steps, Problems& problems);
    void remove_modules(const Steps& steps);
    void load(const Steps& steps);
    void load_wave(const Steps& steps);
    void attest(const Steps& steps);
    void accept(const Step& step, struct Attested&& attested, Change& change);
    void refuse(const Step& step, const Diagnostic& why, Change& change);
    void cut_off(const Steps& steps);
    bool is_superseded(const Step& step, const struct Attested& attested);
    void forget_channel(const std::string& module, Change& change);
    void begin_keeping(const Step& step, ModuleRecord& record) const;
    [[nodiscard]] bool was_told_to_keep(const ModuleRecord& record, const std::string& name) const;
    void take_attested(const Step& step, struct Attested&& attested, Change& change);
    void configure(const Steps& steps);
    std::optional<Diagnostic>
    take_given(const Step& step, const ModuleOrders& orders, Change& change);
    void take_unknown(const std::string& module,
                      const std::string& node,
                      const std::vector<wire::AuditEntry>& audit,
                      Change& change);
    std::vector<Connecting> begin_connecting(const Steps& steps, Change& change);
    void connect(const Steps& steps);
    Expected<bool> intend(Connecting& connecting, Change& change);
    void set_routes(std::vector<Connecting>& all);
    Asking order_ends(std::vector<Connecting>& all, std::vector<ModuleOrders>& orders);
    void take_answers(const std::vector<ModuleOrders>& orders, Asking& asking, int turn);
    void register_periodic(const Steps& steps);

    void done(const Step& step) { result_.done.steps.push_back(step.shown); }
    void failed(const Step& step, const Diagnostic& problem);
    /// A step that is not done because another one failed; that one was reported.
    void skip(const Step& step, const std::string& why);
    bool commit(const Change& change);
    [[nodiscard]] bool has_channel(const EndRecord& end) const;
    [[nodiscard]] std::uint64_t now_us() const;

    const EngineContext context_;
    Result result_;
    std::set<std::string> broken_; ///< modules that could not be loaded or attested
    std::set<std::string> ended_;  ///< modules whose process this run has ended or replaced
    std::map<std::string, std::string> processes_; ///< of modules that were loaded
    bool restored_ = false;
    std::set<std::uint16_t> continued_; ///< connections that need no other key
    std::set<std::string> waiting_;     ///< modules whose state is not back
    std::set<std::string> coming_;      ///< instances that this run has loaded beside modules
};

} // namespace authex::deployer
