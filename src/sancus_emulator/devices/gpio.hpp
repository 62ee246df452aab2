#pragma once
// Ports P1 to P6 (openMSP430, core/rtl/verilog/periph/omsp_gpio.v), and the buttons and LEDs on
// their pins.
//
//   port  IN OUT DIR IFG IES IE SEL   (byte addresses in hexadecimal)
//   P1    20 21  22  23  24  25 26    interrupt vector 2
//   P2    28 29  2a  2b  2c  2d 2e    interrupt vector 3
//   P3    18 19  1a  –   –   –  1b
//   P4    1c 1d  1e  –   –   –  1f
//   P5    30 31  32  –   –   –  33
//   P6    34 35  36  –   –   –  37
//
// IN reads the level that is put on a pin from outside, 0 where nothing is. An edge of it, rising
// where IES is 0, falling where it is 1, sets IFG, which stays until it is written.

#include <array>
#include <string>
#include <vector>

#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

struct Pin {
    unsigned port = 1; ///< 1 to 6
    unsigned bit = 0;  ///< 0 to 7
    friend bool operator==(const Pin&, const Pin&) = default;
};

/// Is told when what drives a pin may have changed.
class PinListener {
  public:
    virtual ~PinListener() = default;
    virtual void pin_changed(std::uint64_t cycle) = 0;
};

class Gpio : public Device {
  public:
    static constexpr unsigned ports = 6;

    [[nodiscard]] bool has(std::uint16_t address) const override;
    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override;
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
    void reset(std::uint64_t cycle) override;
    [[nodiscard]] std::uint16_t requests() const override;
    void save(Writer& writer) const override;
    void load(Reader& reader) override;

    /// Puts a level on a pin from outside.
    void set_level(Pin pin, bool high);
    /// Whether the program drives the pin, and with this level.
    [[nodiscard]] bool drives(Pin pin, bool high) const;
    /// @param listener borrowed, for the life of this device
    void listen(PinListener& listener) { listeners_.push_back(&listener); }

  private:
    enum Register : std::uint8_t { in, out, dir, ifg, ies, ie, sel, registers };
    using Port = std::array<std::uint8_t, registers>;

    [[nodiscard]] std::uint8_t* at(std::uint16_t address);

    std::array<Port, ports> ports_{};
    std::vector<PinListener*> listeners_;
};

/// What has no registers of its own.
class Unaddressed : public Device {
  public:
    [[nodiscard]] bool has(std::uint16_t address) const override;
    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override;
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
};

/// What hangs on a pin of a port.
class OnPin : public Unaddressed {
  public:
    /// @param gpio and world are borrowed; world may be nullptr
    OnPin(std::string name, Gpio& gpio, Pin pin, bool active_high, PhysicalWorld* world)
        : name_(std::move(name)), gpio_(gpio), pin_(pin), active_high_(active_high), world_(world) {
    }

    void reset(std::uint64_t cycle) override { (void)cycle; }
    void save(Writer& writer) const override { writer.u8(active_ ? 1 : 0); }
    void load(Reader& reader) override { active_ = reader.u8() != 0; }

  protected:
    void tell(bool output, std::uint64_t cycle) const;

    std::string name_;
    Gpio& gpio_;
    Pin pin_;
    bool active_high_;
    PhysicalWorld* world_;
    bool active_ = false; ///< pressed, or on
};

/// Input: pressed | released.
class Button : public OnPin {
  public:
    Button(std::string name, Gpio& gpio, Pin pin, bool active_high, PhysicalWorld* world);

    Expected<bool> input(std::string_view value, std::uint64_t cycle) override;
    [[nodiscard]] std::string shown() const override { return active_ ? "pressed" : "released"; }
};

/// Shows: on | off.
class Led : public OnPin, private PinListener {
  public:
    Led(std::string name, Gpio& gpio, Pin pin, bool active_high, PhysicalWorld* world);
    ~Led() override = default;
    Led(const Led&) = delete;
    Led& operator=(const Led&) = delete;

    [[nodiscard]] std::string shown() const override { return active_ ? "on" : "off"; }

  private:
    void pin_changed(std::uint64_t cycle) override;
};

} // namespace authex::sancus_emulator
