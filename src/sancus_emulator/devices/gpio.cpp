#include "sancus_emulator/devices/gpio.hpp"

#include "sancus_emulator/registers.hpp"

namespace authex::sancus_emulator {
namespace {

constexpr std::uint16_t first_address = 0x18;
constexpr std::uint16_t end_address = 0x38;

constexpr std::uint8_t mask_of(Pin pin) {
    return static_cast<std::uint8_t>(1U << pin.bit);
}

} // namespace

std::uint8_t* Gpio::at(std::uint16_t address) {
    constexpr std::array<std::uint16_t, ports> bases = {0x20, 0x28, 0x18, 0x1C, 0x30, 0x34};
    constexpr std::array<Register, 4> short_port = {in, out, dir, sel};
    for (std::size_t port = 0; port < ports; ++port) {
        const unsigned offset = static_cast<unsigned>(address) - bases.at(port);
        const bool has_interrupts = port < 2;
        if (address < bases.at(port) || offset >= (has_interrupts ? registers : 4U)) {
            continue;
        }
        return &ports_.at(port).at(has_interrupts ? offset : short_port.at(offset));
    }
    return nullptr;
}

bool Gpio::has(std::uint16_t address) const {
    return address >= first_address && address < end_address;
}

std::uint16_t Gpio::read(std::uint16_t address, std::uint64_t cycle) {
    (void)cycle;
    const std::uint8_t* low = at(address);
    const std::uint8_t* high = at(address + 1U);
    return static_cast<std::uint16_t>((low != nullptr ? *low : 0U) | (high != nullptr ? *high : 0U)
                                                                         << 8U);
}

void Gpio::write(std::uint16_t address,
                 std::uint16_t value,
                 std::uint16_t mask,
                 std::uint64_t cycle) {
    for (unsigned half = 0; half < 2; ++half) {
        std::uint8_t* target = at(static_cast<std::uint16_t>(address + half));
        bool is_input = false;
        for (const Port& port : ports_) {
            is_input = is_input || target == &port[in];
        }
        if (target != nullptr && !is_input && (mask >> (8 * half) & 0xFFU) != 0) {
            *target = static_cast<std::uint8_t>(value >> (8 * half));
        }
    }
    for (PinListener* listener : listeners_) {
        listener->pin_changed(cycle);
    }
}

void Gpio::reset(std::uint64_t cycle) {
    for (Port& port : ports_) {
        const std::uint8_t levels = port[in];
        port.fill(0);
        port[in] = levels;
    }
    for (PinListener* listener : listeners_) {
        listener->pin_changed(cycle);
    }
}

std::uint16_t Gpio::requests() const {
    const auto wanted = [this](std::size_t port) {
        return (ports_.at(port)[ifg] & ports_.at(port)[ie]) != 0;
    };
    return static_cast<std::uint16_t>((wanted(0) ? 1U << vector::port1 : 0U) |
                                      (wanted(1) ? 1U << vector::port2 : 0U));
}

void Gpio::set_level(Pin pin, bool high) {
    Port& port = ports_.at(pin.port - 1);
    const std::uint8_t bit = mask_of(pin);
    const bool was_high = (port[in] & bit) != 0;
    port[in] = static_cast<std::uint8_t>(high ? port[in] | bit : port[in] & ~bit);
    const bool falling_counts = (port[ies] & bit) != 0;
    if (high != was_high && high != falling_counts) {
        port[ifg] |= bit;
    }
}

bool Gpio::drives(Pin pin, bool high) const {
    const Port& port = ports_.at(pin.port - 1);
    const std::uint8_t bit = mask_of(pin);
    return (port[dir] & bit) != 0 && (port[sel] & bit) == 0 && ((port[out] & bit) != 0) == high;
}

void Gpio::save(Writer& writer) const {
    for (const Port& port : ports_) {
        writer.bytes(port);
    }
}

void Gpio::load(Reader& reader) {
    for (Port& port : ports_) {
        for (std::uint8_t& byte : port) {
            byte = reader.u8();
        }
    }
}

bool Unaddressed::has(std::uint16_t address) const {
    (void)address;
    return false;
}

std::uint16_t Unaddressed::read(std::uint16_t address, std::uint64_t cycle) {
    (void)address;
    (void)cycle;
    return 0;
}

void Unaddressed::write(std::uint16_t address,
                        std::uint16_t value,
                        std::uint16_t mask,
                        std::uint64_t cycle) {
    (void)address;
    (void)value;
    (void)mask;
    (void)cycle;
}

void OnPin::tell(bool output, std::uint64_t cycle) const {
    if (world_ != nullptr) {
        world_->happened({cycle, output, name_, shown()});
    }
}

Button::Button(std::string name, Gpio& gpio, Pin pin, bool active_high, PhysicalWorld* world)
    : OnPin(std::move(name), gpio, pin, active_high, world) {
    gpio_.set_level(pin_, !active_high_);
}

Expected<bool> Button::input(std::string_view value, std::uint64_t cycle) {
    if (value != "pressed" && value != "released") {
        return failure("input-unknown", "a button is «pressed» or «released»");
    }
    const bool pressed = value == "pressed";
    if (pressed != active_) {
        active_ = pressed;
        tell(false, cycle);
        gpio_.set_level(pin_, pressed == active_high_);
    }
    return true;
}

Led::Led(std::string name, Gpio& gpio, Pin pin, bool active_high, PhysicalWorld* world)
    : OnPin(std::move(name), gpio, pin, active_high, world) {
    gpio_.listen(*this);
}

void Led::pin_changed(std::uint64_t cycle) {
    const bool on = gpio_.drives(pin_, active_high_);
    if (on != active_) {
        active_ = on;
        tell(true, cycle);
    }
}

} // namespace authex::sancus_emulator
