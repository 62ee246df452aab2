#include "deployer/state_tables.hpp"

#include <nlohmann/json.hpp>

namespace authex::deployer::tables {

std::string text_of(const Endpoints& endpoints) {
    nlohmann::json list = nlohmann::json::array();
    for (const descriptor::Endpoint& each : endpoints) {
        list.push_back({each.name, static_cast<int>(each.kind), each.id});
    }
    return list.dump();
}

std::string text_of(const Given& given) {
    nlohmann::json list = nlohmann::json::array();
    for (const GivenValue& each : given) {
        list.push_back({each.secret, each.name, each.mac});
    }
    return list.dump();
}

Endpoints endpoints_of(const std::string& text) {
    Endpoints endpoints;
    const nlohmann::json list = nlohmann::json::parse(text, nullptr, false);
    for (const auto& each : list.is_array() ? list : nlohmann::json::array()) {
        if (each.is_array() && each.size() == 3 && each[0].is_string() && each[1].is_number() &&
            each[2].is_number()) {
            endpoints.push_back({.name = each[0].get<std::string>(),
                                 .kind = static_cast<descriptor::EndpointKind>(each[1].get<int>()),
                                 .id = each[2].get<std::uint16_t>()});
        }
    }
    return endpoints;
}

Given given_of(const std::string& text) {
    Given given;
    const nlohmann::json list = nlohmann::json::parse(text, nullptr, false);
    for (const auto& each : list.is_array() ? list : nlohmann::json::array()) {
        if (each.is_array() && each.size() == 3 && each[0].is_boolean() && each[1].is_string() &&
            each[2].is_array()) {
            GivenValue& value = given.emplace_back();
            value.secret = each[0].get<bool>();
            value.name = each[1].get<std::string>();
            for (const auto& byte : each[2]) {
                value.mac.push_back(byte.is_number_unsigned() ? byte.get<std::uint8_t>() : 0);
            }
        }
    }
    return given;
}

std::string text_of(const tee::StateLayout& layout) {
    nlohmann::json json{{"version", layout.version},
                        {"migrates", layout.migrates},
                        {"readable", layout.readable},
                        {"turns", layout.turns},
                        {"variables", nlohmann::json::array()}};
    for (const tee::StateVariable& each : layout.variables) {
        json["variables"].push_back({each.name, each.offset, each.bytes});
    }
    return json.dump();
}

tee::StateLayout layout_of(const std::string& text) {
    tee::StateLayout layout;
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) {
        return layout;
    }
    layout.version = json.value("version", 0U);
    layout.migrates = json.value("migrates", false);
    layout.readable = json.value("readable", false);
    layout.turns = json.value("turns", false);
    for (const auto& each : json.value("variables", nlohmann::json::array())) {
        if (each.is_array() && each.size() == 3 && each[0].is_string() && each[1].is_number() &&
            each[2].is_number()) {
            layout.variables.push_back({.name = each[0].get<std::string>(),
                                        .offset = each[1].get<std::uint32_t>(),
                                        .bytes = each[2].get<std::uint32_t>()});
        }
    }
    return layout;
}

} // namespace authex::deployer::tables
