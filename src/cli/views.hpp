#pragma once
// How results look: for people and, from the same objects, as JSON.       (DESIGN "CLI contract":
// `status --json`)

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/diagnostic.hpp"
#include "cli/terminal.hpp"
#include "deployer/application.hpp"
#include "deployer/doctor.hpp"

namespace authex::cli {

/// With an excerpt of the source line and a caret where the place is known and the file can be
/// read.
[[nodiscard]] std::string diagnostic_text(const Diagnostic& diagnostic, const Terminal& terminal);
[[nodiscard]] nlohmann::json diagnostics_json(const std::vector<Diagnostic>& diagnostics);

[[nodiscard]] std::string modules_text(const std::vector<deployer::BuiltModule>& modules,
                                       const Terminal& terminal);
[[nodiscard]] nlohmann::json modules_json(const std::vector<deployer::BuiltModule>& modules);

/// Imperative: what would be done.
[[nodiscard]] std::string plan_text(const deployer::Plan& plan, const Terminal& terminal);
[[nodiscard]] nlohmann::json plan_json(const deployer::Plan& plan);

[[nodiscard]] std::string
status_text(const deployer::Status& status, bool verbose, const Terminal& terminal);
[[nodiscard]] nlohmann::json status_json(const deployer::Status& status);

/// All that was checked of one module, and what follows from it.
[[nodiscard]] std::string attestation_text(const deployer::Attestation& attestation,
                                           const Terminal& terminal);
[[nodiscard]] nlohmann::json attestations_json(const std::vector<deployer::Attestation>& list);

/// A line for each, by area; what is to be done below it; then how many of each kind.
[[nodiscard]] std::string examined_text(const std::vector<deployer::Examined>& all,
                                        const Terminal& terminal);
[[nodiscard]] nlohmann::json examined_json(const std::vector<deployer::Examined>& all);

[[nodiscard]] std::string log_text(const deployer::LogEntry& entry, const Terminal& terminal);
[[nodiscard]] nlohmann::json log_json(const deployer::LogEntry& entry);

/// RFC 3339, UTC, milliseconds.
[[nodiscard]] std::string time_text(std::chrono::system_clock::time_point time);

} // namespace authex::cli
