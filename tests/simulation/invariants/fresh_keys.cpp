// A key has one use: one connection and epoch, one process at each end, which is given it once; and
// no process has it that is not what the descriptor names.
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
        if (!holders.insert(process->actor()).second) {
            violated(fmt::format("{} is given a key twice", process->module()));
        }
        if (holders.size() > 2) {
            violated(fmt::format("{} is the third process with one key", process->module()));
        }
        if (!world_.is_genuine(*process)) {
            violated(fmt::format("a process that is not {} has a key", process->module()));
        }
    }

    void sealed(const Process*, const SealView& seal) override {
        if (!seal.of_connection()) {
            return;
        }
        const auto [used, is_new] = channels_.emplace(seal.key, seal.channel());
        if (!is_new && used->second != seal.channel()) {
            violated(
                fmt::format("one key seals on channels {} and {}", used->second, seal.channel()));
        }
    }

  private:
    std::map<KeyName, std::set<Actor>> holders_;
    std::map<KeyName, std::uint16_t> channels_;
};

} // namespace

std::unique_ptr<Invariant> make_fresh_keys(World& world) {
    return std::make_unique<FreshKeys>(world);
}

} // namespace authex::simulation
