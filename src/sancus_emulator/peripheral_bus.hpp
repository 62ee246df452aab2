#pragma once
// All devices of a machine, behind the addresses that they have.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "sancus_emulator/core.hpp"
#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

struct NamedDevice {
    std::string name;
    std::unique_ptr<Device> device;
};

/// Where no device is, reads give 0 and writes go nowhere.
class PeripheralBus : public Peripherals {
  public:
    /// @pre no two devices have one address
    explicit PeripheralBus(std::vector<NamedDevice> devices);

    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override;
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
    std::optional<std::uint64_t>
    first_request(std::uint64_t from, std::uint64_t end, std::uint16_t vectors) override;

    /// What read() would give after advance(cycle), without what reading does to a device.
    /// @param address even, below 0x0200
    [[nodiscard]] std::uint16_t peek(std::uint16_t address, std::uint64_t cycle);

    void reset(std::uint64_t cycle);
    void advance(std::uint64_t cycle);
    [[nodiscard]] std::uint64_t next_event() const;
    /// A bit for each vector that is requested by now.
    [[nodiscard]] std::uint16_t requests() const;
    /// Those that the core sees in a cycle, which an instruction that writes to a device in its
    /// last cycle does not change any more. @pre advance(cycle)
    [[nodiscard]] std::uint16_t requests(std::uint64_t cycle) const {
        return cycle < written_ ? before_write_ : requests();
    }
    void accepted(unsigned vector);
    [[nodiscard]] bool awaits_nmi() const;
    [[nodiscard]] bool wants_reset() const;

    /// The devices have the state of another time.
    void restored() { written_ = 0; }

    [[nodiscard]] std::vector<NamedDevice>& devices() { return devices_; }
    [[nodiscard]] const std::vector<NamedDevice>& devices() const { return devices_; }
    [[nodiscard]] Device* find(std::string_view name);

  private:
    std::vector<NamedDevice> devices_;
    std::array<Device*, MemoryMap::peripherals_end / 2> at_{};
    std::uint64_t written_ = 0;      ///< from when on the last write is seen
    std::uint16_t before_write_ = 0; ///< what was requested until then
};

} // namespace authex::sancus_emulator
