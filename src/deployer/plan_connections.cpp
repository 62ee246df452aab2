#include "deployer/plan_connections.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "deployer/connection_messages.hpp"
#include "deployer/turning.hpp"

namespace authex::deployer {
namespace {

using descriptor::EndpointKind;

constexpr std::uint16_t channel_max = 65535;

std::string endpoint_text(const descriptor::EndpointReference& reference) {
    return reference.id ? std::to_string(*reference.id) : reference.endpoint;
}

bool same_end(const EndRecord& end, const descriptor::EndpointReference& reference) {
    return end.module == reference.module && end.endpoint == endpoint_text(reference);
}

/// Whether the record is of this connection: name and ends are what makes it the same.
bool is_of(const ConnectionRecord& record, const descriptor::Connection& connection) {
    const bool from = connection.from ? same_end(record.from, *connection.from) : record.direct();
    const bool id = !connection.id || *connection.id == record.id;
    return record.name == connection.name && from && same_end(record.to, connection.to) && id;
}

class ConnectionPlanner {
  public:
    ConnectionPlanner(const ConnectionPlanInput& input, Work& work)
        : plan_(input), input_(input.input), descriptor_(input_.descriptor), state_(input_.state),
          work_(work) {}

    void make() {
        match();
        for (const auto& [id, record] : state_.connections()) {
            plan_removal(record);
        }
        if (!input_.selection.connect) {
            return;
        }
        for (const descriptor::Connection& connection : descriptor_.connections) {
            if (selected(connection)) {
                plan_connection(connection);
            }
        }
    }

  private:
    /// Joins connections to records, and gives numbers to the others.
    void match() {
        std::set<std::uint16_t> claimed; // by the descriptor
        std::set<std::uint16_t> taken;
        for (const descriptor::Connection& connection : descriptor_.connections) {
            if (connection.id) {
                claimed.insert(*connection.id);
            }
        }
        taken = claimed;
        for (const auto& [id, record] : state_.connections()) {
            taken.insert(id);
            const descriptor::Connection* connection = descriptor_.find_connection(record.name);
            if (connection != nullptr && is_of(record, *connection) &&
                (connection->id || !claimed.contains(id))) {
                records_[record.name] = &record;
                ids_[record.name] = id;
            }
        }
        std::uint16_t next = 1;
        for (const descriptor::Connection& connection : descriptor_.connections) {
            if (ids_.contains(connection.name)) {
                continue;
            }
            if (connection.id) {
                ids_[connection.name] = *connection.id;
                continue;
            }
            while (taken.contains(next) && next < channel_max) {
                ++next;
            }
            taken.insert(next);
            ids_[connection.name] = next;
        }
    }

    const ConnectionRecord* record_of(const std::string& name) const {
        const auto found = records_.find(name);
        return found == records_.end() ? nullptr : found->second;
    }

    bool selected(const descriptor::Connection& connection) const {
        const Selection& selection = input_.selection;
        if (plan_.everything || !selection.connections.empty()) {
            return plan_.everything || names(selection.connections, connection.name);
        }
        return names(selection.modules, connection.to.module) ||
               (connection.from && names(selection.modules, connection.from->module));
    }

    void plan_removal(const ConnectionRecord& record) {
        const bool stale = record_of(record.name) != &record;
        const bool chosen = (plan_.everything && input_.selection.remove_stale) ||
                            names(input_.selection.connections, record.name);
        if (!stale || !chosen) {
            return;
        }
        for (const std::string& node : {record.source_node, record.destination_node}) {
            const auto view = input_.survey.find(node);
            if (view != input_.survey.end() && !view->second.usable() &&
                descriptor_.find_node(node) != nullptr) {
                return; // the node's problem is reported; it is done when the node is there
            }
        }
        const bool other = descriptor_.find_connection(record.name) != nullptr;
        work_.steps.push_back(
            {.shown = {.phase = Phase::remove,
                       .action = "disconnect",
                       .subject = record.name,
                       .node = record.destination_node,
                       .reason = other ? "joins other endpoints" : "not in the descriptor"},
             .connection = record});
    }

    /// The end as it will be; its module's incarnation is known when it is attested.
    std::optional<EndRecord> end_of(const descriptor::EndpointReference& reference,
                                    EndpointKind& kind) {
        const auto endpoint = find_endpoint(input_, reference);
        if (!endpoint) {
            work_.problems.push_back(unknown_endpoint(reference));
            return std::nullopt;
        }
        kind = endpoint->kind;
        return EndRecord{
            .module = reference.module, .endpoint = endpoint_text(reference), .id = endpoint->id};
    }

