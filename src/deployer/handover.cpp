#include "deployer/handover.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "deployer/connection_messages.hpp"
#include "deployer/control_session.hpp"
#include "deployer/engine.hpp"
#include "deployer/instances.hpp"
#include "deployer/removal.hpp"
#include "deployer/single_orders.hpp"
#include "deployer/state_relay.hpp"
#include "deployer/turning.hpp"

namespace authex::deployer {

using namespace std::chrono_literals;

namespace {

/// How long the events that a module has sent may take to arrive before it moves to another node,
/// or to find room on its node before another one says what comes next.
constexpr auto drain_time = 10s;
constexpr auto drain_look = 2ms;

/// The endpoint of the instance before, by its name in the next one.
std::optional<std::uint16_t>
id_in(const ModuleRecord& next, const ModuleRecord& before, std::uint16_t id) {
    const auto& was_all = before.endpoints;
    const auto was = std::find_if(
        was_all.begin(), was_all.end(), [&](const auto& each) { return each.id == id; });
    if (was == was_all.end()) {
        return std::nullopt;
    }
    const auto is =
        std::find_if(next.endpoints.begin(), next.endpoints.end(), [&](const auto& each) {
            return each.name == was->name && each.kind == was->kind;
        });
    return is == next.endpoints.end() ? std::nullopt : std::optional(is->id);
}

/// Whether an instance can have the connection as it is.
bool takes(const ModuleRecord& next, const ConnectionRecord& connection) {
    return !next.layout.readable || connection.algorithm == crypto::Algorithm::spongent_128;
}

bool listens(const ModuleRecord& module) {
    return std::any_of(module.endpoints.begin(), module.endpoints.end(), [](const auto& each) {
        return each.kind == descriptor::EndpointKind::stream;
    });
}

std::string name_on_node(const ModuleRecord& record) {
    return record.on_node.empty() ? record.name : record.on_node;
}

Diagnostic unfinished(const char* code, const std::string& module, const Diagnostic& why) {
    return make_error(
        code,
        fmt::format("the update of module {} is not finished: {}", module, why.summary),
        "mend that, then run authex up: it goes on from there");
}

/// Nothing of the module is there any more to go on, or it goes on already.
bool is_gone(const Diagnostic& problem) {
    return problem.code == "unknown-module" || problem.code == "module-not-running" ||
           problem.code == "module-ended";
}

} // namespace

Expected<std::chrono::microseconds> Handover::run(const std::string& module,
                                                  const std::string& instance) {
    const ModuleRecord before = *context_.state.module(module);
    const Expected<bool> taken = take_over(before, instance);
    if (!taken) {
        Diagnostic problem = taken.error();
        const Expected<bool> back = roll_back(instance);
        if (!back) {
            return tl::make_unexpected(back.error());
        }
        problem.summary = fmt::format("module {} was not updated: {}", module, problem.summary);
        problem.detail += problem.detail.empty() ? "" : "\n";
        problem.detail += "the instance before goes on";
        return tl::make_unexpected(std::move(problem));
    }
    const Expected<bool> done = roll_forward(instance_record(module, name_on_node(before)));
    if (!done) {
        return tl::make_unexpected(done.error());
    }
    return std::chrono::duration_cast<std::chrono::microseconds>(resumed_at_ - paused_at_);
}

Expected<bool> Handover::take_over(const ModuleRecord& before, const std::string& instance) {
    const ModuleRecord next = *context_.state.module(instance);
    auto course = prepare(before, next);
    if (!course) {
        return tl::make_unexpected(course.error());
    }
    const auto ready =
        order_one(context_,
                  instance,
                  {simple(wire::ControlType::accept_state), simple(wire::ControlType::audit)});
    if (!ready) {
        return tl::make_unexpected(ready.error());
    }
    if (!(*ready)[1].data.empty()) {
        return failure(
            "instance-used",
            fmt::format("the new instance of module {} has connections already", before.name),
            "run authex up again");
    }
    // From here on events wait.
    paused_at_ = std::chrono::steady_clock::now();
    const auto stopped =
        order_one(context_,
                  before.name,
                  {simple(wire::ControlType::pause), simple(wire::ControlType::audit)});
    if (!stopped) {
        return tl::make_unexpected(stopped.error());
    }
    Audit audit;
    if (parse_audit((*stopped)[1].data, audit) != Error::none) {
        return failure(
            "order-unanswered",
            fmt::format("module {} says nothing that can be read of its connections", before.name));
    }
    // What it has not is not there to go on; it is connected anew afterwards.
    std::erase_if(course->connections, [&](const ConnectionRecord& each) {
        const bool from =
            each.from.module == before.name && entry_of(audit, each, wire::Role::source) == nullptr;
        const bool to = each.to.module == before.name &&
                        entry_of(audit, each, wire::Role::destination) == nullptr;
        return from || to;
    });
    Expected<bool> done = carry_state(*course, before, instance, (*ready)[0].data);
    if (done && next.node != before.node) {
        done = drain(*course, before, audit);
    }
    if (done) {
        std::vector<ConnectionRecord> led = course->connections;
        for (ConnectionRecord& each : led) {
            for (EndRecord* end : {&each.from, &each.to}) {
                end->module = end->module == before.name ? instance : end->module;
            }
        }
        done = lead(led);
    }
    if (done) {
        done = carry_rest(*course, before, next, (*stopped)[0].data, audit);
    }
    if (done && next.keeping == KeepingStep::keep) {
        // The one before has kept its state until here; from the next transaction on it does not.
        const auto kept = order_one(
            context_, instance, {with_state_key(wire::ControlType::keep_state, next.state_key)});
        done = kept ? done : tl::make_unexpected(kept.error());
    }
    return done ? take_place(*course, before, instance) : done;
}

Expected<Handover::Course> Handover::prepare(const ModuleRecord& before,
                                             const ModuleRecord& next) const {
    Course course;
    auto chunks = plan_transfer(before.name, before.layout, next.layout, limits_of(next.layout));
    if (!chunks) {
        return tl::make_unexpected(chunks.error());
    }
    course.chunks = std::move(*chunks);
    for (ConnectionRecord connection : connections_of(before.name)) {
        bool whole = connection.complete && !connection.key.empty(); // a copy knows none
        for (EndRecord* end : {&connection.from, &connection.to}) {
            // What one end has forgotten is connected anew, not carried over.
            const ModuleRecord* at_end = context_.state.module(end->module);
            whole = whole && takes(next, connection) &&
                    (end->module.empty() ||
                     (at_end != nullptr && at_end->incarnation == end->incarnation));
            if (end->module != before.name) {
                continue;
            }
            const auto id = id_in(next, before, end->id);
            if (!id) {
                return failure(
                    "endpoint-gone",
                    fmt::format("connection {} joins {}.{}, which the new source has not, or as "
                                "something else",
                                connection.name,
                                before.name,
                                end->endpoint),
                    "correct the source, or take the connection out of the descriptor");
            }
            end->id = *id;
            end->incarnation = before.incarnation + 1;
            (end == &connection.from ? connection.source_node : connection.destination_node) =
                next.node;
        }
        if (!whole) {
            continue;
        }
        // The next instance seals under the newest key: who opens that has to have it.
        if (connection.turned_at == turn_unfinished && !connection.turning) {
            return tl::make_unexpected(Turning::unfinished(connection));
        }
        if (next.layout.readable && !next.layout.turns && connection.turn % 2 != 0) {
            return failure(
                "key-number",
                fmt::format("the key of connection {} has an odd number, and a module "
                            "on Sancus with `keys: 1` has one key alone",
                            connection.name),
                fmt::format("turn it once more: authex connect --turn --connection {}; then try "
                            "again",
                            connection.name));
        }
        const bool apart =
            !connection.direct() && connection.source_node != connection.destination_node;
        const auto address = [&](const std::string& node) {
            return apart ? context_.survey.at(node).events_address : "";
        };
        connection.source_address = address(connection.source_node);
        connection.destination_address = address(connection.destination_node);
        course.connections.push_back(std::move(connection));
    }
    return course;
}

Expected<bool> Handover::carry_state(const Course& course,
                                     const ModuleRecord& before,
                                     const std::string& instance,
                                     ByteView recipient) {
    if (before.layout.readable || context_.state.module(instance)->layout.readable) {
        return StateRelay(context_, before.name, instance).carry(course.chunks, recipient);
    }
    for (const StateChunk& chunk : course.chunks) {
        wire::ControlMessage leave = simple(wire::ControlType::export_state);
        leave.recipient = recipient;
        leave.offset = chunk.offset;
        const auto left = order_one(context_, before.name, {leave});
        if (!left) {
            return tl::make_unexpected(left.error());
        }
        Reader reader((*left)[0].data);
        (void)reader.u32();
        wire::ControlMessage enter = simple(wire::ControlType::import_state);
        enter.version = before.layout.version;
        enter.sealed = reader.rest();
        enter.pieces = chunk.pieces;
        const auto entered = order_one(context_, instance, {enter});
        if (!entered) {
            return tl::make_unexpected(entered.error());
        }
    }
    return true;
}

/// Timers and ports, and the connections with their counters.
Expected<bool> Handover::carry_rest(const Course& course,
                                    const ModuleRecord& before,
                                    const ModuleRecord& next,
                                    ByteView waiting,
                                    const Audit& audit) {
    Messages messages;
    Reader reader(waiting);
    while (reader.remaining() != 0) {
        wire::ControlMessage arm = simple(wire::ControlType::arm);
        const auto id = id_in(next, before, reader.u16());
        arm.waiting.value = reader.u64();
        if (id && reader.ok()) { // what the new source has not, nobody waits for
            arm.waiting.endpoint = *id;
            messages.push_back(arm);
        }
    }
    for (const ConnectionRecord& each : course.connections) {
        for (const wire::Role role : {wire::Role::destination, wire::Role::source}) {
            const EndRecord& end = role == wire::Role::source ? each.from : each.to;
            if (end.module != before.name) {
                continue;
            }
            const wire::AuditEntry* entry = entry_of(audit, each, role);
            for (wire::ControlMessage& message : continue_connection(each, role, *entry)) {
                messages.push_back(message);
                wipe(message.connection.key);
            }
        }
    }
    const auto done = messages.empty() ? std::vector<OrderAnswer>()
                                       : order_one(context_, next.name, std::move(messages));
    return done ? Expected<bool>(true) : tl::make_unexpected(done.error());
}

/// What the node keeps of the module's own events stays there when the module moves: it has to
/// arrive first. Those who take them say so themselves.
Expected<bool>
Handover::drain(const Course& course, const ModuleRecord& before, const Audit& audit) {
    const auto until = context_.outside.now() + drain_time;
    while (true) {
        Expected<bool> drained = is_drained(course, before, audit);
        if (!drained || *drained) {
            return drained;
        }
        if (context_.outside.now() >= until || !context_.outside.wait) {
            return failure(
                "events-wait",
                fmt::format("events of module {} wait on node {} and do not arrive",
                            before.name,
                            before.node),
                "see authex status, and try again once their receivers are there; where a "
                "node has lost them, leave the module where it is, turn the keys (authex "
                "connect --again), and move it then");
        }
        context_.outside.wait(drain_look);
    }
}

Expected<bool>
Handover::is_drained(const Course& course, const ModuleRecord& before, const Audit& audit) {
    std::map<std::string, Audit> others;
    for (const ConnectionRecord& each : course.connections) {
        const bool sends = each.from.module == before.name;
        const std::string& other = sends ? each.to.module : each.from.module;
        if (other.empty() || other == before.name || (!sends && !each.request)) {
            continue;
        }
        if (!others.contains(other)) {
            const auto answered = order_one(context_, other, {simple(wire::ControlType::audit)});
            if (!answered) {
                return tl::make_unexpected(answered.error());
            }
            if (parse_audit((*answered)[0].data, others[other]) != Error::none) {
                return false;
            }
        }
        const wire::Role own = sends ? wire::Role::source : wire::Role::destination;
        const wire::Role theirs = sends ? wire::Role::destination : wire::Role::source;
        const wire::AuditEntry* here = entry_of(audit, each, own);
        const wire::AuditEntry* there = entry_of(others[other], each, theirs);
        // Events that were sent, or replies, one for each request that was taken.
        const std::uint64_t gave = sends ? here->sent : here->expected;
        if (there != nullptr && !each.lossy && there->expected < gave) {
            return false;
        }
    }
    return true;
}

/// Routes come before keys, as ever.
Expected<bool> Handover::lead(const std::vector<ConnectionRecord>& connections) {
    struct Routing {
        v1::ConnectRequest request;
        Node* node = nullptr;
        Expected<v1::ConnectReply> result;
    };
    std::vector<Routing> routings;
    for (const ConnectionRecord& each : connections) {
        for (const std::string& name : nodes_of(each)) {
            const Expected<Node*> found = node(name);
            if (!found) {
                return tl::make_unexpected(found.error());
            }
            routings.push_back(
                {.request = route_on(each, name, context_.state.deployment()), .node = *found});
        }
    }
    std::vector<std::function<void()>> work;
    work.reserve(routings.size());
    for (Routing& routing : routings) {
        work.emplace_back([&] {
            routing.result = routing.node->connect(routing.request);
            const auto until = context_.outside.now() + drain_time;
            while (!routing.result && routing.result.error().code == "frames-wait" &&
                   context_.outside.wait && context_.outside.now() < until) {
                context_.outside.wait(drain_look);
                routing.result = routing.node->connect(routing.request);
            }
        });
    }
    context_.outside.executor->run(std::move(work));
    for (const Routing& routing : routings) {
        if (!routing.result) {
            return tl::make_unexpected(routing.result.error());
        }
    }
    return true;
}

/// From this transaction on the next instance is the module.
Expected<bool>
Handover::take_place(Course& course, const ModuleRecord& before, const std::string& instance) {
    ModuleRecord past = *context_.state.module(before.name);
    past.on_node = name_on_node(past);
    past.name = instance_record(before.name, past.on_node);
    past.instance_of = before.name;
    past.going = true;
    ModuleRecord now = *context_.state.module(instance);
    now.name = before.name;
    now.instance_of.clear();
    now.incarnation = before.incarnation + 1;
    Change change;
    change.erased_modules = {instance};
    change.modules = {std::move(past), std::move(now)};
    change.connections = std::move(course.connections);
    return context_.state.commit(change);
}

/// Where a node cannot be told, it says so, and the next plan tells it again.
void Handover::lead_back(const std::string& module) {
    for (const ConnectionRecord& each : connections_of(module)) {
        if (each.complete) {
            (void)lead({each});
        }
    }
}

Expected<bool> Handover::roll_back(const std::string& instance) {
    const ModuleRecord coming = *context_.state.module(instance);
    const std::string& module = coming.instance_of;
    const ModuleRecord* before = context_.state.module(module);
    lead_back(module);
    // It may be paused, also where it was never heard to be.
    Expected<bool> done = before == nullptr ? Expected<bool>(true) : go_on(module);
    if (done) {
        done = remove(coming);
    }
    if (!done) {
        return tl::make_unexpected(unfinished("rollback-unfinished", module, done.error()));
    }
    if (before != nullptr && before->node != coming.node) {
        forget_routes(module, coming.node);
    }
    return true;
}

Expected<bool> Handover::roll_forward(const std::string& past) {
    const ModuleRecord gone = *context_.state.module(past);
    const std::string& module = gone.instance_of;
    // A port is free only when the one that has it is gone.
    Expected<bool> done = true;
    if (!listens(gone)) {
        done = go_on(module);
    }
    if (done) {
        // Its node may say that it has removed it, and not do it.
        (void)order_one(context_, past, {simple(wire::ControlType::disable)});
        done = remove(gone);
    }
    if (done && listens(gone)) {
        done = go_on(module);
    }
    const ModuleRecord* now = context_.state.module(module);
    if (done && now != nullptr) {
        done = move_periodic(gone, *now);
    }
    if (!done) {
        return tl::make_unexpected(unfinished("handover-unfinished", module, done.error()));
    }
    if (now != nullptr && now->node != gone.node) {
        forget_routes(module, gone.node);
    }
    return true;
}

/// But for a process that its state has to be given back to: told to go on, it would begin.
Expected<bool> Handover::go_on(const std::string& module) {
    const ModuleRecord* record = context_.state.module(module);
    if (record != nullptr && record->waits_for_state()) {
        return true;
    }
    const auto resumed = order_one(context_, module, {simple(wire::ControlType::resume)});
    resumed_at_ = std::chrono::steady_clock::now();
    return resumed || is_gone(resumed.error()) ? Expected<bool>(true)
                                               : tl::make_unexpected(resumed.error());
}

Expected<Node*> Handover::node(const std::string& name) const {
    const auto view = context_.survey.find(name);
    if (view == context_.survey.end() || !view->second.usable()) {
        return view == context_.survey.end()
                   ? failure("unknown-node",
                             fmt::format("node {} is in no descriptor and in no state", name))
                   : tl::make_unexpected(*view->second.problem);
    }
    return context_.nodes.at(name).get();
}

Expected<bool> Handover::remove(const ModuleRecord& record) {
    const Expected<Node*> found = node(record.node);
    if (!found) {
        return tl::make_unexpected(found.error());
    }
    const auto removed = remove_module(**found, context_.state.deployment(), record.name);
    if (!removed) {
        return tl::make_unexpected(removed.error());
    }
    Change change;
    change.erased_modules = {record.name};
    return context_.state.commit(change);
}

/// A node that neither end is on any more. What it keeps of them nobody waits for.
void Handover::forget_routes(const std::string& module, const std::string& name) {
    const Expected<Node*> found = node(name);
    for (const ConnectionRecord& each : connections_of(module)) {
        const std::vector<std::string> nodes = nodes_of(each);
        if (found && std::find(nodes.begin(), nodes.end(), name) == nodes.end()) {
            v1::DisconnectRequest request;
            request.set_deployment(context_.state.deployment());
            request.set_channel(each.id);
            (void)(*found)->disconnect(request);
        }
    }
}

Expected<bool> Handover::move_periodic(const ModuleRecord& past, const ModuleRecord& now) {
    const Expected<Node*> from = node(past.node);
    const Expected<Node*> to = node(now.node);
    if (!from || !to) {
        return tl::make_unexpected(from ? to.error() : from.error());
    }
    for (const auto& [name, record] : std::map(context_.state.periodic())) {
        const auto entry =
            record.module == now.name ? id_in(now, past, record.entry) : std::nullopt;
        if (!entry) {
            continue; // of another module, or the next plan says what is wrong
        }
        v1::UnregisterRequest away;
        away.set_deployment(context_.state.deployment());
        away.set_name(name);
        (void)(*from)->unregister_periodic(away);
        PeriodicRecord moved = record;
        moved.node = now.node;
        moved.entry = *entry;
        v1::RegisterRequest here;
        here.set_deployment(context_.state.deployment());
        here.set_name(name);
        here.set_module(moved.module);
        here.set_entry(moved.entry);
        here.set_every_us(moved.every_us);
        const auto registered = (*to)->register_periodic(here);
        Change change;
        change.periodic = {std::move(moved)};
        Expected<bool> kept =
            registered ? context_.state.commit(change) : tl::make_unexpected(registered.error());
        if (!kept) {
            return kept;
        }
    }
    return true;
}

std::vector<ConnectionRecord> Handover::connections_of(const std::string& module) const {
    std::vector<ConnectionRecord> all;
    for (const auto& [id, connection] : context_.state.connections()) {
        if (connection.from.module == module || connection.to.module == module) {
            all.push_back(connection);
        }
    }
    return all;
}

} // namespace authex::deployer
