#pragma once
// What is done to a world: a list of decisions. Each stands for itself, so that a schedule without
// some of them is a schedule too, and a failing one can be shortened.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "simulation/random.hpp"

namespace authex::simulation {

class World;

struct Decision {
    std::string action;
    std::uint64_t who = 0;   ///< machine, module or connection; any number means some
    std::uint64_t value = 0; ///< the action's own
    friend bool operator==(const Decision&, const Decision&) = default;
};
using Schedule = std::vector<Decision>;

/// One decision a line: "drop 1 0".
std::string to_text(const Schedule& schedule);

/// Something that owner or attacker can do. One file each under attackers/.
class Action {
  public:
    virtual ~Action() = default;
    [[nodiscard]] virtual const char* name() const = 0;
    /// Whether it may destroy what an honest manager must keep: then what is on its way may be
    /// lost, and the owner must turn the epochs.
    [[nodiscard]] virtual bool destroys() const { return false; }
    /// A value that makes sense.
    [[nodiscard]] virtual std::uint64_t draw(Random& random) const { return random.next(); }
    virtual void act(World& world, const Decision& decision) const = 0;
};

using Actions = std::vector<std::unique_ptr<const Action>>;
/// What the owner does, and what the attacker does.
const Actions& owner_actions();
const Actions& attackers();
/// Null: there is none.
const Action* find_action(const std::string& name);

struct DrawOptions {
    std::vector<std::string> attackers; ///< empty: all
};
/// The owner deploys; then inputs and attacks, of up to three attackers, in turn.
Schedule draw_schedule(Random& random, const DrawOptions& options);
[[nodiscard]] bool destroys(const Schedule& schedule);

} // namespace authex::simulation