    std::optional<ConnectionRecord> wanted(const descriptor::Connection& connection) {
        EndpointKind from_kind{};
        EndpointKind to_kind{};
        const auto to = end_of(connection.to, to_kind);
        const auto from =
            connection.from ? end_of(*connection.from, from_kind) : std::optional(EndRecord{});
        if (!to || !from) {
            return std::nullopt;
        }
        ConnectionRecord record{.id = ids_.at(connection.name),
                                .name = connection.name,
                                .from = *from,
                                .to = *to,
                                .algorithm = connection.algorithm,
                                .lossy = connection.delivery == descriptor::Delivery::lossy};
        if (connection.deadline) {
            record.deadline = static_cast<std::uint8_t>(
                (connection.deadline->drops ? wire::late_dropped : wire::late_marked) |
                (connection.deadline->by_modules ? wire::by_own_clock : wire::deadline_none));
            record.within_us = static_cast<std::uint32_t>(connection.deadline->within.count());
        }
        const bool unknown = from_kind == EndpointKind{} && to_kind == EndpointKind{};
        record.request =
            unknown || to_kind == EndpointKind::handler || from_kind == EndpointKind::request;
        if (connection.key) {
            record.given_key = true;
            record.key.assign(*connection.key);
        }
        record.destination_node = descriptor_.find_module(to->module)->node.name;
        if (connection.from) {
            record.source_node = descriptor_.find_module(from->module)->node.name;
        }
        if (!record.direct() && record.source_node != record.destination_node) {
            record.source_address = input_.survey.at(record.source_node).events_address;
            record.destination_address = input_.survey.at(record.destination_node).events_address;
        }
        return record;
    }

    void plan_connection(const descriptor::Connection& connection) {
        const Fate& to = plan_.fates.at(connection.to.module);
        const Fate* from = connection.from ? &plan_.fates.at(connection.from->module) : nullptr;
        if (to.why != Fate::Why::none || (from != nullptr && from->why != Fate::Why::none)) {
            return; // said already
        }
        const ConnectionRecord* record = record_of(connection.name);
        const bool ready = to.ready && (from == nullptr || from->ready);
        if (record == nullptr && !ready) {
            report_blocked(connection, to.ready ? connection.from->module : connection.to.module);
            return;
        }
        std::optional<ConnectionRecord> target = wanted(connection);
        if (!target || (input_.selection.heal && !keep_terms(*target, record))) {
            return;
        }
        bool new_epoch = true;
        const std::string reason = reason_to_connect(*target, record, new_epoch);
        if (reason.empty()) {
            if (input_.selection.turn_keys && ready) {
                plan_turn(*record);
            }
            return;
        }
        if (!ready) {
            report_blocked(connection, to.ready ? connection.from->module : connection.to.module);
            return;
        }
        const auto before = state_.connections().find(target->id);
        target->epoch =
            before == state_.connections().end() ? epoch_at_nodes(*target) : before->second.epoch;
        work_.steps.push_back({.shown = {.phase = phase_of(descriptor_, connection),
                                         .action = "connect",
                                         .subject = connection.name,
                                         .node = target->destination_node,
                                         .reason = reason},
                               .connection = std::move(target),
                               .new_epoch = new_epoch});
    }

    void plan_turn(const ConnectionRecord& record) {
        const std::string hindrance = Turning::hindrance(record, state_, input_.survey);
        if (hindrance.empty()) {
            work_.add(Phase::turn_keys, "turn", record.name, record.destination_node, "in time")
                .connection = record;
        } else if (names(input_.selection.connections, record.name)) {
            work_.problems.push_back(
                make_error("key-stays",
                           fmt::format("the key of connection {} cannot be turned in passing: {}",
                                       record.name,
                                       hindrance),
                           "begin anew with it, without what waits: authex connect --again"));
        }
    }

    /// Healing changes nothing of what the connection is. @return false: it was never made
    static bool keep_terms(ConnectionRecord& target, const ConnectionRecord* record) {
        if (record == nullptr || record->source_node != target.source_node ||
            record->destination_node != target.destination_node) {
            return false;
        }
        target.algorithm = record->algorithm;
        target.lossy = record->lossy;
        target.deadline = record->deadline;
        target.within_us = record->within_us;
        target.request = record->request;
        target.from.id = record->from.id;
        target.to.id = record->to.id;
        target.given_key = record->given_key;
        target.key = record->given_key ? record->key : Secret();
        return true;
    }

    /// Where the state knows no epoch, a node may: one whose routes outlived the state of the
    /// deployer. A smaller epoch than the node's would be ignored there.
    std::uint32_t epoch_at_nodes(const ConnectionRecord& target) const {
        constexpr std::uint32_t believable_max = UINT32_MAX / 2; // else a node could use them up
        std::uint32_t epoch = 0;
        for (const std::string& node : {target.source_node, target.destination_node}) {
            const auto view = input_.survey.find(node);
            const v1::ConnectionStatus* status =
                view == input_.survey.end() ? nullptr : view->second.connection(target.id);
            if (status != nullptr && status->epoch() <= believable_max) {
                epoch = std::max(epoch, status->epoch());
            }
        }
        return epoch;
    }

