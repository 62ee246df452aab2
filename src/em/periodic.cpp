#include "em/periodic.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace authex::em {

Expected<bool> PeriodicCalls::add(const PeriodicState& periodic, std::uint64_t now_us) {
    if (periodic.every_us == 0) {
        return failure("bad-period",
                       fmt::format("periodic event \"{}\" has no period", periodic.name),
                       "give a period of at least 1 µs");
    }
    const auto key = std::make_pair(periodic.deployment, periodic.name);
    const auto [at, added] = entries_.try_emplace(key, Entry{periodic, now_us + periodic.every_us});
    const PeriodicState& there = at->second.state;
    if (!added && (there.module != periodic.module || there.entry != periodic.entry ||
                   there.every_us != periodic.every_us)) {
        return failure("duplicate-name",
                       fmt::format("there is another periodic event \"{}\"", periodic.name),
                       "unregister it first");
    }
    refresh();
    return true;
}

Expected<bool> PeriodicCalls::remove(std::uint16_t deployment, const std::string& name) {
    if (entries_.erase({deployment, name}) == 0) {
        return failure("unknown-periodic", fmt::format("there is no periodic event \"{}\"", name));
    }
    refresh();
    return true;
}

void PeriodicCalls::clear(std::uint16_t deployment) {
    std::erase_if(entries_, [&](const auto& entry) { return entry.first.first == deployment; });
    refresh();
}

void PeriodicCalls::refresh() {
    next_due_ = ~std::uint64_t{0};
    for (const auto& [key, entry] : entries_) {
        next_due_ = std::min(next_due_, entry.due_us);
    }
}

std::vector<tee::PeriodicCall> PeriodicCalls::hand_over(const ModuleName& module) {
    std::vector<tee::PeriodicCall> calls;
    for (auto& [key, entry] : entries_) {
        if (entry.state.module == module) {
            entry.due_us = ~std::uint64_t{0};
            calls.push_back({.name = entry.state.name,
                             .entry = entry.state.entry,
                             .every_us = entry.state.every_us});
        }
    }
    refresh();
    return calls;
}

void PeriodicCalls::not_taken(std::uint16_t deployment,
                              const std::string& name,
                              std::uint32_t ticks) {
    const auto found = entries_.find({deployment, name});
    if (found != entries_.end()) {
        --found->second.state.fired;
        ++found->second.state.missed;
        found->second.ticks += ticks;
    }
}

std::uint64_t PeriodicCalls::next_due() const {
    return next_due_;
}

void PeriodicCalls::fill(Snapshot& snapshot) const {
    for (const auto& [key, entry] : entries_) {
        snapshot.periodic.push_back(entry.state);
    }
    snapshot.lateness = lateness_;
}

void ModuleTimers::unlink(std::uint64_t due_us, const Key& key) {
    const auto [first, last] = by_time_.equal_range(due_us);
    const auto found =
        std::find_if(first, last, [&](const auto& item) { return item.second == key; });
    if (found != last) {
        by_time_.erase(found);
    }
}

bool ModuleTimers::arm(const Due& timer, std::uint64_t due_us) {
    const Key key{timer.module, timer.channel};
    const auto found = armed_.find(key);
    if (found != armed_.end()) {
        unlink(found->second.due_us, key);
    } else {
        const auto first = armed_.lower_bound({timer.module, 0});
        const auto last = armed_.upper_bound({timer.module, 0xFFFF});
        if (static_cast<std::size_t>(std::distance(first, last)) >= per_module_max) {
            return false;
        }
    }
    armed_[key] = {due_us, timer.arming};
    by_time_.emplace(due_us, key);
    return true;
}

void ModuleTimers::remove(ModuleId module) {
    std::erase_if(armed_, [&](const auto& item) { return item.first.first == module; });
    std::erase_if(by_time_, [&](const auto& item) { return item.second.first == module; });
}

std::uint64_t ModuleTimers::next_due() const {
    return by_time_.empty() ? ~std::uint64_t{0} : by_time_.begin()->first;
}

std::optional<ModuleTimers::Due> ModuleTimers::take(std::uint64_t now_us) {
    if (by_time_.empty() || by_time_.begin()->first > now_us) {
        return std::nullopt;
    }
    const Key key = by_time_.begin()->second;
    by_time_.erase(by_time_.begin());
    const auto found = armed_.find(key);
    const Due due{key.first, key.second, found->second.arming};
    armed_.erase(found);
    return due;
}

} // namespace authex::em
