#pragma once
// The attacker's powers, one file each. He owns networks, managers, disks and clocks; not the TEEs,
// not the deployer's machine.

#include <memory>

#include "simulation/schedule.hpp"
#include "simulation/world.hpp"

namespace authex::simulation {

using AttackerPtr = std::unique_ptr<const Action>;

inline Machine& machine_of(World& world, std::uint64_t who) {
    return *world.machines[who % world.machines.size()];
}

// Networks.
AttackerPtr make_drop();
AttackerPtr make_delay();
AttackerPtr make_duplicate();
AttackerPtr make_reorder();
AttackerPtr make_flip();
AttackerPtr make_partition();
AttackerPtr make_calls();
AttackerPtr make_hold_acks();
// Deaths.
AttackerPtr make_restart_manager();
AttackerPtr make_restart_module();
AttackerPtr make_kill_deployer();
AttackerPtr make_die_keeping();
// Disks and clocks.
AttackerPtr make_full_disk();
AttackerPtr make_damaged_disk();
AttackerPtr make_clock();
AttackerPtr make_lost_state();
AttackerPtr make_rollback();
// A lying manager.
AttackerPtr make_liar_ring();
AttackerPtr make_liar_replay();
AttackerPtr make_liar_forge();
AttackerPtr make_liar_acks();
AttackerPtr make_liar_answers();
AttackerPtr make_impostor();
AttackerPtr make_double();
AttackerPtr make_zombie();

} // namespace authex::simulation
