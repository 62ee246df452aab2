#pragma once
// An analogue sensor: what it measures is set from outside, or follows a trace.
//
//   +0 VALUE (word, read only) the value times the sensor's scale, rounded, as a signed number;
//            what does not fit is −32768 or 32767

#include <string>
#include <vector>

#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

/// From `cycle` on it measures `value`.
struct SensorPoint {
    std::uint64_t cycle = 0;
    double value = 0;
};
using SensorTrace = std::vector<SensorPoint>; ///< cycles rise

/// A trace as CSV: the first line is `cycle,value` or `seconds,value`, each other line a time and
/// a value. Times rise. Lines that are empty or begin with # are passed over.
/// @param hz cycles in a second. @error sensor-trace, with the line
Expected<SensorTrace>
read_sensor_trace(std::string_view text, const std::string& file, std::uint64_t hz);

struct SensorSettings {
    std::string name;
    std::uint16_t base = 0x01A8; ///< even
    double scale = 1;
    std::string unit;
    double initial = 0;
    SensorTrace trace;
    PhysicalWorld* world = nullptr; ///< borrowed
};

/// Input: a number, which holds until the trace says another.
class Sensor : public Device {
  public:
    explicit Sensor(SensorSettings settings);

    [[nodiscard]] bool has(std::uint16_t address) const override {
        return address == settings_.base;
    }
    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override;
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
    void reset(std::uint64_t cycle) override { (void)cycle; }
    void advance(std::uint64_t cycle) override;
    [[nodiscard]] std::uint64_t next_event() const override;
    Expected<bool> input(std::string_view value, std::uint64_t cycle) override;
    /// The value and its unit.
    [[nodiscard]] std::string shown() const override;
    void save(Writer& writer) const override;
    void load(Reader& reader) override;

  private:
    void measure(double value, std::uint64_t cycle);

    SensorSettings settings_;
    double value_;
    std::size_t next_point_ = 0;
};

} // namespace authex::sancus_emulator
