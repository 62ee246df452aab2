#include "sancus_emulator/board.hpp"

#include <fmt/format.h>

#include "sancus_emulator/devices/core_buttons.hpp"
#include "sancus_emulator/devices/digits.hpp"
#include "sancus_emulator/devices/file_io.hpp"
#include "sancus_emulator/devices/lcd.hpp"
#include "sancus_emulator/devices/multiplier.hpp"
#include "sancus_emulator/devices/timer_a.hpp"
#include "sancus_emulator/devices/timestamp.hpp"
#include "sancus_emulator/devices/uart.hpp"
#include "sancus_emulator/devices/watchdog.hpp"

namespace authex::sancus_emulator {
namespace {

/// Makes the devices of a board one after the other.
class Maker {
  public:
    Maker(const Board& board, PhysicalWorld* world, const RandomSeed& seed)
        : world_(world), seed_(seed) {
        const std::uint32_t aclk_cycles = board.clock_hz / board.aclk_hz;
        auto watchdog = std::make_unique<Watchdog>(0, aclk_cycles);
        watchdog_ = watchdog.get();
        add("watchdog", std::move(watchdog));
        add("multiplier", std::make_unique<Multiplier>());
        add("timer", std::make_unique<TimerA>(aclk_cycles));
        auto gpio = std::make_unique<Gpio>();
        gpio_ = gpio.get();
        add("gpio", std::move(gpio));
        add("reset", std::make_unique<ResetButton>("reset", world));
    }

    void make(const DevicePart& part) {
        switch (part.kind) {
        case DeviceKind::uart:
            add_line(part,
                     std::make_unique<Uart>(UartSettings{part.name,
                                                         part.address,
                                                         part.receive_vector,
                                                         part.transmit_vector,
                                                         part.physical ? world_ : nullptr}));
            break;
        case DeviceKind::print_uart:
            add_line(part, std::make_unique<PrintUart>(part.address));
            break;
        case DeviceKind::file_io:
            add_line(part, std::make_unique<FileIo>(part.address));
            break;
        case DeviceKind::button:
            add(part.name,
                std::make_unique<Button>(part.name, *gpio_, part.pin, part.active_high, world_));
            break;
        case DeviceKind::led:
            add(part.name,
                std::make_unique<Led>(part.name, *gpio_, part.pin, part.active_high, world_));
            break;
        case DeviceKind::digits:
            add(part.name, std::make_unique<Digits>(part.name, part.address, world_));
            break;
        case DeviceKind::lcd:
            add(part.name, std::make_unique<Lcd>(part.name, part.address, world_));
            break;
        case DeviceKind::sensor:
            add(part.name,
                std::make_unique<Sensor>(SensorSettings{part.name,
                                                        part.address,
                                                        part.scale,
                                                        part.unit,
                                                        part.initial,
                                                        part.trace,
                                                        world_}));
            break;
        case DeviceKind::timestamp:
            add(part.name, std::make_unique<Timestamp>(part.address));
            break;
        case DeviceKind::random:
            add(part.name, std::make_unique<RandomNumber>(part.address, seed_));
            break;
        case DeviceKind::nmi:
            add(part.name, std::make_unique<NmiButton>(part.name, *watchdog_, world_));
            break;
        }
    }

    /// The name of the device that has an address of the newest one too.
    [[nodiscard]] const NamedDevice* clashing() const {
        const Device& newest = *made_.devices.back().device;
        for (std::uint16_t address = 0; address < MemoryMap::peripherals_end; address += 2) {
            if (!newest.has(address)) {
                continue;
            }
            for (const NamedDevice& other : made_.devices) {
                if (other.device.get() != &newest && other.device->has(address)) {
                    return &other;
                }
            }
        }
        return nullptr;
    }

    [[nodiscard]] BoardDevices take() { return std::move(made_); }

  private:
    void add(std::string name, std::unique_ptr<Device> device) {
        made_.devices.push_back({std::move(name), std::move(device)});
    }
    template <typename Line>
    void add_line(const DevicePart& part, std::unique_ptr<Line> device) {
        made_.ports.push_back({part.name, part.serial, device.get()});
        add(part.name, std::move(device));
    }

    PhysicalWorld* world_;
    RandomSeed seed_;
    Watchdog* watchdog_ = nullptr;
    Gpio* gpio_ = nullptr;
    BoardDevices made_;
};

} // namespace

Expected<BoardDevices>
make_devices(const Board& board, PhysicalWorld* world, const RandomSeed& seed) {
    Maker maker(board, world, seed);
    for (const DevicePart& part : board.devices) {
        maker.make(part);
        if (const NamedDevice* other = maker.clashing()) {
            Diagnostic diagnostic = make_error(
                "address-clash",
                fmt::format("device `{}` has an address that `{}` has too", part.name, other->name),
                "give one of them another address");
            diagnostic.where = part.where;
            return tl::unexpected(std::move(diagnostic));
        }
    }
    return maker.take();
}

} // namespace authex::sancus_emulator
