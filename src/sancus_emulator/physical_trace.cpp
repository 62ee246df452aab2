#include "sancus_emulator/physical_trace.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace authex::sancus_emulator {
namespace {

constexpr auto input = "input";
constexpr auto output = "output";

std::optional<PhysicalEvent> event_of(std::string_view line) {
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto text = [&](const char* key) {
        const auto found = json.find(key);
        return found != json.end() && found->is_string() ? std::optional(found->get<std::string>())
                                                         : std::nullopt;
    };
    if (!json.is_object() || json.size() != 4) {
        return std::nullopt;
    }
    const auto cycle = json.find("cycle");
    const auto direction = text("direction");
    const auto device = text("device");
    const auto value = text("value");
    if (cycle == json.end() || !cycle->is_number_unsigned() || !device || !value ||
        (direction != input && direction != output)) {
        return std::nullopt;
    }
    return PhysicalEvent{cycle->get<std::uint64_t>(), direction == output, *device, *value};
}

tl::unexpected<Diagnostic> unwritable(const std::string& file) {
    return failure("trace-unwritable",
                   fmt::format("{} cannot be written", file),
                   "is the folder there, the disk not full?");
}

} // namespace

std::string to_line(const PhysicalEvent& event) {
    const nlohmann::ordered_json json = {{"cycle", event.cycle},
                                         {"direction", event.output ? output : input},
                                         {"device", event.device},
                                         {"value", event.value}};
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Expected<std::deque<PhysicalEvent>> read_physical_trace(std::string_view text,
                                                        const std::string& file) {
    std::deque<PhysicalEvent> events;
    for (unsigned number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty()) {
            continue;
        }
        auto event = event_of(line);
        const bool falls = event && !events.empty() && event->cycle < events.back().cycle;
        if (!event || falls) {
            Diagnostic diagnostic =
                falls ? make_error("trace-malformed", "the cycle is before that of the line above")
                      : make_error("trace-malformed",
                                   "this is no event",
                                   R"(e.g. {"cycle":9,"direction":"input","device":"button0",)"
                                   R"("value":"pressed"})");
            diagnostic.where = {file, number, 1, 0};
            return tl::unexpected(std::move(diagnostic));
        }
        events.push_back(std::move(*event));
    }
    return events;
}

Expected<bool> PhysicalTrace::open(const std::string& file) {
    name_ = file;
    file_.open(file, std::ios::binary | std::ios::trunc);
    return file_ ? Expected<bool>(true) : unwritable(file);
}

void PhysicalTrace::happened(const PhysicalEvent& event) {
    if (file_.is_open()) {
        file_ << to_line(event) << '\n';
    }
    if (listener_) {
        listener_(event);
    }
}

Expected<bool> PhysicalTrace::flush() {
    if (file_.is_open() && !file_.flush()) {
        return unwritable(name_);
    }
    return true;
}

} // namespace authex::sancus_emulator
