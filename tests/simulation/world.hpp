#pragma once
// Deployer, managers, modules and network in one thread, from one seed.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulation/events.hpp"
#include "simulation/invariants/invariant.hpp"
#include "simulation/ledger.hpp"
#include "simulation/machine.hpp"
#include "simulation/network.hpp"
#include "simulation/owner.hpp"
#include "simulation/random.hpp"
#include "simulation/shape.hpp"
#include "simulation/trace.hpp"

namespace authex::simulation {

/// The date when a world begins: some day of 2023, Unix time.
constexpr std::uint64_t date_us = 1'700'000'000'000'000;

/// One at a time in a process: the runtime has one active object, as in an enclave.
class World final : Taps, Observer {
  public:
    /// @param seed of everything but the shape and the schedule: latencies, keys, turns.
    World(Shape shape, std::uint64_t seed);
    ~World() override;
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    [[nodiscard]] const Shape& shape() const { return shape_; }
    /// The descriptor has the module on another node from now on.
    void move(std::uint64_t module, std::uint64_t node);
    [[nodiscard]] std::uint64_t now_us() const { return now_us_; }
    /// The world goes on for so long, or until nothing can happen any more before.
    void advance(std::uint64_t us);
    void advance_until(std::uint64_t time_us, const std::function<bool()>& done);

    /// The first thing that was not as it must be.
    void violated(std::string how);
    [[nodiscard]] const std::optional<std::string>& violation() const { return violation_; }
    /// What the owner was answered to what he asked last.
    void answered(ByteView answer);
    void look();
    void rest();

    // What processes are.
    Actor next_actor() { return ++actors_; }
    void born(const std::shared_ptr<Process>& process) { processes_.push_back(process); }
    [[nodiscard]] const Process* process_of(Actor actor) const;
    /// Whether its code is that of the module whose name it has.
    [[nodiscard]] bool is_genuine(const Process& process) const;
    [[nodiscard]] bool is_superseded(const Process& process) const;
    [[nodiscard]] ByteView owner_public_key() const { return owner_key().public_key; }

    // What the attacker has seen.
    void remember(ByteView frame);
    [[nodiscard]] std::string some_frame(std::uint64_t which) const;
    void remember_answer(const v1::ControlReply& reply);
    void remember_answer(const v1::KeptStateReply& reply) { states_.push_back(reply); }
    template <typename Reply>
    void remember_answer(const Reply&) {}
    [[nodiscard]] const std::vector<v1::ControlReply>& earlier_controls() const {
        return controls_;
    }
    [[nodiscard]] const std::vector<v1::KeptStateReply>& earlier_states() const { return states_; }

    /// A node is about to give the module an old state. @return whether it may: to one module of a
    /// world, whose witnesses are not
    bool roll_back(const std::string& module) {
        rolled_back_ = rolled_back_.empty() ? module : rolled_back_;
        return rolled_back_ == module;
    }

    Random random;
    Events events;
    Ledger ledger;
    Trace trace;
    Network network;
    Owner owner;
    std::vector<std::unique_ptr<Machine>> machines;

  private:
    bool round();
    void note(std::uint64_t what, const SealView& seal);
    void note_order(const SealView& seal);
    void note_taker(const Process& process, const OpenedFrame& frame);
    void note_at_work(const Process* process, const SealView& seal);

    // Taps
    void take(const authex_endpoint& endpoint, const authex_message& message) override;
    void taken(const authex_endpoint& endpoint, const authex_message& message) override;
    void send(const Sending& sending) override;
    void sent(const Sending& sending, authex_status status) override;
    // Observer
    void key_set(const KeyName& key, crypto::Algorithm algorithm) override;
    void sealed(const SealView& seal) override;
    void opened(const SealView& seal) override;

    Shape shape_;
    std::uint64_t now_us_ = 1'000'000;
    std::uint64_t turns_ = 0;
    std::optional<std::string> violation_;
    std::vector<std::shared_ptr<Process>> processes_; ///< by actor, from 1
    Actor actors_ = deployer_actor;
    std::string rolled_back_;              ///< empty: none yet
    std::map<std::string, Actor> at_work_; ///< the newest of each module that was seen to be
    std::optional<OpenedFrame> opened_;
    std::vector<std::vector<std::uint8_t>> seen_;
    std::uint64_t seen_count_ = 0;
    std::vector<v1::ControlReply> controls_;
    std::vector<v1::KeptStateReply> states_;
    Invariants invariants_;
};

} // namespace authex::simulation
