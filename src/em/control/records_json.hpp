#pragma once
// Records as JSON, as the store keeps them. Texts of modules may be no UTF-8: whoever dumps it says
// what becomes of them.

#include <nlohmann/json_fwd.hpp>

#include "em/control/records.hpp"

namespace authex::em {

[[nodiscard]] nlohmann::json to_json(const Deployment& deployment);
[[nodiscard]] nlohmann::json to_json(const Module& module);
[[nodiscard]] nlohmann::json to_json(const Route& route);
[[nodiscard]] nlohmann::json to_json(const Periodic& periodic);

/// @error store: a field is missing or has a wrong type
[[nodiscard]] Expected<Deployment> deployment_of(const nlohmann::json& json);
[[nodiscard]] Expected<Module> module_of(const nlohmann::json& json);
[[nodiscard]] Expected<Route> route_of(const nlohmann::json& json);
[[nodiscard]] Expected<Periodic> periodic_of(const nlohmann::json& json);

} // namespace authex::em
