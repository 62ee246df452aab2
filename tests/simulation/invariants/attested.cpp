// The deployer tells keys only to the very module that they are for, attested; and of one plan it
// connects what leads to outputs before what comes from inputs.       (docs/security.md, "window")
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "simulation/invariants/invariant.hpp"
#include "simulation/world.hpp"
#include "wire/control.hpp"

namespace authex::simulation {
namespace {

class Attested final : public Invariant {
  public:
    using Invariant::Invariant;
    [[nodiscard]] const char* name() const override { return "attested"; }

    void key_set(const Process* process, const KeyName& key, crypto::Algorithm algorithm) override {
        if (process != nullptr && algorithm == crypto::Algorithm::aes_256_gcm) {
            holders_[key] = process->actor();
        }
    }

    void sealed(const Process* process, const SealView& seal) override {
        wire::ControlMessage message;
        if (process != nullptr || !seal.of_order() ||
            wire::parse_control(seal.plain, message) != Error::none) {
            return;
        }
        if (message.type == wire::ControlType::keep_state ||
            message.type == wire::ControlType::restore_state) {
            check_state_key(seal.key, message);
            return;
        }
        if (message.type != wire::ControlType::set_connection &&
            message.type != wire::ControlType::continue_connection) {
            return;
        }
        const wire::SetConnection& terms = message.connection;
        const descriptor::Connection* connection = world_.shape().connection(terms.channel);
        if (connection == nullptr) {
            violated(fmt::format("channel {} is no connection", terms.channel));
            return;
        }
        check_holder(seal.key, terms.role, *connection);
        if (message.type == wire::ControlType::set_connection) {
            check_turn(*connection);
        }
    }

  private:
    const Process* holder_of(const KeyName& control_key) const {
        const auto holder = holders_.find(control_key);
        return holder == holders_.end() ? nullptr : world_.process_of(holder->second);
    }

    /// Who has the key of a state has the state.
    void check_state_key(const KeyName& control_key, const wire::ControlMessage& message) {
        KeyName key{};
        copy(message.connection.key, key);
        const Process* process = holder_of(control_key);
        if (process == nullptr || !world_.is_genuine(*process)) {
            violated("the key of a state is told to who is no module");
            return;
        }
        const auto [owner, is_new] = states_.emplace(key, process->module());
        if (!is_new && owner->second != process->module()) {
            violated(fmt::format(
                "the key of the state of {} is told to {}", owner->second, process->module()));
        }
    }

    void check_holder(const KeyName& control_key,
                      wire::Role role,
                      const descriptor::Connection& connection) {
        const std::string& module = role == wire::Role::destination ? connection.to.module
                                    : connection.from               ? connection.from->module
                                                                    : connection.name;
        const Process* process = holder_of(control_key);
        if (process == nullptr || process->module() != module || !world_.is_genuine(*process)) {
            violated(
                fmt::format("the key of {} is told to who is not {}", connection.name, module));
        }
    }

    void check_turn(const descriptor::Connection& connection) {
        const std::uint64_t plan = world_.owner.plans();
        if (plan != plan_) {
            plan_ = plan;
            turn_ = 0;
        }
        const int turn = turn_of(connection);
        if (turn < turn_) {
            violated(fmt::format("{} is connected too late", connection.name));
        }
        turn_ = turn;
    }

    /// Inner connections, those to outputs, those from inputs, the owner's own.
    int turn_of(const descriptor::Connection& connection) const {
        const auto& all = world_.shape().descriptor.connections;
        if (!connection.from) {
            return 3;
        }
        const bool hears = std::any_of(all.begin(), all.end(), [&](const auto& other) {
            return other.from && other.to.module == connection.from->module;
        });
        const bool tells = std::any_of(all.begin(), all.end(), [&](const auto& other) {
            return other.from && other.from->module == connection.to.module;
        });
        if (!hears) {
            return 2;
        }
        return tells ? 0 : 1;
    }

    std::map<KeyName, Actor> holders_;
    std::map<KeyName, std::string> states_; ///< the module of each state's key
    std::uint64_t plan_ = 0;
    int turn_ = 0;
};

} // namespace

std::unique_ptr<Invariant> make_attested(World& world) {
    return std::make_unique<Attested>(world);
}

} // namespace authex::simulation
