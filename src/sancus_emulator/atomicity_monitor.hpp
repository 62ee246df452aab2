#pragma once
// Sections without interrupts, and their bound: the part of the hardware that the variant `aion`
// has and others have not. Interrupts are held back for at most so many cycles after `clix`, and
// for ten after an enclave was entered; nobody but enclave 1 can disable them otherwise. Source:
// sancus-core, core/rtl/verilog/omsp_atomicity_monitor.v; omsp_register_file.v (gie_next, r2_mask);
// omsp_execution_unit.v (priv_mode).

#include <cstdint>
#include <optional>

namespace authex::sancus_emulator {

struct Core;

/// The registers of the monitor, cycle by cycle.
class AtomicityMonitor {
  public:
    /// Cycles without interrupts after the entry of an enclave (SM_ENTRY_ATOM_PERIOD).
    static constexpr std::uint16_t entry_cycles = 10;
    /// Longest section that the published hardware allows (ATOM_BOUND), in cycles.
    static constexpr std::uint16_t published_limit = 10'000;

    /// What the rest of the core does in a cycle.
    struct Inputs {
        bool privileged = false; ///< who executes may disable interrupts
        bool scheduler = false;  ///< enclave 1 executes
        bool enters = false;     ///< the first cycle of an enclave
        bool interrupt = false;  ///< the core enters the handler of an interrupt
        /// `clix` executes, with so many cycles.
        std::optional<std::uint16_t> clix;
    };

    /// Whether an interrupt is accepted in this cycle. @param gie the status register's
    [[nodiscard]] bool accepts(const Inputs& in, bool gie) const;
    /// Whether a section begins that may not. @param limit cycles
    [[nodiscard]] bool violated(const Inputs& in, std::uint16_t limit) const;
    /// The end of the cycle.
    void clock(const Inputs& in, bool gie);
    /// Nothing changes by itself.
    [[nodiscard]] bool idle() const {
        return !inside_clix_ && !inside_entry_ && !was_inside_clix_ && !was_inside_entry_;
    }
    void reset() { *this = {}; }

    /// Each register, to save or load it.
    template <typename Visit>
    void visit(const Visit& each) {
        each(inside_clix_);
        each(inside_entry_);
        each(was_inside_clix_);
        each(was_inside_entry_);
        each(clix_left_);
        each(entry_left_);
    }

  private:
    [[nodiscard]] bool clix_ends(bool gie, bool interrupt) const {
        return inside_clix_ && (clix_left_ == 0 || gie || interrupt);
    }
    [[nodiscard]] bool entry_ends(bool clix, bool interrupt) const {
        return inside_entry_ && (entry_left_ == 0 || clix || interrupt);
    }

    bool inside_clix_ = false;
    bool inside_entry_ = false;
    bool was_inside_clix_ = false; ///< in the cycle before
    bool was_inside_entry_ = false;
    std::uint16_t clix_left_ = 0;
    std::uint16_t entry_left_ = 0;
};

/// The monitor as part of a core of the variant `aion`. Time comes to it late: whoever changes what
/// it looks at first brings it up to the present.
namespace aion {

/// Enclave 1, or anybody while there is no enclave.
[[nodiscard]] bool privileged(const Core& core);
/// Lets the monitor come to a cycle; then core.interrupts_seen is what counts in the one before.
void advance(Core& core, std::uint64_t cycle);
/// Whether an interrupt would be accepted in the monitor's present cycle.
[[nodiscard]] bool accepts(const Core& core);
/// The first cycle from `from` on and before `end` in which interrupts are accepted, if the
/// instruction that executes goes on until then.
[[nodiscard]] std::optional<std::uint64_t>
first_accepting(const Core& core, std::uint64_t from, std::uint64_t end);
/// An enclave executes its first instruction from this cycle on. @return false: a violation
[[nodiscard]] bool enter(Core& core);
/// The instruction `clix`, from its first cycle to its last. @return false: a violation
[[nodiscard]] bool clix(Core& core, std::uint16_t length);
/// What becomes of a value for the status register. @param cycle in which it is written
[[nodiscard]] std::uint16_t write_status(Core& core, std::uint16_t value, std::uint64_t cycle);
/// The core begins to enter an interrupt's handler, which ends every section. GIE is then as it is
/// saved.
void begin_interrupt(Core& core);

} // namespace aion
} // namespace authex::sancus_emulator
