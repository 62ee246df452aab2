#include "deployer/watch_round.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "deployer/turning.hpp"

namespace authex::deployer {
namespace {

using Kind = Thing::Kind;

/// What a step of healing would mend. A module comes with its connections and periodic events.
Thing thing_of(const PlannedStep& step) {
    switch (step.phase) {
    case Phase::cut_off:
        return {.kind = Kind::connection, .name = step.subject};
    case Phase::register_periodic:
    case Phase::remove:
        return {.kind = Kind::periodic, .name = step.subject};
    case Phase::connect_inner:
    case Phase::connect_outputs:
    case Phase::connect_inputs:
    case Phase::connect_direct:
    case Phase::turn_keys:
        return {.kind = Kind::connection, .name = step.subject};
    default:
        return {.kind = Kind::module, .name = step.subject};
    }
}

std::string subject_of(const Thing& thing) {
    return fmt::format("{} {}", to_string(thing.kind), thing.name);
}

const char* act_of(Kind kind) {
    return kind == Kind::attestation ? "attest" : kind == Kind::key ? "turn" : "heal";
}

void add(std::vector<Ailment>& all, Ailment ailment) {
    const bool known = std::any_of(
        all.begin(), all.end(), [&](const Ailment& each) { return each.thing == ailment.thing; });
    if (!known) {
        all.push_back(std::move(ailment));
    }
}

/// Managers open links as they need them: one that is not up says nothing, unless it says why.
void find_links(const Survey& survey, std::vector<Ailment>& all) {
    for (const auto& [name, view] : survey) {
        for (const v1::LinkStatus& link : view.status.links()) {
            if (view.usable() && !link.up() && !link.error().empty()) {
                add(all,
                    {.thing = {.kind = Kind::link,
                               .name = fmt::format("{} to {}", name, link.address())},
                     .cause = link.error(),
                     .curable = false});
            }
        }
    }
}

/// What modules of a durable node say waits until its disk works.
void find_disks(const Survey& survey, std::vector<Ailment>& all) {
    for (const auto& [name, view] : survey) {
        for (const v1::ModuleStatus& module : view.status.modules()) {
            if (view.usable() && !module.held_up().empty()) {
                add(all,
                    {.thing = {.kind = Kind::disk, .name = name},
                     .cause = module.held_up(),
                     .curable = false});
            }
        }
    }
}

Selection selection_of(const std::vector<Ailment>& all) {
    Selection selection{.remove_stale = false, .heal = true};
    for (const Ailment& each : all) {
        switch (each.thing.kind) {
        case Kind::connection:
            selection.connections.push_back(each.thing.name);
            break;
        case Kind::periodic:
            selection.periodic.push_back(each.thing.name);
            break;
        case Kind::attestation:
            selection.load = false;
            selection.connect = false;
            selection.register_periodic = false;
            selection.attest_again = true;
            selection.modules.push_back(each.thing.name);
            break;
        case Kind::key:
            selection.load = false;
            selection.attest = false;
            selection.register_periodic = false;
            selection.turn_keys = true;
            selection.connections.push_back(each.thing.name);
            break;
        default:
            selection.modules.push_back(each.thing.name);
        }
    }
    return selection;
}

std::string summaries(const std::vector<Diagnostic>& problems) {
    std::vector<std::string> all;
    for (const Diagnostic& each : problems) {
        all.push_back(each.summary);
    }
    return fmt::format("{}", fmt::join(all, "; "));
}

std::chrono::milliseconds age_at(std::chrono::system_clock::time_point now,
                                 std::uint64_t since_us) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
        now.time_since_epoch() - std::chrono::microseconds(since_us));
}

/// Also what was done in the future: the date was wrong then, or is now.
bool is_due(std::chrono::milliseconds age, std::chrono::milliseconds every) {
    return age >= every || age.count() < 0;
}

} // namespace

WatchRound::WatchRound(OwnedApplication& application,
                       const WatchRules& rules,
                       std::function<double()> random,
                       std::function<void(const JournalEntry&)> tell)
    : application_(application), rules_(rules), watcher_(rules.pauses, std::move(random)),
      tell_(std::move(tell)) {}

Watcher::Time WatchRound::run(const State& state, const Survey& survey, Watcher::Time now) {
    const Found found = find(state, survey, now);
    note_turns(watcher_.observe(found.ailments, now));
    mend(watcher_.due(now), survey, now);
    counts_.broken.clear();
    for (const Ailment& each : watcher_.broken()) {
        ++counts_.broken[to_string(each.thing.kind)];
    }
    return std::min(watcher_.next(), found.next);
}

