#include "sancus_emulator/program/panel.hpp"

#include <sstream>

#include <fmt/format.h>

#include "descriptor/findings.hpp"

namespace authex::sancus_emulator {
namespace {

using Json = nlohmann::ordered_json;

const std::vector<std::string> commands = {"list",
                                           "show",
                                           "press",
                                           "release",
                                           "set",
                                           "status",
                                           "pause",
                                           "continue",
                                           "reset",
                                           "stop",
                                           "watch"};

bool names_device(const std::string& command) {
    return command == "show" || command == "press" || command == "release" || command == "set";
}

} // namespace

Json Panel::answer(std::string_view line) {
    std::istringstream words{std::string(line)};
    std::string command;
    std::string name;
    words >> command >> name;
    std::string value;
    std::getline(words >> std::ws, value);
    value.erase(value.find_last_not_of(" \t\r") + 1);
    const auto result = dispatch(command, name, value);
    if (!result) {
        return {{"ok", false}, {"error", to_json(result.error())}};
    }
    Json answer = {{"ok", true}};
    answer.update(*result);
    return answer;
}

Expected<Json>
Panel::dispatch(const std::string& command, const std::string& name, const std::string& value) {
    if (names_device(command)) {
        return on_device(command, name, value);
    }
    if (!name.empty()) {
        return failure("usage", fmt::format("«{}» takes no name", command));
    }
    if (command == "list" || command == "watch") {
        return devices();
    }
    if (command == "status") {
        return status();
    }
    if (command == "pause" || command == "continue") {
        paused_ = command == "pause";
        return Json::object();
    }
    if (command == "reset") {
        return on_device("press", "reset", {});
    }
    if (command == "stop") {
        stop_asked_ = true;
        return Json::object();
    }
    return failure("usage",
                   fmt::format("there is no command {}", descriptor::quote(command)),
                   descriptor::suggest(command, commands, "the commands are"));
}

Expected<Json>
Panel::on_device(const std::string& command, const std::string& name, const std::string& value) {
    Device* device = machine_.devices().find(name);
    if (device == nullptr) {
        std::vector<std::string> names;
        for (const NamedDevice& named : machine_.devices().devices()) {
            names.push_back(named.name);
        }
        return failure("device-unknown",
                       fmt::format("there is no device {}", descriptor::quote(name)),
                       descriptor::suggest(name, names, "the board has"));
    }
    if (command == "show") {
        return Json{{"name", name}, {"shown", device->shown()}};
    }
    const std::string wanted = command == "press"     ? "pressed"
                               : command == "release" ? "released"
                                                      : value;
    if (const auto taken = device->input(wanted, machine_.core().cycle); !taken) {
        return tl::unexpected(taken.error());
    }
    return Json::object();
}

Json Panel::devices() const {
    Json list = Json::array();
    for (const NamedDevice& named : machine_.devices().devices()) {
        list.push_back({{"name", named.name}, {"shown", named.device->shown()}});
    }
    return {{"devices", std::move(list)}};
}

Json Panel::status() const {
    const Core& core = machine_.core();
    Json modules = Json::array();
    for (const Enclave& enclave : core.enclaves.all()) {
        if (enclave.enabled) {
            modules.push_back({{"id", enclave.id},
                               {"name", symbols_.enclave_at(enclave.layout.text_start)},
                               {"text", {enclave.layout.text_start, enclave.layout.text_end}},
                               {"data", {enclave.layout.data_start, enclave.layout.data_end}}});
        }
    }
    return {{"cycle", core.cycle},
            {"pc", core.r[reg::pc]},
            {"symbol", symbols_.at(core.r[reg::pc])},
            {"asleep", (core.r[reg::sr] & sancus_emulator::status::cpu_off) != 0},
            {"paused", paused_},
            {"violations", watcher_.violations()},
            {"resets", watcher_.resets()},
            {"modules", std::move(modules)}};
}

std::optional<Stop> Panel::run(Machine& machine, std::uint64_t cycle) {
    return paused_ ? std::nullopt : std::optional(machine.run(cycle));
}

} // namespace authex::sancus_emulator
