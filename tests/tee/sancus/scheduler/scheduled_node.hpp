#pragma once
// The trusted scheduler with one driver and an adversary, on a core with bounded atomicity.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sancus_emulator/loader.hpp"
#include "sancus_emulator/machine.hpp"

namespace authex::test {

/// What an adversary may write: assembly, each part with its own labels.
struct Adversary {
    std::string name;
    std::string attack;    ///< unprotected code, at the label `attack`
    std::string fallback;  ///< and where it goes on after a violation; empty: at `attack`
    std::string enclaves;  ///< further text
    unsigned jobs = 1;     ///< that are registered, the driver last
    std::string prepare{}; ///< unprotected code before the driver is there
};

/// All of them. @param limit of sections, in cycles
std::vector<Adversary> adversaries(unsigned limit);

/// Requests vector 2, the last in rank, from the cycle it is told until it is answered. Beside it
/// a source that requests vector 7 while 1 stands in its register: at 0x00b0 and 0x00b2.
class Bell : public sancus_emulator::Device {
  public:
    void ring(std::uint64_t cycle) {
        rings_ = cycle;
        answered_.reset();
    }
    /// In which cycle its last ring was answered.
    [[nodiscard]] std::optional<std::uint64_t> answered() const { return answered_; }
    [[nodiscard]] bool has(std::uint16_t address) const override {
        return address == 0x00B0 || address == 0x00B2;
    }
    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override {
        advance(cycle);
        return address == 0x00B0 ? (rung_ ? 1 : 0) : storm_;
    }
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
    void reset(std::uint64_t cycle) override;
    void advance(std::uint64_t cycle) override;
    [[nodiscard]] std::uint64_t next_event() const override {
        return rung_ ? sancus_emulator::never : rings_;
    }
    [[nodiscard]] std::uint16_t requests() const override;
    void save(Writer& writer) const override;
    void load(Reader& reader) override;

  private:
    std::uint64_t rings_ = sancus_emulator::never;
    bool rung_ = false;
    std::optional<std::uint64_t> answered_;
    std::uint16_t storm_ = 0;
};

class ScheduledNode {
  public:
    /// Throws where it does not assemble. Up to the adversary's first instruction.
    ScheduledNode(const Adversary& adversary, std::uint16_t limit);

    [[nodiscard]] sancus_emulator::Machine& machine() { return *machine_; }
    [[nodiscard]] std::uint16_t at(const std::string& symbol) const;
    [[nodiscard]] std::uint16_t word(std::uint16_t address) const;
    void run(std::uint64_t cycles) { machine_->run(machine_->core().cycle + cycles); }
    /// The cycles from a bell that rings so many cycles from now to the first instruction of the
    /// driver's handler, or to the answer of one that had begun; nothing within `longest` cycles:
    /// none.
    [[nodiscard]] std::optional<std::uint64_t> latency(std::uint64_t from_now,
                                                       std::uint64_t longest);

  private:
    std::unique_ptr<sancus_emulator::Machine> machine_;
    Bell* bell_ = nullptr;
    sancus_emulator::Symbols symbols_;
};

} // namespace authex::test
