#include "sancus_emulator/devices/sensor.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "sancus_emulator/text.hpp"

namespace authex::sancus_emulator {
namespace {

constexpr std::string_view header_cycles = "cycle,value";
constexpr std::string_view header_seconds = "seconds,value";

tl::unexpected<Diagnostic> wrong(const std::string& file, unsigned line, std::string summary) {
    Diagnostic diagnostic = make_error("sensor-trace", std::move(summary));
    diagnostic.where = {file, line, 1, 0};
    return tl::unexpected(std::move(diagnostic));
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

std::optional<SensorPoint> point_of(std::string_view line, double cycles_in_unit) {
    constexpr double latest = 9.0e15; // whole numbers up to here are exact
    const std::size_t comma = line.find(',');
    if (comma == std::string_view::npos) {
        return std::nullopt;
    }
    const auto time = decimal_of(trimmed(line.substr(0, comma)));
    const auto value = decimal_of(trimmed(line.substr(comma + 1)));
    if (!time || !value || *time < 0 || *time * cycles_in_unit > latest) {
        return std::nullopt;
    }
    return SensorPoint{static_cast<std::uint64_t>(std::llround(*time * cycles_in_unit)), *value};
}

} // namespace

Expected<SensorTrace>
read_sensor_trace(std::string_view text, const std::string& file, std::uint64_t hz) {
    SensorTrace trace;
    double cycles_in_unit = 0;
    for (unsigned number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == '#') {
            continue;
        }
        if (cycles_in_unit == 0) {
            if (line != header_cycles && line != header_seconds) {
                return wrong(
                    file, number, "the first line is «cycle,value» or «seconds,value», not this");
            }
            cycles_in_unit = line == header_cycles ? 1 : static_cast<double>(hz);
            continue;
        }
        const auto point = point_of(line, cycles_in_unit);
        if (!point) {
            return wrong(file, number, "a line is a time and a value, as in «1.5,21.0»");
        }
        if (!trace.empty() && point->cycle <= trace.back().cycle) {
            return wrong(file, number, "times rise from line to line");
        }
        trace.push_back(*point);
    }
    if (trace.empty()) {
        return wrong(file, 0, "there is no value in it");
    }
    return trace;
}

Sensor::Sensor(SensorSettings settings)
    : settings_(std::move(settings)), value_(settings_.initial) {}

std::uint16_t Sensor::read(std::uint16_t address, std::uint64_t cycle) {
    (void)address;
    advance(cycle);
    const double scaled = std::clamp(std::round(value_ * settings_.scale), -32768.0, 32767.0);
    return static_cast<std::uint16_t>(static_cast<std::int16_t>(scaled));
}

void Sensor::write(std::uint16_t address,
                   std::uint16_t value,
                   std::uint16_t mask,
                   std::uint64_t cycle) {
    (void)address;
    (void)value;
    (void)mask;
    (void)cycle;
}

void Sensor::advance(std::uint64_t cycle) {
    for (; next_event() <= cycle; ++next_point_) {
        measure(settings_.trace[next_point_].value, settings_.trace[next_point_].cycle);
    }
}

std::uint64_t Sensor::next_event() const {
    return next_point_ < settings_.trace.size() ? settings_.trace[next_point_].cycle : never;
}

void Sensor::measure(double value, std::uint64_t cycle) {
    if (value == value_) {
        return;
    }
    value_ = value;
    if (settings_.world != nullptr) {
        settings_.world->happened({cycle, false, settings_.name, fmt::format("{}", value_)});
    }
}

Expected<bool> Sensor::input(std::string_view value, std::uint64_t cycle) {
    const auto number = decimal_of(value);
    if (!number) {
        return failure("input-unknown", "a sensor is set to a number", "e.g. «21.5»");
    }
    measure(*number, cycle);
    return true;
}

std::string Sensor::shown() const {
    const std::string number = fmt::format("{}", value_);
    return settings_.unit.empty() ? number : number + " " + settings_.unit;
}

void Sensor::save(Writer& writer) const {
    writer.u64(std::bit_cast<std::uint64_t>(value_)).u32(static_cast<std::uint32_t>(next_point_));
}

void Sensor::load(Reader& reader) {
    const auto value = std::bit_cast<double>(reader.u64());
    value_ = std::isfinite(value) ? value : 0;
    next_point_ = reader.u32();
}

} // namespace authex::sancus_emulator
