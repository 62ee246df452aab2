#include "simulation/schedule.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace authex::simulation {
namespace {

const Action* find_in(const Actions& actions, const std::string& name) {
    const auto found = std::find_if(
        actions.begin(), actions.end(), [&](const auto& action) { return action->name() == name; });
    return found == actions.end() ? nullptr : found->get();
}

Decision draw_of(const Action& action, Random& random) {
    const std::uint64_t who = random.below(16);
    return {.action = action.name(), .who = who, .value = action.draw(random)};
}

} // namespace

std::string to_text(const Schedule& schedule) {
    std::string text;
    for (const Decision& decision : schedule) {
        text += fmt::format("  {} {} {}\n", decision.action, decision.who, decision.value);
    }
    return text;
}

const Action* find_action(const std::string& name) {
    const Action* found = find_in(owner_actions(), name);
    return found != nullptr ? found : find_in(attackers(), name);
}

bool destroys(const Schedule& schedule) {
    return std::any_of(schedule.begin(), schedule.end(), [](const Decision& decision) {
        return find_action(decision.action)->destroys();
    });
}

Schedule draw_schedule(Random& random, const DrawOptions& options) {
    std::vector<const Action*> allowed;
    for (const auto& attacker : attackers()) {
        const auto& names = options.attackers;
        if (names.empty() ||
            std::find(names.begin(), names.end(), attacker->name()) != names.end()) {
            allowed.push_back(attacker.get());
        }
    }
    // Alone more often than not: what one attacker destroys hides what another one could show.
    const std::uint64_t most = random.one_in(2) ? 1 : 3;
    std::vector<const Action*> chosen;
    for (std::uint64_t i = allowed.empty() ? 0 : random.between(1, most); i > 0; --i) {
        chosen.push_back(allowed[random.below(allowed.size())]);
    }
    Schedule schedule;
    // Most attacks are on what is deployed; some are on the deployment.
    const bool early = random.one_in(4);
    if (!early) {
        schedule.push_back({.action = "up"});
    }
    for (std::uint64_t steps = random.between(6, 24); steps > 0; --steps) {
        const bool attack = !chosen.empty() && random.one_in(2);
        const Action& action = attack ? *chosen[random.below(chosen.size())]
                                      : *owner_actions()[random.below(owner_actions().size())];
        schedule.push_back(draw_of(action, random));
    }
    return schedule;
}

} // namespace authex::simulation
