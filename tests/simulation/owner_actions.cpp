// What the owner does: deploys, says something to his application, looks, waits.
#include "simulation/schedule.hpp"
#include "simulation/world.hpp"

namespace authex::simulation {
namespace {

std::vector<std::uint8_t> payload(std::uint64_t seed) {
    Random random(seed);
    // Short ones mostly; some that fill rings and windows.
    std::vector<std::uint8_t> bytes(random.one_in(40) ? random.below(30'000) : random.below(40));
    random.fill(bytes);
    return bytes;
}

class Input final : public Action {
    [[nodiscard]] const char* name() const override { return "input"; }
    void act(World& world, const Decision& decision) const override {
        const auto& all = world.shape().direct_inputs;
        (void)world.owner.output(all[decision.who % all.size()], payload(decision.value));
    }
};

/// Several inputs, one after the other.
class Burst final : public Action {
    [[nodiscard]] const char* name() const override { return "burst"; }
    [[nodiscard]] std::uint64_t draw(Random& random) const override { return random.between(2, 6); }
    void act(World& world, const Decision& decision) const override {
        const auto& all = world.shape().direct_inputs;
        for (std::uint64_t i = 0; i < decision.value; ++i) {
            (void)world.owner.output(all[(decision.who + i) % all.size()], payload(i));
        }
    }
};

/// More than fits into a connection's outbox, if its other end takes nothing.
class Flood final : public Action {
    [[nodiscard]] const char* name() const override { return "flood"; }
    [[nodiscard]] std::uint64_t draw(Random& random) const override { return random.below(16); }
    void act(World& world, const Decision& decision) const override {
        constexpr std::size_t large_bytes = 60'000;
        const auto& all = world.shape().direct_inputs;
        const std::vector<std::uint8_t> data(large_bytes, 1);
        // Most of the time there is enough to do with little.
        const int count = decision.value == 0 ? 30 : 1;
        for (int i = 0; i < count; ++i) {
            (void)world.owner.output(all[decision.who % all.size()], data);
        }
    }
};

class Request final : public Action {
    [[nodiscard]] const char* name() const override { return "request"; }
    void act(World& world, const Decision& decision) const override {
        const auto& all = world.shape().direct_handlers;
        if (!all.empty()) {
            (void)world.owner.request(all[decision.who % all.size()], payload(decision.value));
        }
    }
};

class Up final : public Action {
    [[nodiscard]] const char* name() const override { return "up"; }
    void act(World& world, const Decision&) const override { (void)world.owner.up({}); }
};

/// New code for a module, which takes over from what runs.
class Update final : public Action {
    [[nodiscard]] const char* name() const override { return "update"; }
    void act(World& world, const Decision& decision) const override {
        const auto& all = world.shape().descriptor.modules;
        world.owner.change_code(all[decision.who % all.size()].name);
        (void)world.owner.up({});
    }
};

/// A module goes to another node.
class Move final : public Action {
    [[nodiscard]] const char* name() const override { return "move"; }
    void act(World& world, const Decision& decision) const override {
        world.move(decision.who, decision.value);
        (void)world.owner.up({});
    }
};

class Turn final : public Action {
    [[nodiscard]] const char* name() const override { return "turn"; }
    void act(World& world, const Decision&) const override {
        deployer::Selection selection;
        selection.turn_epoch = true;
        (void)world.owner.up(selection);
    }
};

/// Connections go on under other keys.
class TurnKeys final : public Action {
    [[nodiscard]] const char* name() const override { return "turn-keys"; }
    void act(World& world, const Decision&) const override {
        (void)world.owner.up(
            {.load = false, .attest = false, .register_periodic = false, .turn_keys = true});
    }
};

class Attest final : public Action {
    [[nodiscard]] const char* name() const override { return "attest"; }
    void act(World& world, const Decision&) const override {
        deployer::Selection selection;
        selection.attest_again = true;
        (void)world.owner.up(selection);
    }
};

class Status final : public Action {
    [[nodiscard]] const char* name() const override { return "status"; }
    void act(World& world, const Decision&) const override { (void)world.owner.status(); }
};

class Wait final : public Action {
    [[nodiscard]] const char* name() const override { return "wait"; }
    [[nodiscard]] std::uint64_t draw(Random& random) const override {
        return std::uint64_t{1} << random.below(25); // up to half a minute
    }
    void act(World& world, const Decision& decision) const override {
        world.advance(decision.value);
    }
};

} // namespace

const Actions& owner_actions() {
    static const Actions all = [] {
        Actions made;
        // Twice, so that there is something to attack.
        made.push_back(std::make_unique<Input>());
        made.push_back(std::make_unique<Burst>());
        made.push_back(std::make_unique<Input>());
        made.push_back(std::make_unique<Burst>());
        made.push_back(std::make_unique<Flood>());
        made.push_back(std::make_unique<Request>());
        made.push_back(std::make_unique<Wait>());
        made.push_back(std::make_unique<Up>());
        made.push_back(std::make_unique<Update>());
        made.push_back(std::make_unique<Move>());
        made.push_back(std::make_unique<Turn>());
        made.push_back(std::make_unique<TurnKeys>());
        made.push_back(std::make_unique<Attest>());
        made.push_back(std::make_unique<Status>());
        return made;
    }();
    return all;
}

} // namespace authex::simulation