WatchRound::Found
WatchRound::find(const State& state, const Survey& survey, Watcher::Time now) const {
    Found found;
    for (const auto& [name, view] : survey) {
        if (!view.usable()) {
            found.ailments.push_back({.thing = {.kind = Kind::node, .name = name},
                                      .cause = view.problem->summary,
                                      .curable = false});
        }
    }
    find_links(survey, found.ailments);
    find_disks(survey, found.ailments);
    const Work work = application_.to_heal(state, survey);
    std::set<std::string> modules;
    for (const Step& step : work.steps) {
        const Thing thing = thing_of(step.shown);
        if (thing.kind == Kind::module) {
            modules.insert(thing.name);
        }
    }
    for (const Step& step : work.steps) {
        const bool follows = step.connection && (modules.contains(step.connection->from.module) ||
                                                 modules.contains(step.connection->to.module));
        if (!follows) {
            add(found.ailments, {.thing = thing_of(step.shown), .cause = step.shown.reason});
        }
    }
    find_overdue(state, survey, now, found);
    find_old_keys(state, survey, now, found);
    return found;
}

/// Attestations that are older than they are to be.
void WatchRound::find_overdue(const State& state,
                              const Survey& survey,
                              Watcher::Time now,
                              Found& found) const {
    if (rules_.attest_every.count() == 0) {
        return;
    }
    const auto unix_now = application_.now();
    for (const auto& [name, record] : state.modules()) {
        const auto view = survey.find(record.node);
        const bool there = view != survey.end() && view->second.usable();
        if (record.attested_at_us == 0 || !record.instance_of.empty() || record.disabled ||
            !record.quarantined.empty() || !there) {
            continue; // it is attested when it comes back
        }
        const auto age = age_at(unix_now, record.attested_at_us);
        if (is_due(age, rules_.attest_every)) {
            add(found.ailments,
                {.thing = {.kind = Kind::attestation, .name = name}, .cause = "its time has come"});
        } else {
            found.next = std::min(found.next, now + (rules_.attest_every - age));
        }
    }
}

/// Keys that have served long enough, or often enough.
void WatchRound::find_old_keys(const State& state,
                               const Survey& survey,
                               Watcher::Time now,
                               Found& found) const {
    if (rules_.turn_keys_every.count() == 0) {
        return;
    }
    const auto unix_now = application_.now();
    for (const auto& [id, record] : state.connections()) {
        const auto view = survey.find(record.destination_node);
        const v1::ConnectionStatus* status =
            view == survey.end() || !view->second.usable() ? nullptr : view->second.connection(id);
        if (!record.complete || status == nullptr ||
            !Turning::hindrance(record, state, survey).empty()) {
            continue;
        }
        const auto age = age_at(unix_now, record.keyed_at_us);
        const bool often = status->acknowledged() >= rules_.turn_keys_after &&
                           record.turned_at <= status->acknowledged() - rules_.turn_keys_after;
        if (is_due(age, rules_.turn_keys_every) || often) {
            add(found.ailments,
                {.thing = {.kind = Kind::key, .name = record.name},
                 .cause = often ? "it has sealed enough" : "its time has come"});
        } else {
            found.next = std::min(found.next, now + (rules_.turn_keys_every - age));
        }
    }
}

/// Of what can be mended, the attempt is told.
void WatchRound::note_turns(const std::vector<Turn>& turns) {
    for (const Turn& turn : turns) {
        if (!turn.ailment.curable) {
            tell_({.time = application_.now(),
                   .act = turn.broken ? "broken" : "well",
                   .subject = subject_of(turn.ailment.thing),
                   .cause = turn.broken ? turn.ailment.cause : "",
                   .result = ""});
        }
    }
}

void WatchRound::mend(const std::vector<Ailment>& due, const Survey& survey, Watcher::Time now) {
    Away away;
    for (const auto& [name, view] : survey) {
        if (!view.usable()) {
            away.emplace(name, *view.problem);
        }
    }
    for (const Kind kind :
         {Kind::module, Kind::connection, Kind::periodic, Kind::attestation, Kind::key}) {
        std::vector<Ailment> some;
        std::copy_if(due.begin(), due.end(), std::back_inserter(some), [&](const Ailment& each) {
            return each.thing.kind == kind;
        });
        if (!some.empty()) {
            mend_together(some, away, now);
        }
    }
}

void WatchRound::mend_together(const std::vector<Ailment>& all,
                               const Away& away,
                               Watcher::Time now) {
    const auto begun = std::chrono::steady_clock::now();
    const OwnedApplication::Healed healed = application_.heal(selection_of(all), away);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begun);
    const bool locked = healed.errors.size() == 1 && healed.errors[0].code == "state-locked";
    for (const std::string& module : healed.quarantined) {
        ++counts_.tries["quarantine"].done;
        tell_({.time = application_.now(),
               .act = "quarantine",
               .subject = "module " + module,
               .cause = "it has not proven what it is",
               .result = summaries(healed.errors),
               .took = took});
    }
    for (const Ailment& each : all) {
        if (locked) {
            watcher_.postponed(each.thing, now);
            continue;
        }
        if (healed.done.empty() && healed.errors.empty()) {
            continue; // another deployer was faster
        }
        const char* act = act_of(each.thing.kind);
        WatchCounts::Tries& tries = counts_.tries[act];
        ++(healed.errors.empty() ? tries.done : tries.failed);
        tell_({.time = application_.now(),
               .act = act,
               .subject = subject_of(each.thing),
               .cause = each.cause,
               .result = healed.errors.empty() ? "done" : summaries(healed.errors),
               .took = took});
    }
}

} // namespace authex::deployer
