#pragma once
// A microcontroller: core, memory, devices, and the time that passes.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sancus_emulator/core.hpp"
#include "sancus_emulator/interrupts.hpp"
#include "sancus_emulator/peripheral_bus.hpp"

namespace authex::sancus_emulator {

struct Configuration {
    MemoryMap map;
    std::size_t slots = 4; ///< enclaves at a time, 1 to EnclaveTable::slots_max
    Security security = Security::bits128;
    Key node_key{};
    Rules rules = Rules::documented;
    Variant variant = Variant::base;
    /// Of `aion`: the longest section without interrupts, in cycles.
    std::uint16_t atomic_limit = AtomicityMonitor::published_limit;
    /// CPUOFF ends the program also while interrupts are enabled, as it does in the simulators.
    bool cpu_off_ends = false;
    bool reset_on_violation = false;
};

/// Why a machine stands.
enum class Stop : std::uint8_t {
    limit,      ///< the cycle that was asked for is reached
    off,        ///< CPUOFF that nothing can end, or that is to end the program
    asleep,     ///< CPUOFF, and no device will wake it without an input from outside
    bad_fetch,  ///< the program counter is where no program memory is
    breakpoint, ///< the instruction at a breakpoint is next
    watched,    ///< an instruction has touched a byte that is watched (Core::watches)
    observer,   ///< an observer asked for it
};

/// Is told what happens, when it happens, on the thread that runs the machine.
class Observer {
  public:
    virtual ~Observer() = default;
    /// The instruction at the program counter is about to execute. Asked for by
    /// wants_instructions().
    virtual void instruction(const Core& core) { (void)core; }
    virtual void interrupt(const Core& core, unsigned vector) {
        (void)core;
        (void)vector;
    }
    virtual void violated(const Core& core, const Violation& violation) {
        (void)core;
        (void)violation;
    }
    virtual void was_reset(const Core& core) { (void)core; }
    [[nodiscard]] virtual bool wants_instructions() const { return false; }
    /// The machine is to stand before its next instruction.
    [[nodiscard]] virtual bool wants_stop() const { return false; }
};

/// Not thread-safe.
class Machine {
  public:
    Machine(const Configuration& configuration, std::vector<NamedDevice> devices);

    /// Puts bytes into memory. @pre start + bytes.size() ≤ 0x10000
    void load(std::uint16_t start, ByteView bytes);
    /// Reset of the core and its devices; memory keeps what it holds, time goes on.
    void reset();

    /// Runs until `cycle` or until it stands for another reason.
    Stop run(std::uint64_t cycle);
    /// One instruction, or the entry of an interrupt and one instruction.
    Stop step();

    void set_breakpoint(std::uint16_t address);
    void clear_breakpoint(std::uint16_t address);
    void clear_breakpoints() { breakpoints_.clear(); }

    [[nodiscard]] Core& core() { return *core_; }
    [[nodiscard]] const Core& core() const { return *core_; }
    [[nodiscard]] PeripheralBus& devices() { return bus_; }
    [[nodiscard]] const Configuration& configuration() const { return configuration_; }
    /// @param observer nullptr: none. Borrowed.
    void observe(Observer* observer) { observer_ = observer; }

    /// Everything: memory, core, enclaves with their keys, devices.
    [[nodiscard]] std::vector<std::uint8_t> snapshot() const;
    /// @error snapshot-malformed: the machine is then as after reset() | snapshot-of-another-board:
    /// it is as before
    Expected<bool> restore(ByteView snapshot);

  private:
    /// What is due between two instructions. @return why the machine stands, if it does
    std::optional<Stop> settle(std::uint64_t until);
    void between_instructions();
    /// @return an interrupt was taken
    bool doze();
    /// As the interrupt logic sees it in the next cycle.
    [[nodiscard]] bool interrupts_enabled() const;
    std::optional<Stop> sleep(std::uint64_t until);
    /// @param enabled GIE, as the interrupt logic sees it. @return what it sees in that cycle
    [[nodiscard]] std::uint16_t requests(std::uint64_t cycle, bool enabled) const;
    bool take_violation(std::uint16_t requested);
    bool take_interrupt(std::uint16_t requested);
    void enter(unsigned vector);
    [[nodiscard]] std::uint64_t deadline(std::uint64_t until) const;
    [[nodiscard]] bool slow() const;

    Configuration configuration_;
    std::unique_ptr<Core> core_;
    PeripheralBus bus_;
    Observer* observer_ = nullptr;
    std::vector<std::uint16_t> breakpoints_;
    bool executed_ = false; ///< since it was last seen to what is due between two instructions
};

} // namespace authex::sancus_emulator
