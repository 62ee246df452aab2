#include "deployer/restoring.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "deployer/connection_messages.hpp"
#include "deployer/engine.hpp"
#include "deployer/single_orders.hpp"
#include "deployer/turning.hpp"

namespace authex::deployer {
namespace {

/// How long what a module has said may take to be taken, where its connection has one key.
constexpr std::chrono::seconds arrival_time(10);
constexpr std::chrono::milliseconds arrival_look(20);

Diagnostic rolled_back(const std::string& module, const std::string& witness, std::uint64_t says) {
    return make_error(
        "state-rolled-back",
        fmt::format("the state that the node gives for module {} is not the last one: {} has come "
                    "to {} with it, which that state does not know",
                    module,
                    witness,
                    says),
        fmt::format("put back what the node has kept last; to begin without a state instead: "
                    "authex up --afresh {}",
                    module));
}

Diagnostic events_wait(const ConnectionRecord& record, bool one_key) {
    return make_error("events-wait",
                      fmt::format("connection {} has not delivered what it had when {}",
                                  record.name,
                                  one_key ? "its module died" : "its key was turned last"),
                      "see authex status; run authex up when it has, or key it anew, without what "
                      "waits: authex connect --again");
}

/// Whether it may turn out to be the process that it was: it has lost its channel, and nothing else
/// that is known.
bool may_be_attested(const ModuleRecord& module, const EndRecord& end) {
    return module.attested_at_us == 0 && module.incarnation == end.incarnation &&
           !module.disabled && module.quarantined.empty();
}

/// Whether all that the deployer has sent and nobody may have taken is under the newest key.
bool waits_under_newest(const ConnectionRecord& record) {
    wire::FrameView view;
    for (ByteView rest = record.pending; wire::parse_frame(rest, view) == Error::none;
         rest = rest.subspan(view.frame_bytes())) {
        if (((view.header.flags & wire::flag_turned) != 0) != (record.turn % 2 != 0)) {
            return false;
        }
    }
    return true;
}

/// The deployer as the source. What it has heard of requests is the module's own word; of events it
/// is only the node's.
wire::AuditEntry of_deployer(const ConnectionRecord& record) {
    return {.sent = record.next_counter,
            .expected = record.request && record.pending.empty() ? record.next_counter : 0};
}

} // namespace

bool is_witnessed(const ModuleRecord& module, const State& state) {
    const auto& all = state.connections();
    return std::any_of(all.begin(), all.end(), [&](const auto& each) {
        const ConnectionRecord& record = each.second;
        const bool sends =
            record.from.module == module.name && record.destination_node != module.node;
        const bool answers =
            record.to.module == module.name && record.request && record.source_node != module.node;
        return sends || answers;
    });
}

Restoring::Result Restoring::run() {
    for (const auto& [name, record] : std::map(context_.state.modules())) {
        if (!record.waits_for_state() || record.attested_at_us == 0) {
            continue;
        }
        const Expected<bool> revived = revive(record);
        if (!revived) {
            fail(name, revived.error());
        }
    }
    find_connections();
    Expected<bool> done = commit(false);
    done = done ? tell_routes() : done;
    done = done ? tell_modules() : done;
    done = done ? commit(true) : done;
    if (!done) {
        for (const auto& [name, revived] : std::map(back_)) {
            fail(name, done.error());
        }
    }
    return std::move(result_);
}

/// The state itself: the node gives it, the module opens it.
Expected<bool> Restoring::revive(const ModuleRecord& record) {
    const auto node = context_.survey.find(record.node);
    if (node == context_.survey.end() || !node->second.usable()) {
        return failure("node-unreachable",
                       fmt::format("node {} of module {} is not there", record.node, record.name));
    }
    v1::ModuleRequest request;
    request.set_deployment(context_.state.deployment());
    request.set_module(record.name);
    const auto kept = context_.nodes.at(record.node)->kept_state(request);
    if (!kept) {
        return tl::make_unexpected(kept.error());
    }
    if (kept->state().empty() && record.keeping == KeepingStep::look) {
        Change change;
        change.modules = {*context_.state.module(record.name)};
        change.modules[0].keeping = KeepingStep::keep;
        change.modules[0].state_key = fresh_key(context_.outside);
        return context_.state.commit(change);
    }
    if (kept->state().empty()) {
        return failure(
            "state-lost",
            fmt::format("node {} has kept no state of module {}", record.node, record.name),
            fmt::format("put it back, if there is a copy of the node's folder; to begin without a "
                        "state instead: authex up --afresh {}",
                        record.name));
    }
    Expected<bool> done = true;
    for (const Secret* key : {&record.state_key, &record.state_key_before}) {
        if (key->empty()) {
            continue;
        }
        wire::ControlMessage message = with_state_key(wire::ControlType::restore_state, *key);
        message.sealed = {reinterpret_cast<const std::uint8_t*>(kept->state().data()),
                          kept->state().size()};
        const auto answer = order_one(context_, record.name, {message});
        wipe(message.connection.key);
        if (answer) {
            return take(record.name, (*answer)[0].data);
        }
        if (answer.error().code == "state-kept-already") {
            // It may be under a key that somebody else has told it.
            Change change;
            change.modules = {*context_.state.module(record.name)};
            change.modules[0].keeping = KeepingStep::keep;
            return context_.state.commit(change);
        }
        done = tl::make_unexpected(answer.error());
        if (answer.error().code != "state-forged") {
            break;
        }
    }
    return done;
}

Expected<bool> Restoring::take(const std::string& module, ByteView data) {
    Reader reader(data);
    (void)reader.u64();
    const std::uint16_t count = reader.u16();
    Revived revived;
    for (std::uint16_t i = 0; i < count; ++i) {
        if (wire::parse_audit_entry(reader, revived.audit.emplace_back()) != Error::none) {
            return failure(
                "order-unanswered",
                fmt::format("module {} says nothing that can be read of its state", module));
        }
    }
    const ByteView waiting = reader.rest();
    revived.waiting.assign(waiting.begin(), waiting.end());
    back_[module] = std::move(revived);
    return true;
}

void Restoring::find_connections() {
    for (const auto& [id, record] : std::map(context_.state.connections())) {
        consider(record);
    }
    find_later();
    drop_failed();
    for (auto& [id, going] : going_) {
        prepare(going);
    }
}

/// Two keys are there at a time. Where both ends have died twice, who receives comes back first,
/// and takes what waits under the older one; who has sent that comes back when it has arrived.
void Restoring::find_later() {
    Waiting waiting;
    for (const auto& [id, going] : going_) {
        if (const std::string taker = waits_for(going); is_back(taker)) {
            waiting[going.record.from.module].insert(taker);
        }
    }
    // Whoever waits for nobody goes on; who waits in a circle never would.
    std::set<std::string> ready;
    for (bool more = true; more;) {
        more = false;
        for (const auto& [sender, takers] : waiting) {
            const bool waits = std::all_of(takers.begin(), takers.end(), [&](const auto& taker) {
                return !waiting.contains(taker) || ready.contains(taker);
            });
            more = (waits && ready.insert(sender).second) || more;
        }
    }
    for (auto each = going_.begin(); each != going_.end();) {
        Going& going = each->second;
        const bool stuck = is_back(waits_for(going)) &&
                           (going.record.request || !ready.contains(going.record.from.module));
        if (stuck) {
            each = going_.erase(each); // keyed anew
            continue;
        }
        ++each;
    }
    for (auto& [id, going] : going_) {
        const std::string& sender = going.record.from.module;
        if (!is_back(waits_for(going))) {
            continue;
        }
        going.turns = false;
        later_.insert(sender);
        if (result_.waiting.insert(sender).second) {
            result_.errors.push_back(events_wait(going.record, going.one_key));
        }
    }
    std::erase_if(going_, [&](const auto& each) {
        const ConnectionRecord& record = each.second.record;
        return !goes_on(record.from.module) && !goes_on(record.to.module);
    });
}

/// Connections that go on: both ends know it, one of them comes back. Others are keyed anew.
void Restoring::consider(const ConnectionRecord& record) {
    const bool back_at_source = is_back(record.from.module);
    const bool back_at_end = is_back(record.to.module);
    if (!(back_at_source || back_at_end) || !record.complete || record.key.empty()) {
        return;
    }
    Going going{.record = record};
    going.turns = back_at_source || (back_at_end && (record.request || record.direct()));
    const bool cannot_turn =
        record.given_key ||
        Turning::end_with_one_key(record, context_.state, context_.survey) != nullptr;
    going.one_key = going.turns && cannot_turn;
    if (record.direct() && !record.turning && !waits_under_newest(record)) {
        return; // the end that comes back cannot open it; its owner was not told that it was taken
    }
    bool comes = true;
    const auto from = entry(record, wire::Role::source, comes);
    const auto to = entry(record, wire::Role::destination, comes);
    if (!from || !to || !comes) {
        return;
    }
    going.from = *from;
    going.to = *to;
    let_arrive(going);
    const Expected<bool> good = check(going);
    if (!good) {
        for (const EndRecord* end : {&record.from, &record.to}) {
            if (is_back(end->module)) {
                fail(end->module, good.error());
            }
        }
        return;
    }
    if (!going.one_key) { // else it is keyed anew
        going_.emplace(record.id, std::move(going));
    }
}

void Restoring::let_arrive(Going& going) {
    const ConnectionRecord& record = going.record;
    const auto until = context_.outside.now() + arrival_time;
    while (going.one_key && !waits_for(going).empty() && !is_back(record.to.module) &&
           context_.outside.wait && context_.outside.now() < until) {
        context_.outside.wait(arrival_look);
        others_.erase(record.to.module);
        bool comes = true;
        const auto to = entry(record, wire::Role::destination, comes);
        if (!to) {
            return; // said already
        }
        going.to = *to;
    }
}

/// Where an end stands; nothing: it has forgotten the connection. @param comes set to false where
/// the module waits itself, and the other one with it
std::optional<wire::AuditEntry>
Restoring::entry(const ConnectionRecord& record, wire::Role role, bool& comes) {
    const EndRecord& end = role == wire::Role::source ? record.from : record.to;
    if (end.module.empty()) {
        return of_deployer(record);
    }
    const ModuleRecord* module = context_.state.module(end.module);
    if (!is_back(end.module)) {
        const char* reason = module == nullptr               ? ""
                             : module->waits_for_state()     ? "whose state is not back"
                             : may_be_attested(*module, end) ? "which is not attested just now"
                                                             : "";
        if (*reason != '\0') {
            const std::string& other =
                role == wire::Role::source ? record.to.module : record.from.module;
            fail(other,
                 make_error(
                     "state-waits",
                     fmt::format("module {} waits for module {}, {}", other, end.module, reason),
                     "mend that, then run authex up"));
            comes = false;
            return std::nullopt;
        }
        if (module == nullptr || module->incarnation != end.incarnation ||
            module->attested_at_us == 0) {
            return std::nullopt;
        }
    }
    const Audit* audit = audit_of(end.module);
    const wire::AuditEntry* found = audit == nullptr ? nullptr : entry_of(*audit, record, role);
    return found == nullptr ? std::nullopt : std::optional(*found);
}

/// Null: it cannot be asked, and whoever comes back waits for it.
const Restoring::Audit* Restoring::audit_of(const std::string& module) {
    if (const auto back = back_.find(module); back != back_.end()) {
        return &back->second.audit;
    }
    if (const auto known = others_.find(module); known != others_.end()) {
        return &known->second;
    }
    const auto answered = order_one(context_, module, {simple(wire::ControlType::audit)});
    Audit audit;
    if (answered && parse_audit((*answered)[0].data, audit) == Error::none) {
        return &(others_[module] = std::move(audit));
    }
    for (const auto& [id, record] : context_.state.connections()) {
        for (const auto& [end, other] :
             {std::pair(&record.from, &record.to), std::pair(&record.to, &record.from)}) {
            if (end->module == module && is_back(other->module)) {
                fail(other->module,
                     make_error(
                         "state-waits",
                         fmt::format("module {} waits for module {}, which cannot be asked: {}",
                                     other->module,
                                     module,
                                     answered ? "it says nothing that can be read"
                                              : answered.error().summary),
                         "mend that, then run authex up"));
            }
        }
    }
    return nullptr;
}

Expected<bool> Restoring::check(const Going& going) const {
    const ConnectionRecord& record = going.record;
    if (is_back(record.from.module) && going.to.expected > going.from.sent) {
        return tl::make_unexpected(
            rolled_back(record.from.module, "module " + record.to.module, going.to.expected));
    }
    if (record.request && is_back(record.to.module) && going.from.expected > going.to.expected) {
        return tl::make_unexpected(
            rolled_back(record.to.module,
                        record.direct() ? "its owner" : "module " + record.from.module,
                        going.from.expected));
    }
    const std::string taker = waits_for(going);
    return taker.empty() || is_back(taker)
               ? Expected<bool>(true)
               : Expected<bool>(tl::make_unexpected(events_wait(record, going.one_key)));
}

/// Two keys are there at a time: what waits under the one before the newest has to arrive first;
/// where there is one, all that waits.
/// @return the module that has not taken it; empty: nothing waits so
std::string Restoring::waits_for(const Going& going) {
    const ConnectionRecord& record = going.record;
    if (going.one_key && !record.direct() && !record.lossy) {
        return going.to.expected < going.from.sent ? record.to.module : "";
    }
    if (!going.turns || record.direct() || record.turning || record.key_before.empty()) {
        return "";
    }
    if (going.to.expected < std::min(record.turned_at, going.from.sent)) {
        return record.to.module;
    }
    const bool replies = record.request && going.from.expected < std::min(record.replies_turned_at,
                                                                          going.to.expected);
    return replies ? record.from.module : "";
}

void Restoring::prepare(Going& going) const {
    ConnectionRecord& record = going.record;
    // Also where that was begun by a deployer that died: it may not have come so far.
    going.unfinished = record.turning || record.turned_at == turn_unfinished;
    if (record.direct() && record.pending.empty()) {
        record.next_counter = going.to.expected;
    }
    if (!going.turns) {
        return;
    }
    if (!record.turning) {
        record.key_before = record.key;
        record.key = fresh_key(context_.outside);
        record.keyed_at_us = unix_time_us(context_.outside);
        ++record.turn;
        record.turning = true;
    }
    // A process of before may run still, whatever its node says: what it seals from here on is
    // taken by nobody.
    if (!record.direct()) {
        record.turned_at = is_back(record.from.module) ? going.from.sent : turn_unfinished;
        record.replies_turned_at = is_back(record.to.module) ? going.to.expected : turn_unfinished;
    }
}

void Restoring::fail(const std::string& module, const Diagnostic& why) {
    back_.erase(module);
    if (result_.waiting.insert(module).second) {
        result_.errors.push_back(why);
    }
}

/// With a module that does not come back, those wait that go on with it.
void Restoring::drop_failed() {
    for (bool more = true; more;) {
        more = false;
        for (auto each = going_.begin(); each != going_.end();) {
            const ConnectionRecord& record = each->second.record;
            const auto waits = [&](const std::string& module) {
                return result_.waiting.contains(module) && !later_.contains(module);
            };
            const bool from_waits = waits(record.from.module);
            const bool to_waits = waits(record.to.module);
            if (!from_waits && !to_waits) {
                ++each;
                continue;
            }
            const std::string& waiting = from_waits ? record.from.module : record.to.module;
            const std::string other = from_waits ? record.to.module : record.from.module;
            if (is_back(other)) {
                fail(other,
                     make_error("state-waits",
                                fmt::format("module {} waits for module {}", other, waiting),
                                "mend that, then run authex up"));
                more = true;
            }
            each = going_.erase(each);
        }
    }
}

} // namespace authex::deployer
