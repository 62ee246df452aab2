#pragma once
// An emulated board `default`, on which a test does by hand what a node's firmware does: it places
// and protects modules, and calls them.

#include <memory>
#include <string>
#include <vector>

#include "sancus_emulator/board.hpp"
#include "sancus_emulator/guest.hpp"
#include "support/frames.hpp"
#include "tee/sancus/image.hpp"

namespace authex::test {

constexpr tee::sancus::Key node_key = {
    0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0xba, 0xbe, 0xc0, 0xde, 0xfe, 0xed, 0xde, 0xfe, 0xc8, 0xed};
constexpr std::uint16_t vendor_id = 0x1234;

/// The registers of a call into a module, and of its return.
struct ModuleCall {
    std::uint16_t operation = 0;
    std::uint16_t in = 0x3000;
    std::uint16_t in_bytes = 0;
    std::uint16_t out = 0x3400;
    std::uint16_t out_bytes = 1400;
    std::uint16_t go_on = 0; ///< 0: where the node waits
};

class SancusNode : public sancus_emulator::PhysicalWorld {
  public:
    SancusNode();

    /// Writes text and gate, zeroes the data, or fills them with `data`, and protects the module.
    /// @return its number; 0: refused
    std::uint16_t load(const tee::sancus::SancusImage& image,
                       const tee::sancus::Placement& placement,
                       const Octets& data = {});
    /// Protects what lies there. @return its number; 0: refused
    std::uint16_t protect(std::uint16_t text,
                          std::uint16_t text_bytes,
                          std::uint16_t data,
                          std::uint16_t data_end);
    /// The number that the next protected module will get.
    [[nodiscard]] std::uint16_t next_id() const { return next_id_; }
    /// Points the vector at the module.
    void bind(unsigned vector, std::uint16_t address);

    /// Calls a module. @return whether it came back
    bool call(std::uint16_t entry, const ModuleCall& call = {});
    /// The same with frames, and a non-maskable interrupt after so many cycles, whose handler ends
    /// the call. @return whether it struck before the call came back
    bool strike(std::uint16_t entry, const Octets& frames, std::uint64_t cycles);
    /// Gives frames, and takes what comes.
    std::vector<Frame> give(std::uint16_t entry, const Octets& frames = {});
    /// Runs on in unprotected code that waits, with interrupts enabled, and until a handler that
    /// has begun meanwhile comes to its end.
    void idle(std::uint64_t cycles);
    /// Requests interrupt 9 in this period, in cycles.
    void ring_timer_every(std::uint16_t period);
    void stop_timer() { device_write(timer_control, 0); }
    /// Where that code has its stack.
    void set_stack(std::uint16_t address) { machine->core().r[1] = address; }
    void reset();

    [[nodiscard]] std::uint16_t word(std::uint16_t address) const {
        return machine->core().memory.word(address);
    }
    [[nodiscard]] std::uint16_t reg(unsigned number) const { return machine->core().r[number]; }
    /// A device's input, and what it shows.
    void input(const std::string& device, const std::string& value);
    [[nodiscard]] std::string shown(const std::string& device);

    void happened(const sancus_emulator::PhysicalEvent& event) override {
        physical.push_back(event);
    }

    std::vector<sancus_emulator::PhysicalEvent> physical;
    std::unique_ptr<sancus_emulator::Machine> machine;
    sancus_emulator::test::Witness witness;
    std::uint64_t cycles_of_call = 0;
    /// load() changes these bits of one byte of a gate.
    std::uint16_t spoiled_at = 0;
    std::uint8_t spoiled_bits = 0;

  private:
    static constexpr std::uint16_t timer_control = 0x0160;
    void set_registers(std::uint16_t entry, const ModuleCall& call);
    void device_write(std::uint16_t address, std::uint16_t value);
    bool run_from(std::uint16_t address, std::uint16_t until);

    const sancus_emulator::test::Program& program_;
    std::uint16_t next_id_ = 1;
};

} // namespace authex::test
