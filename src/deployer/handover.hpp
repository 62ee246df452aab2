#pragma once
// An instance of a module takes the place of the one that runs: state, connections, timers and
// ports go over while neither does anything, so that every event is taken once, by the one or by
// the other.                                                   (docs/protocol.md "Handing over")
//
// Until the state on the disk says so, the instance before is the module: whatever fails, it goes
// on, and the next one, which was never told to do anything, is removed. From then on the next one
// is the module. So each key is used by one of them at a time.

#include <chrono>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "deployer/orders.hpp"
#include "deployer/state.hpp"
#include "deployer/state_transfer.hpp"
#include "wire/control_owner.hpp"

namespace authex::deployer {

struct EngineContext;

class Handover {
  public:
    explicit Handover(const EngineContext& context) : context_(context) {}

    /// @param instance record of the one that comes, attested and configured
    /// @error state-layout | endpoint-gone: nothing was stopped | handover-unfinished: the next run
    /// goes on with it | rollback-unfinished: the next run goes back | of the node, the module, the
    /// state: the instance before goes on
    /// @return how long neither did anything
    Expected<std::chrono::microseconds> run(const std::string& module, const std::string& instance);
    /// The instance before goes on, the one that came is removed. @error rollback-unfinished
    Expected<bool> roll_back(const std::string& instance);
    /// The module goes on, and the one before, whose record this is, is removed.
    /// @error handover-unfinished
    Expected<bool> roll_forward(const std::string& past);

  private:
    using Audit = std::vector<wire::AuditEntry>;
    using Messages = std::vector<wire::ControlMessage>;

    /// What is about to happen, found out before anything stops.
    struct Course {
        std::vector<StateChunk> chunks;
        std::vector<ConnectionRecord> connections; ///< those that go over, as they will be
    };

    Expected<bool> take_over(const ModuleRecord& before, const std::string& instance);
    [[nodiscard]] Expected<Course> prepare(const ModuleRecord& before,
                                           const ModuleRecord& next) const;
    Expected<bool> carry_state(const Course& course,
                               const ModuleRecord& before,
                               const std::string& instance,
                               ByteView recipient);
    Expected<bool> carry_rest(const Course& course,
                              const ModuleRecord& before,
                              const ModuleRecord& next,
                              ByteView waiting,
                              const Audit& audit);
    Expected<bool> drain(const Course& course, const ModuleRecord& before, const Audit& audit);
    Expected<bool> is_drained(const Course& course, const ModuleRecord& before, const Audit& audit);
    Expected<bool> lead(const std::vector<ConnectionRecord>& connections);
    void lead_back(const std::string& module);
    Expected<bool>
    take_place(Course& course, const ModuleRecord& before, const std::string& instance);
    Expected<bool> go_on(const std::string& module);
    /// @error what the survey says of it
    [[nodiscard]] Expected<Node*> node(const std::string& name) const;
    Expected<bool> remove(const ModuleRecord& record);
    void forget_routes(const std::string& module, const std::string& name);
    Expected<bool> move_periodic(const ModuleRecord& past, const ModuleRecord& now);
    [[nodiscard]] std::vector<ConnectionRecord> connections_of(const std::string& module) const;

    const EngineContext& context_;
    std::chrono::steady_clock::time_point paused_at_;
    std::chrono::steady_clock::time_point resumed_at_;
};

} // namespace authex::deployer
