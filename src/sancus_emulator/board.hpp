#pragma once
// What a machine is made of, as a board file describes it (docs/sancus-emulator.md), and the
// machine's parts made from that.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sancus_emulator/devices/gpio.hpp"
#include "sancus_emulator/devices/random_number.hpp"
#include "sancus_emulator/devices/sensor.hpp"
#include "sancus_emulator/devices/serial.hpp"
#include "sancus_emulator/machine.hpp"

namespace authex::sancus_emulator {

enum class DeviceKind : std::uint8_t {
    uart,
    print_uart,
    file_io,
    button,
    led,
    digits,
    lcd,
    sensor,
    timestamp,
    random,
    nmi,
};

/// One device of the file. What its kind does not have keeps its default.
struct DevicePart {
    std::string name;
    DeviceKind kind = DeviceKind::uart;
    SourceRange where;
    std::uint16_t address = 0;
    std::optional<unsigned> receive_vector;
    std::optional<unsigned> transmit_vector;
    std::string serial = "none"; ///< the end that a line has unless another is asked for
    bool physical = false;       ///< a UART's bytes are physical events
    Pin pin;
    bool active_high = true;
    double scale = 1;
    double initial = 0;
    std::string unit;
    SensorTrace trace;
};

struct Board {
    std::string file;
    Configuration configuration;
    std::uint32_t clock_hz = 8'000'000;
    std::uint32_t aclk_hz = 32'768;
    std::vector<DevicePart> devices;
};

/// Reads a board file. Each finding has its place in the file.
/// @param folder where the files lie that it names
tl::expected<Board, std::vector<Diagnostic>>
parse_board(std::string_view text, const std::string& file, const std::filesystem::path& folder);

/// The board of that name that is built in, else the one in the file of that name.
tl::expected<Board, std::vector<Diagnostic>> open_board(const std::string& name);

struct BuiltInBoard {
    std::string_view name;
    std::string_view text;
};
const std::vector<BuiltInBoard>& built_in_boards();

/// A device with a line, inside BoardDevices.
struct NamedPort {
    std::string name;
    std::string end; ///< DevicePart::serial
    SerialPort* port = nullptr;
};

struct BoardDevices {
    std::vector<NamedDevice> devices; ///< those that every core has come first
    std::vector<NamedPort> ports;
};

/// @param world may be nullptr; borrowed for the life of the devices
/// @error address-clash, where the second device stands in the file
Expected<BoardDevices>
make_devices(const Board& board, PhysicalWorld* world, const RandomSeed& seed);

} // namespace authex::sancus_emulator
