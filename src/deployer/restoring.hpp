#pragma once
// Processes of modules whose state is kept (`persist`) get what the one before them has left:
// state, counters, timers and ports, and their connections under turned keys.
//                                                           (docs/protocol.md "State at rest")
//
// The node that keeps a state can keep an old one, too. What others have taken from the module, or
// know that it has answered, tells: whoever has come further with it than the state says proves
// that the state is not the last one, and it is refused.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "deployer/state.hpp"
#include "wire/control_owner.hpp"

namespace authex::deployer {

struct EngineContext;

/// Whether somebody on another node, or the owner, knows how far the module's state has come.
[[nodiscard]] bool is_witnessed(const ModuleRecord& module, const State& state);

class Restoring {
  public:
    explicit Restoring(const EngineContext& context) : context_(context) {}

    struct Result {
        std::vector<Diagnostic> errors;    ///< one for each module that waits still
        std::set<std::string> waiting;     ///< those
        std::set<std::uint16_t> continued; ///< connections that go on and need no other key
        std::vector<std::string> restored;
    };
    /// All modules of the state that are attested and to be restored; they go on when told to.
    Result run();
    /// Modules that have their state, or begin with none, are told to keep it and to go on.
    /// @param except modules that are left for later @return what went wrong
    std::vector<Diagnostic> go_on(const std::set<std::string>& except);

  private:
    using Audit = std::vector<wire::AuditEntry>;
    /// What a module has come back with.
    struct Revived {
        Audit audit;
        std::vector<std::uint8_t> waiting; ///< wire::Waiting × n
    };
    /// A connection that goes on, and where its ends stand.
    struct Going {
        ConnectionRecord record;
        wire::AuditEntry from; ///< of the deployer, where it is the source
        wire::AuditEntry to;
        bool unfinished = false; ///< the turn before was not finished
        bool turns = false; ///< an end that comes back seals on it: under a key that was never used
        bool one_key = false; ///< at a time: what waits has to be taken before it gets another
    };
    /// Whose events wait for whom, where both come back.
    using Waiting = std::map<std::string, std::set<std::string>>;

    Expected<bool> revive(const ModuleRecord& record);
    Expected<bool> take(const std::string& module, ByteView data);
    [[nodiscard]] bool is_back(const std::string& module) const { return back_.contains(module); }
    /// It has its state and goes on in this run.
    [[nodiscard]] bool goes_on(const std::string& module) const {
        return is_back(module) && !later_.contains(module);
    }
    void find_connections();
    void find_later();
    void consider(const ConnectionRecord& record);
    std::optional<wire::AuditEntry>
    entry(const ConnectionRecord& record, wire::Role role, bool& comes);
    const Audit* audit_of(const std::string& module);
    void let_arrive(Going& going);
    [[nodiscard]] Expected<bool> check(const Going& going) const;
    static std::string waits_for(const Going& going);
    void prepare(Going& going) const;
    void fail(const std::string& module, const Diagnostic& why);
    void drop_failed();
    // restoring_orders.cpp
    Expected<bool> tell_routes();
    Expected<bool> tell_modules();
    Expected<bool> tell_those_that_live();
    Expected<bool> tell_those_that_come_back();
    Expected<bool> commit(bool done);
    static const EndRecord& end_of(const Going& going, wire::Role role);

    const EngineContext& context_;
    std::map<std::string, Revived> back_;
    std::map<std::string, Audit> others_;
    std::map<std::uint16_t, Going> going_;
    std::set<std::string> later_; ///< have their state; others take first what they have sent
    Result result_;
};

} // namespace authex::deployer
