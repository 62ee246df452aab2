// The state for people and other programs.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/hex.hpp"
#include "deployer/state.hpp"
#include "descriptor/endpoints.hpp"
#include "descriptor/model.hpp"

namespace authex::deployer {
namespace {

nlohmann::json to_json(const EndRecord& end) {
    if (end.module.empty()) {
        return "direct";
    }
    return {{"module", end.module},
            {"endpoint", end.endpoint},
            {"id", end.id},
            {"incarnation", end.incarnation}};
}

nlohmann::json to_json(const NodeRecord& node) {
    return {{"name", node.name},
            {"address", node.address},
            {"tee", node.tee},
            {"node_id", node.node_id},
            {"evidence_key", to_hex(node.evidence_key)}};
}

nlohmann::json to_json(const ModuleRecord& module, bool with_secrets) {
    nlohmann::json endpoints = nlohmann::json::array();
    for (const descriptor::Endpoint& each : module.endpoints) {
        endpoints.push_back({{"name", each.name},
                             {"kind", std::string(descriptor::to_string(each.kind))},
                             {"id", each.id}});
    }
    nlohmann::json json{{"name", module.name},
                        {"node", module.node},
                        {"identity", to_hex(module.identity)},
                        {"image_sha256", to_hex(module.image_sha256)},
                        {"image_bytes", module.image_bytes},
                        {"terms", module.terms},
                        {"endpoints", endpoints},
                        {"attested_at_us", module.attested_at_us},
                        {"incarnation", module.incarnation},
                        {"process", module.process},
                        {"simulated", module.simulated},
                        {"disabled", module.disabled},
                        {"quarantined", module.quarantined},
                        {"on_node", module.on_node.empty() ? module.name : module.on_node},
                        {"instance_of", module.instance_of},
                        {"going", module.going},
                        {"given", nlohmann::json::array()}};
    for (const GivenValue& value : module.given) {
        json["given"].push_back({{"secret", value.secret}, {"name", value.name}});
    }
    if (with_secrets) {
        json["session"] = to_hex(module.session.view());
        json["state_key"] = to_hex(module.state_key.view());
    }
    return json;
}

nlohmann::json to_json(const ConnectionRecord& connection, bool with_secrets) {
    nlohmann::json json{{"id", connection.id},
                        {"name", connection.name},
                        {"from", to_json(connection.from)},
                        {"to", to_json(connection.to)},
                        {"encryption", std::string(descriptor::to_string(connection.algorithm))},
                        {"delivery", connection.lossy ? "lossy" : "ordered"},
                        {"deadline", connection.deadline},
                        {"within_us", connection.within_us},
                        {"request", connection.request},
                        {"epoch", connection.epoch},
                        {"turn", connection.turn},
                        {"complete", connection.complete},
                        {"next_counter", connection.next_counter},
                        {"window_open_since_us", connection.window_open_since_us}};
    if (with_secrets) {
        json["key"] = to_hex(connection.key.view());
        json["key_before"] = to_hex(connection.key_before.view());
        json["pending"] = to_hex(connection.pending);
    }
    return json;
}

nlohmann::json to_json(const PeriodicRecord& periodic) {
    return {{"name", periodic.name},
            {"node", periodic.node},
            {"module", periodic.module},
            {"entry", periodic.entry},
            {"every_us", periodic.every_us}};
}

} // namespace

std::string to_json(const State& state, bool with_secrets) {
    constexpr int indent = 2;
    nlohmann::json json{{"version", 1},
                        {"deployment", state.deployment()},
                        {"nodes", nlohmann::json::array()},
                        {"modules", nlohmann::json::array()},
                        {"connections", nlohmann::json::array()},
                        {"periodic", nlohmann::json::array()},
                        {"turned_secrets", state.turned()}};
    for (const auto& [name, node] : state.nodes()) {
        json["nodes"].push_back(to_json(node));
    }
    for (const auto& [name, module] : state.modules()) {
        json["modules"].push_back(to_json(module, with_secrets));
    }
    for (const auto& [id, connection] : state.connections()) {
        json["connections"].push_back(to_json(connection, with_secrets));
    }
    for (const auto& [name, periodic] : state.periodic()) {
        json["periodic"].push_back(to_json(periodic));
    }
    return json.dump(indent);
}

} // namespace authex::deployer
