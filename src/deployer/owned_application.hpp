#pragma once
// The application of application.hpp, over any world (outside.hpp). One file for each group of
// commands: application.cpp builds and deploys, application_messages.cpp sends, application_status
// and application_logs.cpp look, application_watch.cpp heals,
// application_quarantine.cpp cuts off, application_delegate.cpp gives the state to a delegate,
// application_record.cpp records, application_values.cpp gives secrets, application_end.cpp
// disables and takes down.

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "deployer/application.hpp"
#include "deployer/engine.hpp"
#include "deployer/instances.hpp"
#include "deployer/module_values.hpp"
#include "deployer/outside.hpp"
#include "deployer/plan.hpp"
#include "deployer/recording.hpp"
#include "deployer/reporter.hpp"
#include "deployer/survey.hpp"

namespace authex::deployer {

class OwnedApplication final : public Application {
  public:
    OwnedApplication(Options options, descriptor::Descriptor descriptor, Outside outside);

    [[nodiscard]] const descriptor::Descriptor& descriptor() const override { return descriptor_; }
    Outcome<std::vector<BuiltModule>> build(const std::vector<std::string>& modules) override;
    Outcome<Plan> plan(const Selection& selection) override;
    Outcome<Plan> up(const Selection& selection) override;
    Outcome<Status> status() override;
    Outcome<bool> output(const std::string& connection, ByteView data) override;
    Outcome<std::vector<std::uint8_t>> request(const std::string& connection,
                                               ByteView data) override;
    Outcome<std::vector<std::uint8_t>>
    call(const std::string& module, const std::string& entry, ByteView data) override;
    Outcome<bool> restart(const std::string& module) override;
    Outcome<bool> tell_revoked() override;
    Outcome<std::vector<std::uint8_t>> device_key(const std::string& node) override;
    Outcome<Plan> recover(std::uint16_t deployment) override;
    Outcome<bool> set_secret(const std::string& module,
                             const std::string& name,
                             std::optional<ByteView> value) override;
    Outcome<bool> disable(const std::string& module) override;
    Outcome<Plan> reset() override;
    Outcome<Plan> down() override;
    Outcome<bool> logs(const LogQuery& query,
                       const std::function<bool(const LogEntry&)>& take) override;
    Outcome<RecordSummary> record(const RecordOrder& order) override;
    Outcome<std::string> export_state(bool with_secrets) override;
    Outcome<RoleCertificate> delegate(const DelegationOrder& order) override;

    // For a watch (watch_round.hpp).

    /// What heal() would do. The state may be one to look at.
    [[nodiscard]] Work to_heal(const State& state, const Survey& survey) const;
    struct Healed {
        Plan done;
        std::vector<Diagnostic> errors; ///< also where some of it was done
        std::vector<std::string> quarantined;
    };
    /// @param away nodes that are not asked
    Healed heal(const Selection& selection, Away away);
    /// A state to look at.
    [[nodiscard]] Expected<std::unique_ptr<State>> look() const {
        return outside_.open_state(StateUse::look);
    }
    /// Thread-safe for different nodes.
    [[nodiscard]] NodeView ask(const State& state, const std::string& name, Node& node) const;
    /// Those of the descriptor. @error of the first that cannot be spoken to, as its files are
    Expected<Nodes> reach_nodes();
    [[nodiscard]] std::chrono::system_clock::time_point now() const { return outside_.now(); }
    /// Or a delegate's: else it is a guest's.
    [[nodiscard]] bool has_owner_key() const { return outside_.has_owner_key; }

  private:
    using Errors = std::vector<Diagnostic>;
    struct Prepared; ///< a plan with all that it was made from

