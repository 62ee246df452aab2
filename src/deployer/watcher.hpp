#pragma once
// What is tried when, of all that is broken: at once where something breaks, then ever more rarely
// as long as it does not help. No clock, no node, no state: whoever watches says what is broken and
// what time it is.

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace authex::deployer {

/// Something that can be broken, or overdue. What stands first is mended first.
struct Thing {
    enum class Kind : std::uint8_t {
        node,
        link,
        disk,
        module,
        connection,
        periodic,
        attestation,
        key
    };
    Kind kind = Kind::module;
    std::string name;
    auto operator<=>(const Thing&) const = default;
};
/// "node", "link", "disk", "module", "connection", "periodic event", "attestation", "key".
[[nodiscard]] const char* to_string(Thing::Kind kind);

struct Ailment {
    Thing thing;
    std::string cause;   ///< for people
    bool curable = true; ///< else nobody but time, or somebody there, can help
};

/// Something became broken, or is well again.
struct Turn {
    Ailment ailment;
    bool broken = false;
};

class Watcher {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Span = std::chrono::milliseconds;

    struct Rules {
        Span first_pause{250}; ///< between the first attempt and the second; then twice as long
        Span longest_pause{60'000};
        Span settled{60'000}; ///< well for so long: what happened before is forgotten
    };
    /// @param random 0 ≤ x < 1; pauses are shorter or longer by up to a quarter, so that many
    /// watchers do not try at the same moment
    Watcher(const Rules& rules, std::function<double()> random)
        : rules_(rules), random_(std::move(random)) {}

    /// All that is broken now: what was and is not among it, is well. One entry for each thing.
    std::vector<Turn> observe(const std::vector<Ailment>& broken, Time now);
    /// What is to be tried now, in the order of Thing. The same again only after a pause.
    std::vector<Ailment> due(Time now);
    /// The attempt has not taken place: it is due again soon, and not counted.
    void postponed(const Thing& thing, Time now);

    /// When due() may have something, if nothing else is observed before; max(): never.
    [[nodiscard]] Time next() const;
    [[nodiscard]] std::vector<Ailment> broken() const;

  private:
    struct Case {
        Ailment ailment;
        bool broken = false;
        std::uint32_t attempts = 0;
        Time not_before;
        Time changed; ///< when it broke, or was well again
    };
    [[nodiscard]] Span pause_after(std::uint32_t attempts);

    Rules rules_;
    std::function<double()> random_;
    std::map<Thing, Case> cases_;
};

} // namespace authex::deployer
