#pragma once
// What can be asked of a running emulator: a line in, an object of JSON out.
//
//   list                 {"ok":true,"devices":[{"name":"led0","shown":"on"},…]}
//   show NAME            {"ok":true,"name":"led0","shown":"on"}
//   press NAME, release NAME, set NAME VALUE        {"ok":true}
//   status               cycle, pc, symbol, paused, violations, resets, modules
//   pause, continue, reset, stop                    {"ok":true}
// What fails: {"ok":false,"error":{…}} with the members of a diagnostic.

#include <string_view>

#include <nlohmann/json.hpp>

#include "sancus_emulator/program/driver.hpp"
#include "sancus_emulator/program/watcher.hpp"
#include "sancus_emulator/symbols.hpp"

namespace authex::sancus_emulator {

/// Also drives the machine, since it can hold it.
class Panel : public Driver {
  public:
    /// All are borrowed.
    Panel(Machine& machine, const Symbols& symbols, const Watcher& watcher)
        : machine_(machine), symbols_(symbols), watcher_(watcher) {}

    [[nodiscard]] nlohmann::ordered_json answer(std::string_view line);
    /// Somebody has asked for the end.
    [[nodiscard]] bool stop_asked() const { return stop_asked_; }
    [[nodiscard]] bool paused() const { return paused_; }

    std::optional<Stop> run(Machine& machine, std::uint64_t cycle) override;

  private:
    [[nodiscard]] nlohmann::ordered_json devices() const;
    [[nodiscard]] nlohmann::ordered_json status() const;
    [[nodiscard]] Expected<nlohmann::ordered_json>
    dispatch(const std::string& command, const std::string& name, const std::string& value);
    [[nodiscard]] Expected<nlohmann::ordered_json>
    on_device(const std::string& command, const std::string& name, const std::string& value);

    Machine& machine_;
    const Symbols& symbols_;
    const Watcher& watcher_;
    bool paused_ = false;
    bool stop_asked_ = false;
};

} // namespace authex::sancus_emulator