    std::string
    reason_to_connect(const ConnectionRecord& target, const ConnectionRecord* record, bool& turn) {
        if (record == nullptr) {
            return "new";
        }
        for (const auto& [end, was] :
             {std::pair(&target.from, &record->from), std::pair(&target.to, &record->to)}) {
            if (end->module.empty()) {
                continue;
            }
            const ModuleRecord* module = state_.module(end->module);
            const bool other = module == nullptr || module->incarnation != was->incarnation;
            if (plan_.fates.at(end->module).fresh || other) {
                return fmt::format("module {} starts anew", end->module);
            }
        }
        const bool other_key =
            target.given_key != record->given_key ||
            (target.given_key && !equal_constant_time(target.key.view(), record->key.view()));
        if (target.algorithm != record->algorithm || target.lossy != record->lossy ||
            target.deadline != record->deadline || target.within_us != record->within_us ||
            target.request != record->request || other_id(target.from, record->from) ||
            other_id(target.to, record->to) || other_key) {
            return "changed";
        }
        if (input_.selection.turn_epoch) {
            return "epoch turns";
        }
        if (!record->complete) {
            turn = record->key.empty();
            return turn ? "its key is not here" : "not finished";
        }
        for (const std::string& node : {record->source_node, record->destination_node}) {
            const v1::ConnectionStatus* status =
                node.empty() ? nullptr : input_.survey.at(node).connection(record->id);
            if (!node.empty() && (status == nullptr || status->epoch() != record->epoch)) {
                return fmt::format("node {} lost it", node);
            }
        }
        const bool follows = updates(target.from) || updates(target.to);
        for (const std::string& node : nodes_of(*record)) {
            if (!follows && leads_elsewhere(node, *record)) {
                turn = record->key.empty();
                return fmt::format("node {} leads it elsewhere", node);
            }
        }
        if (follows && record->key.empty()) {
            turn = true; // a copy of a state cannot let it go on
            return "its key is not here";
        }
        if (!follows && (target.source_address != record->source_address ||
                         target.destination_address != record->destination_address)) {
            turn = record->key.empty();
            return "a node's address changed";
        }
        return "";
    }

    /// An order that was held up may have come after the one that followed it.
    bool leads_elsewhere(const std::string& node, const ConnectionRecord& record) const {
        const v1::ConnectionStatus* status = input_.survey.at(node).connection(record.id);
        if (status == nullptr || !status->has_route()) {
            return false; // an earlier version of the manager does not say
        }
        const v1::ConnectRequest told = route_on(record, node, state_.deployment());
        return status->route().SerializeAsString() != told.SerializeAsString();
    }
    bool updates(const EndRecord& end) const {
        return !end.module.empty() && plan_.fates.at(end.module).updates;
    }
    /// The ids of an instance that takes over may differ: the names say what goes on.
    bool other_id(const EndRecord& target, const EndRecord& record) const {
        return target.id != record.id && !updates(target);
    }

    void report_blocked(const descriptor::Connection& connection, const std::string& module) {
        if (input_.selection.heal) {
            return; // the module is what is broken
        }
        Diagnostic problem =
            make_error("not-attested",
                       fmt::format("connection {} waits for module {}, which is not attested",
                                   connection.name,
                                   module),
                       "run authex up");
        problem.where = connection.where;
        const bool asked_for = names(input_.selection.connections, connection.name) ||
                               (plan_.everything && input_.selection.attest == false);
        if (asked_for) {
            work_.problems.push_back(std::move(problem));
        } else if (!plan_.everything) {
            problem.severity = Severity::warning;
            work_.warnings.push_back(std::move(problem));
        }
    }

    const ConnectionPlanInput& plan_;
    const PlanInput& input_;
    const descriptor::Descriptor& descriptor_;
    const State& state_;
    Work& work_;
    std::map<std::string, const ConnectionRecord*> records_;
    std::map<std::string, std::uint16_t> ids_;
};

} // namespace

std::optional<descriptor::Endpoint> find_endpoint(const PlanInput& input,
                                                  const descriptor::EndpointReference& reference) {
    const auto built = input.built.find(reference.module);
    const ModuleRecord* record = input.state.module(reference.module);
    const std::vector<descriptor::Endpoint> none;
    const std::vector<descriptor::Endpoint>& list = built != input.built.end()
                                                        ? built->second.image.endpoints
                                                    : record != nullptr ? record->endpoints
                                                                        : none;
    const auto found = std::find_if(list.begin(), list.end(), [&](const descriptor::Endpoint& e) {
        return reference.id ? e.id == *reference.id : e.name == reference.endpoint;
    });
    if (found != list.end()) {
        return *found;
    }
    return reference.id ? std::optional(descriptor::Endpoint{
                              .name = "", .kind = EndpointKind{}, .id = *reference.id})
                        : std::nullopt;
}

Diagnostic unknown_endpoint(const descriptor::EndpointReference& reference) {
    Diagnostic problem = make_error(
        "unknown-endpoint",
        fmt::format("endpoint {} is not known", to_string(reference)),
        fmt::format("deploy the module first: authex deploy --module {}", reference.module));
    problem.where = reference.where;
    return problem;
}

void plan_connections(const ConnectionPlanInput& input, Work& work) {
    ConnectionPlanner(input, work).make();
}

} // namespace authex::deployer
