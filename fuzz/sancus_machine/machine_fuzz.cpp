// Any memory is a program: it runs for as long as it is let, touches the guest's memory alone, and
// goes on from a snapshot as if nothing had happened.
#include "sancus_emulator/machine.hpp"

#include <algorithm>
#include <cstdlib>

#include "sancus_emulator/devices/core_buttons.hpp"
#include "sancus_emulator/reference_board.hpp"

namespace {

using namespace authex;
using namespace authex::sancus_emulator;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

std::vector<NamedDevice> devices(bool with_nmi) {
    std::vector<NamedDevice> result = reference_devices();
    if (with_nmi) {
        auto& watchdog = dynamic_cast<Watchdog&>(*result.front().device);
        result.push_back({"nmi", std::make_unique<NmiButton>("nmi", watchdog, nullptr)});
    }
    return result;
}

/// Does what a run must never do: the core's invariants hold after each instruction.
class Invariants : public Observer {
  public:
    void instruction(const Core& core) override {
        require(core.r[reg::cg] == 0 && core.r[reg::pc] % 2 == 0 && core.r[reg::sp] % 2 == 0);
        require((core.r[reg::sr] &
                 ~(status::writable | status::violation | status::enclave_interrupted)) == 0);
        require(core.domain == nobody || core.domain <= core.enclaves.all().size());
        require(core.cycle >= before_);
        before_ = core.cycle;
        if (core.rules == Rules::documented) {
            look_at_ends(core);
        }
        enclaves_ = core.enclaves.all();
        disturbed_ = false;
    }
    void interrupt(const Core&, unsigned) override { disturbed_ = true; }
    void was_reset(const Core&) override { enclaves_.clear(); }
    [[nodiscard]] bool wants_instructions() const override { return true; }

  private:
    /// By the documented rules, only one that asks for it ends before a reset, and leaves nothing
    /// behind. Of what an interrupt has written since, two words lie at the stack pointer.
    void look_at_ends(const Core& core) const {
        for (std::size_t i = 0; i < enclaves_.size(); ++i) {
            const Enclave& now = core.enclaves.all()[i];
            const Enclave& then = enclaves_[i];
            if (!then.enabled || (now.enabled && now.id == then.id)) {
                continue;
            }
            require(core.previous_id == then.id || disturbed_);
            for (unsigned at = then.layout.data_start; at + 1 < then.layout.data_end; at += 2) {
                const auto address = static_cast<std::uint16_t>(at & 0xFFFEU);
                const bool others =
                    std::any_of(enclaves_.begin(), enclaves_.end(), [&](const Enclave& other) {
                        return other.enabled && other.id != then.id &&
                               (other.layout.has_data(address) || other.layout.has_text(address));
                    });
                const bool frame =
                    disturbed_ && static_cast<std::uint16_t>(address - core.r[reg::sp]) < 4;
                require(others || frame || !core.map.is_data(address) ||
                        core.memory.word(address) == 0);
            }
        }
    }

    std::uint64_t before_ = 0;
    std::vector<Enclave> enclaves_; ///< before the last instruction; empty after a reset
    bool disturbed_ = false;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    const unsigned flags = data[0];
    Configuration configuration = reference_configuration();
    const bool has_nmi = (flags & 32U) != 0;
    configuration.rules = (flags & 1U) != 0 ? Rules::rtl : Rules::documented;
    configuration.variant = (flags & 64U) != 0  ? Variant::aion
                            : (flags & 2U) != 0 ? Variant::legacy
                                                : Variant::base;
    configuration.security = (flags & 4U) != 0 ? Security::bits64 : Security::bits128;
    configuration.reset_on_violation = (flags & 8U) != 0;
    Machine machine(configuration, devices(has_nmi));
    const ByteView image =
        ByteView(data + 1, size - 1).first(std::min(size - 1, std::size_t{0xB000}));
    machine.load(0x4000, image);
    const std::uint8_t start[] = {0x00, 0x40};
    machine.load(0xFFFE, start);
    machine.reset();
    constexpr std::uint64_t cycles = 20'000;
    if ((flags & 16U) != 0) {
        Invariants invariants;
        machine.observe(&invariants);
        machine.run(cycles);
        return 0;
    }
    machine.run(cycles / 2);
    if (has_nmi) {
        require(machine.devices().find("nmi")->input("pressed", machine.core().cycle).has_value());
    }
    const auto half = machine.snapshot();
    machine.run(cycles);
    Machine again(configuration, devices(has_nmi));
    require(again.restore(half).has_value());
    again.run(cycles);
    const bool fetched = !machine.core().bad_fetch && !again.core().bad_fetch;
    require(!fetched || again.snapshot() == machine.snapshot());
    return 0;
}
