#pragma once
// What must hold whatever the attacker does. One file each; an invariant sees everything that
// passes the taps (taps.hpp) and the AEAD boundary (observer.hpp).

#include <memory>
#include <string>
#include <vector>

#include "simulation/ledger.hpp"
#include "simulation/observer.hpp"
#include "simulation/process.hpp"
#include "simulation/taps.hpp"

namespace authex::simulation {

class World;

class Invariant {
  public:
    explicit Invariant(World& world) : world_(world) {}
    virtual ~Invariant() = default;
    Invariant(const Invariant&) = delete;
    Invariant& operator=(const Invariant&) = delete;
    [[nodiscard]] virtual const char* name() const = 0;

    /// `process` null: the deployer. The ledger has what was before.
    virtual void key_set(const Process* /*process*/, const KeyName& /*key*/, crypto::Algorithm) {}
    virtual void sealed(const Process* /*process*/, const SealView& /*seal*/) {}
    virtual void opened(const Process* /*process*/, const SealView& /*seal*/) {}
    /// A function of the module is about to run. `frame` is what was opened for it; null: an entry,
    /// a timer, or a request that stays unanswered.
    virtual void take(const Process& /*process*/,
                      const authex_endpoint& /*endpoint*/,
                      const authex_message& /*message*/,
                      const OpenedFrame* /*frame*/) {}
    virtual void taken(const Process& /*process*/,
                       const authex_endpoint& /*endpoint*/,
                       const authex_message& /*message*/) {}
    virtual void send(const Process& /*process*/, const Sending& /*sending*/) {}
    virtual void sent(const Process& /*process*/, const Sending& /*sending*/, authex_status) {}
    /// The owner has got this to his request.
    virtual void answered(ByteView /*answer*/) {}
    /// After each decision.
    virtual void look() {}
    /// The attacker has rested, the owner has run `up`, and everything has come to rest.
    virtual void rest() {}

  protected:
    void violated(const std::string& how) const;
    World& world_;
};

using Invariants = std::vector<std::unique_ptr<Invariant>>;
Invariants make_invariants(World& world);

std::unique_ptr<Invariant> make_explained(World& world);
std::unique_ptr<Invariant> make_once_in_order(World& world);
std::unique_ptr<Invariant> make_fresh_keys(World& world);
std::unique_ptr<Invariant> make_fresh_counters(World& world);
std::unique_ptr<Invariant> make_bounded(World& world);
std::unique_ptr<Invariant> make_arrives(World& world);
std::unique_ptr<Invariant> make_attested(World& world);
std::unique_ptr<Invariant> make_restored(World& world);

} // namespace authex::simulation
