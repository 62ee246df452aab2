#include "simulation/run.hpp"

#include <malloc.h>

#include <fmt/format.h>

#include "simulation/world.hpp"

namespace authex::simulation {
namespace {

// What comes from the seed comes from streams of its own: a changed shape does not change the
// schedule.
constexpr std::uint64_t shape_stream = 0x5348'4150'4500'0000;
constexpr std::uint64_t schedule_stream = 0x5343'4845'4400'0000;
constexpr std::uint64_t world_stream = 0x574F'524C'4400'0000;

constexpr int ups_max = 5;
constexpr int tries_max = 32; ///< what waits at the deployer fills a manager's outbox often
/// Longer than the longest retry.
constexpr std::uint64_t settle_us = 40'000'000;

/// Runtimes and rings are large, and made anew for every world: without this, each costs its pages.
void keep_memory() {
    static const bool done = [] {
        constexpr int most_bytes = 256 << 20;
        return ::mallopt(M_MMAP_THRESHOLD, most_bytes) == 1 &&
               ::mallopt(M_TRIM_THRESHOLD, most_bytes) == 1;
    }();
    (void)done;
}

void attacker_rests(World& world) {
    world.owner.kill_after(0);
    world.network.heal();
    for (const auto& machine : world.machines) {
        machine->disk.full = false;
        machine->call_faults.clear();
        machine->frame_faults.clear();
        machine->lies.clear();
        machine->impostors.clear();
        for (const auto& [module, other] : machine->doubles) {
            for (const auto& process : {machine->process(module), machine->process(other)}) {
                if (process != nullptr) {
                    process->kill();
                }
            }
        }
        machine->doubles.clear();
        machine->end_hidden();
        for (const auto& process : machine->processes()) {
            process->dies_after_keeping = false;
        }
        machine->deployer_parted = false;
        machine->end_impostors();
    }
    world.advance(settle_us);
}

/// A module whose outputs wait for a connection that has no room left cannot answer its owner: who
/// runs the node starts it again.
void end_blocked_modules(World& world) {
    for (const auto& machine : world.machines) {
        for (const auto& process : machine->processes()) {
            if (!process->output().empty()) {
                process->kill();
            }
        }
    }
}

/// Modules that were refused when they were attested again stay cut off until their owner names
/// them: he does, once the attacker rests.
void end_quarantines(World& world) {
    deployer::Selection named;
    if (const auto state = deployer::State::open(world.owner.database())) {
        for (const auto& [name, module] : (*state)->modules()) {
            if (!module.quarantined.empty()) {
                named.modules.push_back(name);
            }
        }
    }
    if (!named.modules.empty()) {
        (void)world.owner.up(named);
    }
}

bool comes_up(World& world, const deployer::Selection& selection) {
    for (int i = 0; i < ups_max && !world.violation(); ++i) {
        end_quarantines(world);
        if (i == ups_max / 2) {
            end_blocked_modules(world);
        }
        if (world.owner.up(selection) == Owner::Result::done) {
            return true;
        }
        world.advance(settle_us / ups_max);
    }
    return false;
}

/// Each of the owner's ways in works.
void probe(World& world) {
    const std::vector<std::uint8_t> data{1, 2, 3};
    for (const std::string& name : world.shape().direct_inputs) {
        int tries = 0;
        while (world.owner.output(name, data) != Owner::Result::done) {
            if (++tries == tries_max || world.violation()) {
                world.violated(
                    fmt::format("lives: {} takes nothing: {}", name, world.owner.problem()));
                return;
            }
        }
    }
    for (const std::string& name : world.shape().direct_handlers) {
        const Owner::Result asked = world.owner.request(name, data);
        const bool refused = world.owner.problem().find("request-failed") != std::string::npos ||
                             world.owner.problem().find("it failed") != std::string::npos;
        if (asked != Owner::Result::done && !refused) {
            world.violated(
                fmt::format("lives: {} does not answer: {}", name, world.owner.problem()));
        }
    }
}

} // namespace

Schedule schedule_of(std::uint64_t seed, const DrawOptions& options) {
    Random random(seed ^ schedule_stream);
    return draw_schedule(random, options);
}

Outcome run(std::uint64_t seed, const Schedule& schedule) {
    keep_memory();
    Random shape(seed ^ shape_stream);
    World world(draw_shape(shape), seed ^ world_stream);
    for (const Decision& decision : schedule) {
        find_action(decision.action)->act(world, decision);
        world.look();
        if (world.violation()) {
            break;
        }
    }
    if (!world.violation()) {
        attacker_rests(world);
        deployer::Selection turn;
        turn.turn_epoch = true;
        // A module whose events were destroyed cannot say of them that they have arrived, and stays
        // where it is.
        deployer::Selection afresh;
        afresh.afresh.all = true;
        const bool destroyed = destroys(schedule);
        const bool up = comes_up(world, {}) || (destroyed && comes_up(world, afresh));
        if (!up || (destroyed && !comes_up(world, turn))) {
            world.violated("lives: it does not come up again: " + world.owner.problem());
        }
    }
    if (!world.violation()) {
        probe(world);
        world.advance(settle_us);
    }
    if (!world.violation()) {
        world.look();
        world.rest();
    }
    Outcome outcome{.violation = world.violation(),
                    .simulated_us = world.now_us(),
                    .trace = world.trace.value()};
    for (const auto& [key, stream] : world.ledger.streams) {
        outcome.frames += stream.forward.size() + stream.back.size();
    }
    return outcome;
}

Schedule minimised(std::uint64_t seed, const Schedule& schedule) {
    const auto kind_of = [](const Outcome& outcome) {
        return outcome.violation ? outcome.violation->substr(0, outcome.violation->find(':')) : "";
    };
    const std::string kind = kind_of(run(seed, schedule));
    Schedule shortest = schedule;
    for (std::size_t piece = shortest.size(); piece > 0;) {
        bool shorter = false;
        for (std::size_t at = 0; at < shortest.size();) {
            Schedule less = shortest;
            const auto begin = less.begin() + static_cast<std::ptrdiff_t>(at);
            const std::size_t count = std::min(piece, less.size() - at);
            less.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
            if (kind_of(run(seed, less)) == kind) {
                shortest = std::move(less);
                shorter = true;
            } else {
                at += piece;
            }
        }
        piece = shorter && piece == 1 ? 1 : piece / 2;
    }
    return shortest;
}

} // namespace authex::simulation
