#pragma once
// Sees the machine run: reports violations and resets, and writes the instruction trace.
//
// A line of the trace is `CYCLE ADDRESS WORDS INSTRUCTION SYMBOL` before an instruction, `CYCLE irq
// VECTOR` where an interrupt is taken, `CYCLE violation TEXT`, or `CYCLE reset`.

#include <fstream>

#include "sancus_emulator/machine.hpp"
#include "sancus_emulator/program/reporter.hpp"
#include "sancus_emulator/symbols.hpp"

namespace authex::sancus_emulator {

class Watcher : public Observer {
  public:
    /// All are borrowed.
    Watcher(const Symbols& symbols, const Reporter& reporter, bool stop_on_violation)
        : symbols_(symbols), reporter_(reporter), stop_on_violation_(stop_on_violation) {}

    /// @error trace-unwritable
    Expected<bool> write_trace(const std::string& file);
    /// @error trace-unwritable: not all of it could be written
    Expected<bool> flush();

    void instruction(const Core& core) override;
    void interrupt(const Core& core, unsigned vector) override;
    void violated(const Core& core, const Violation& violation) override;
    void was_reset(const Core& core) override;
    [[nodiscard]] bool wants_instructions() const override { return trace_.is_open(); }
    [[nodiscard]] bool wants_stop() const override {
        return stop_on_violation_ && violations_ != 0;
    }

    [[nodiscard]] std::uint64_t violations() const { return violations_; }
    [[nodiscard]] std::uint64_t resets() const { return resets_; }

  private:
    const Symbols& symbols_;
    const Reporter& reporter_;
    bool stop_on_violation_;
    std::uint64_t violations_ = 0;
    std::uint64_t resets_ = 0;
    std::string trace_name_;
    std::ofstream trace_;
};

} // namespace authex::sancus_emulator
