#pragma once
// Programs for the emulated microcontroller, assembled in the test, and a machine to run them on.

#include <map>
#include <memory>
#include <string>

#include "sancus_emulator/reference_board.hpp"
#include "support/temporary_folder.hpp"

namespace authex::sancus_emulator::test {

/// A program that is linked at `origin`. Labels can be asked for. Throws where it does not
/// assemble.
class Program {
  public:
    explicit Program(const std::string& text, std::uint16_t origin = 0x4000);

    [[nodiscard]] ByteView bytes() const { return bytes_; }
    [[nodiscard]] std::uint16_t origin() const { return origin_; }
    /// The linked file, with its symbols.
    [[nodiscard]] std::string elf() const;
    [[nodiscard]] std::uint16_t label(const std::string& name) const;

  private:
    std::uint16_t origin_;
    std::vector<std::uint8_t> bytes_;
    std::map<std::string, std::uint16_t> labels_;
    std::shared_ptr<authex::test::TemporaryFolder> folder_;
};

/// Remembers what happened.
class Witness : public Observer {
  public:
    void interrupt(const Core& core, unsigned vector) override {
        interrupts.push_back(vector);
        interrupted_at.push_back(core.r[reg::pc]);
        interrupted_cycles.push_back(core.cycle);
    }
    void violated(const Core& core, const Violation& violation) override {
        (void)core;
        violations.push_back(violation);
    }
    void was_reset(const Core& core) override {
        (void)core;
        ++resets;
    }

    std::vector<unsigned> interrupts;
    std::vector<std::uint16_t> interrupted_at;
    std::vector<std::uint64_t> interrupted_cycles;
    std::vector<Violation> violations;
    unsigned resets = 0;
};

/// The reference board with a program, before its first instruction.
class Guest {
  public:
    explicit Guest(const Program& program,
                   const Configuration& configuration = reference_configuration());

    /// Until the program ends, which it must within the cycles.
    void run_to_end(std::uint64_t cycles = 10'000'000);
    [[nodiscard]] std::uint16_t word(std::uint16_t address) const {
        return machine.core().memory.word(address);
    }

    Machine machine;
    Witness witness;
};

/// Assembly that makes an enclave: text `name`_start to `name`_end, the data given.
std::string
protect(const std::string& name, unsigned data_start, unsigned data_end, unsigned vendor = 0x1234);

/// Stops the watchdog, sets the stack pointer to 0x2800.
extern const char* const prologue;
/// Ends the program.
extern const char* const end;

} // namespace authex::sancus_emulator::test
