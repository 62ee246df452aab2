#include "deployer/watcher.hpp"

#include <algorithm>

namespace authex::deployer {
namespace {

/// It comes again by itself, and that it does says nothing bad.
bool is_routine(Thing::Kind kind) {
    return kind == Thing::Kind::attestation || kind == Thing::Kind::key;
}

} // namespace

const char* to_string(Thing::Kind kind) {
    switch (kind) {
    case Thing::Kind::node:
        return "node";
    case Thing::Kind::link:
        return "link";
    case Thing::Kind::disk:
        return "disk";
    case Thing::Kind::module:
        return "module";
    case Thing::Kind::connection:
        return "connection";
    case Thing::Kind::periodic:
        return "periodic event";
    case Thing::Kind::attestation:
        return "attestation";
    case Thing::Kind::key:
        return "key";
    }
    return "";
}

std::vector<Turn> Watcher::observe(const std::vector<Ailment>& broken, Time now) {
    std::vector<Turn> turns;
    for (auto& [thing, known] : cases_) {
        const bool still =
            std::any_of(broken.begin(), broken.end(), [&thing = thing](const Ailment& each) {
                return each.thing == thing;
            });
        if (known.broken && !still) {
            known.broken = false;
            known.changed = now;
            known.attempts = is_routine(thing.kind) ? 0 : known.attempts;
            turns.push_back({.ailment = known.ailment, .broken = false});
        }
    }
    for (const Ailment& each : broken) {
        Case& known = cases_[each.thing];
        if (!known.broken) {
            if (now - known.changed >= rules_.settled) {
                known.attempts = 0;
            }
            known.broken = true;
            known.changed = now;
            known.not_before = known.attempts == 0 ? now : std::max(now, known.not_before);
            turns.push_back({.ailment = each, .broken = true});
        }
        known.ailment = each;
    }
    std::erase_if(cases_, [&](const auto& each) {
        return !each.second.broken && now - each.second.changed >= rules_.settled;
    });
    return turns;
}

std::vector<Ailment> Watcher::due(Time now) {
    std::vector<Ailment> chosen;
    for (auto& [thing, known] : cases_) {
        if (known.broken && known.ailment.curable && known.not_before <= now) {
            ++known.attempts;
            known.not_before = now + pause_after(known.attempts);
            chosen.push_back(known.ailment);
        }
    }
    return chosen;
}

void Watcher::postponed(const Thing& thing, Time now) {
    const auto found = cases_.find(thing);
    if (found != cases_.end() && found->second.attempts > 0) {
        --found->second.attempts;
        found->second.not_before = now + rules_.first_pause;
    }
}

Watcher::Time Watcher::next() const {
    Time next = Time::max();
    for (const auto& [thing, known] : cases_) {
        if (known.broken && known.ailment.curable) {
            next = std::min(next, known.not_before);
        }
    }
    return next;
}

std::vector<Ailment> Watcher::broken() const {
    std::vector<Ailment> all;
    for (const auto& [thing, known] : cases_) {
        if (known.broken) {
            all.push_back(known.ailment);
        }
    }
    return all;
}

Watcher::Span Watcher::pause_after(std::uint32_t attempts) {
    constexpr std::uint32_t doublings_max = 20; // longer than any pause by then
    const Span whole =
        std::min(rules_.longest_pause,
                 rules_.first_pause * (std::int64_t{1} << std::min(attempts - 1, doublings_max)));
    return std::chrono::duration_cast<Span>(whole * (0.75 + random_() / 2));
}

} // namespace authex::deployer
