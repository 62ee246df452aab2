// No key seals two messages under one nonce.                             (SP 800-38D §8; docs P7)
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "simulation/invariants/invariant.hpp"
#include "simulation/world.hpp"

namespace authex::simulation {
namespace {

class FreshCounters final : public Invariant {
  public:
    using Invariant::Invariant;
    [[nodiscard]] const char* name() const override { return "fresh-counters"; }

    void sealed(const Process* process, const SealView& seal) override {
        std::array<std::uint8_t, crypto::nonce_bytes> nonce{};
        copy(seal.nonce, nonce);
        if (!used_.emplace(seal.key, nonce).second) {
            violated(fmt::format("{} seals two messages under one key and counter",
                                 process == nullptr ? "the deployer" : process->module()));
        }
    }

  private:
    std::set<std::pair<KeyName, std::array<std::uint8_t, crypto::nonce_bytes>>> used_;
};

} // namespace

std::unique_ptr<Invariant> make_fresh_counters(World& world) {
    return std::make_unique<FreshCounters>(world);
}

} // namespace authex::simulation
