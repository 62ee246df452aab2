// A key has one use: one connection and epoch, one module at each end, whose process is given it
// once, and again only before it has sealed under it; and no process has it that is not what the
// descriptor names. Where another instance or process of a module takes over, the one before never
// uses the key again; one that its node has hidden may open what it was sent, and answer as long as
// the later one only opens under that key. The key of a state seals the states of one process.
#include <map>
#include <set>

#include <fmt/format.h>

#include "simulation/invariants/invariant.hpp"
#include "simulation/world.hpp"

namespace authex::simulation {
namespace {

class FreshKeys final : public Invariant {
  public:
    using Invariant::Invariant;
    [[nodiscard]] const char* name() const override { return "fresh-keys"; }

    void key_set(const Process* process, const KeyName& key, crypto::Algorithm algorithm) override {
        if (process == nullptr) {
            return; // the deployer seals and opens with what it keeps
        }
        if (algorithm != crypto::Algorithm::aes_128_gcm) {
            // Each of the two control keys of a session is set once, in one process, or never
            // used: a stranger's handshake proves nothing.
            return;
        }
        std::set<Actor>& holders = holders_[key];
        const bool again = !holders.insert(process->actor()).second;
        if (again && sealed_.contains({key, process->actor()}) &&
            !world_.ledger.state_keys.contains(key)) {
            violated(fmt::format("{} is given a key twice", process->module()));
        }
        std::set<std::string>& ends = ends_[key];
        ends.insert(process->module());
        if (ends.size() > 2) {
            violated(fmt::format("{} is the third module with one key", process->module()));
        }
        if (!world_.is_genuine(*process)) {
            violated(fmt::format("a process that is not {} has a key", process->module()));
        }
    }

    void opened(const Process* process, const SealView& seal) override {
        if (process != nullptr && !process->hidden()) {
            uses(*process, seal, users_);
        }
    }

    void sealed(const Process* process, const SealView& seal) override {
        if (seal.of_frame() && process != nullptr) {
            sealed_.emplace(seal.key, process->actor());
        }
        if (seal.of_state() &&
            keepers_.emplace(seal.key, process->actor()).first->second != process->actor()) {
            violated(fmt::format("two processes of {} seal their states under one key",
                                 process->module()));
        }
        if (!seal.of_connection()) {
            return;
        }
        if (process != nullptr) {
            uses(*process, seal, sealers_);
            if (!process->hidden()) {
                uses(*process, seal, users_);
            }
        }
        const auto [used, is_new] = channels_.emplace(seal.key, seal.channel());
        if (!is_new && used->second != seal.channel()) {
            violated(
                fmt::format("one key seals on channels {} and {}", used->second, seal.channel()));
        }
    }

  private:
    /// The last of each end.
    using Users = std::map<std::pair<KeyName, std::string>, Actor>;

    void uses(const Process& process, const SealView& seal, Users& users) {
        if (!seal.of_connection()) {
            return;
        }
        const auto [last, is_new] =
            users.emplace(std::pair(seal.key, process.module()), process.actor());
        if (last->second > process.actor()) {
            violated(fmt::format("an instance of {} uses a key that a later one has used",
                                 process.module()));
        }
        last->second = process.actor();
    }

    std::map<KeyName, std::set<Actor>> holders_;
    std::map<KeyName, std::set<std::string>> ends_;
    Users users_;   ///< who opens or seals
    Users sealers_; ///< who seals, and be it hidden
    std::map<KeyName, std::uint16_t> channels_;
    std::set<std::pair<KeyName, Actor>> sealed_; ///< who has sealed under it
    std::map<KeyName, Actor> keepers_;           ///< who has sealed his states under it
};

} // namespace

std::unique_ptr<Invariant> make_fresh_keys(World& world) {
    return std::make_unique<FreshKeys>(world);
}

} // namespace authex::simulation
