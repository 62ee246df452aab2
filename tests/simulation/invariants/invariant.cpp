#include "simulation/invariants/invariant.hpp"

#include "simulation/world.hpp"

namespace authex::simulation {

void Invariant::violated(const std::string& how) const {
    world_.violated(std::string(name()) + ": " + how);
}

Invariants make_invariants(World& world) {
    Invariants all;
    for (const auto& make : {make_explained,
                             make_once_in_order,
                             make_fresh_keys,
                             make_fresh_counters,
                             make_bounded,
                             make_attested,
                             make_restored,
                             make_arrives}) {
        all.push_back(make(world));
    }
    return all;
}

} // namespace authex::simulation