    /// @error owners-alone
    [[nodiscard]] Expected<bool> no_delegates() const;
    /// @error owners-alone | no-owner-key
    [[nodiscard]] Expected<bool> must_own() const;
    /// @param symbols also what debuggers read
    Outcome<std::vector<BuiltModule>> build_images(const std::vector<std::string>& modules,
                                                   bool symbols);
    Expected<std::unique_ptr<State>> open_to_change();
    Expected<std::unique_ptr<State>> open_to_empty();
    Expected<Survey> meet_nodes(State& state);
    /// A guest's state follows what the nodes say.
    Expected<std::unique_ptr<State>> with_deployment_of_nodes(std::unique_ptr<State> state);
    Expected<std::shared_ptr<Node>> node_of(const std::string& name);
    Outcome<Prepared> prepare(Selection selection);
    /// Peers of what was quarantined are told, and the drivers behind it go to their safe states.
    void cut_off(Engine::Result& result);
    Expected<bool> tell_disabled(State& state, ModuleRecord& record);
    Outcome<bool> disable_from_afar(const std::string& module, Diagnostic why);
    /// What is healed is healed where it is.
    [[nodiscard]] descriptor::Descriptor as_placed(const State& state) const;
    /// What was done, with all that went wrong.
    Engine::Result attempt(const Selection& selection);
    void connect_safe_states(const Loadables& built, const State& state);
    Outcome<Engine::Result> up_once(const Selection& selection);
    Outcome<Loadables> loadables(const Selection& selection);
    bool begin_with_kept_states(const State& state,
                                const Survey& survey,
                                const Afresh& afresh,
                                descriptor::Descriptor& placed,
                                Loadables& built) const;
    Expected<bool> remember_deployed(State& state, const Loadables& built, bool whole);
    [[nodiscard]] Errors check_names(const Selection& selection) const;
    [[nodiscard]] ValuesOfModules values(const Selection& selection, const State& state) const;
    Expected<std::uint16_t> deployment_at_nodes(std::uint16_t wanted);
    Expected<bool> meet_again(State& state, std::uint16_t deployment);
    Expected<bool> turn_secret(const std::string& module, const std::string& name);
    void warn(const Diagnostic& finding);

    [[nodiscard]] Expected<ConnectionRecord>
    direct_connection(const State& state, const std::string& name, bool request) const;
    Expected<std::vector<std::uint8_t>>
    send(const std::string& connection, ByteView data, bool request);
    Expected<v1::RecordRequest> record_request(const std::string& module,
                                               const RecordingHead& head);
    struct LogSource;
    [[nodiscard]] Errors check_query(const LogQuery& query) const;
    std::vector<LogSource>
    log_sources(const LogQuery& query, std::uint16_t deployment, Errors& errors);
    void follow(std::vector<LogSource>& sources,
                const std::stop_token& stop,
                const std::function<bool(const LogEntry&)>& take);
    void follow_source(LogSource& source,
                       const std::stop_token& stop,
                       const std::function<void(const LogEntry&)>& take);

    struct Emptying {
        std::string node;
        std::string address;
        Expected<v1::ResetReply> result;
    };
    std::vector<Emptying> reset_nodes(const State& state);
    Outcome<Plan> empty_nodes(State& state);

    const std::shared_ptr<InstanceNames> names_ = std::make_shared<InstanceNames>();
    Options options_;
    descriptor::Descriptor descriptor_;
    Outside outside_;
    Reporter reporter_;
    Nodes nodes_;
    Away away_;            ///< nodes that are not asked when something is healed
    std::mutex log_mutex_; ///< one line, and one warning, at a time
};

/// The input that AUTHEX_SAFE_STATE declares, and the connection on which the deployer sends to it.
/// (sdk/include/authex/module.hpp)
inline constexpr const char* safe_state_endpoint = "safe_state";
[[nodiscard]] std::string safe_state_connection(const std::string& module);

/// One error, as an Outcome carries it.
inline tl::unexpected<std::vector<Diagnostic>> failed(Diagnostic problem) {
    return tl::make_unexpected(std::vector<Diagnostic>{std::move(problem)});
}

} // namespace authex::deployer
