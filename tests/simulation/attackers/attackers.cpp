#include "simulation/attackers/attacker.hpp"

namespace authex::simulation {

const Actions& attackers() {
    static const Actions all = [] {
        Actions made;
        for (const auto& make :
             {make_drop,           make_delay,         make_duplicate,   make_reorder,
              make_flip,           make_partition,     make_calls,       make_restart_manager,
              make_restart_module, make_kill_deployer, make_full_disk,   make_damaged_disk,
              make_clock,          make_liar_ring,     make_liar_replay, make_liar_forge,
              make_liar_acks,      make_liar_answers,  make_impostor,    make_double,
              make_hold_acks,      make_die_keeping,   make_lost_state,  make_rollback,
              make_zombie}) {
            made.push_back(make());
        }
        return made;
    }();
    return all;
}

} // namespace authex::simulation
