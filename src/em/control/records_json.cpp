#include "em/control/records_json.hpp"

#include <limits>

#include <nlohmann/json.hpp>

#include "base/hex.hpp"

namespace authex::em {
namespace {

using nlohmann::json;

/// Reads the fields of one object; the first that is wrong is remembered.
class Fields {
  public:
    explicit Fields(const json& object) : object_(object) {
        if (!object.is_object()) {
            wrong_ = "it is no object";
        }
    }

    std::string text(const char* key) {
        const json* value = find(key);
        if (value == nullptr || !value->is_string()) {
            return note(key), std::string();
        }
        return value->get<std::string>();
    }
    bool flag(const char* key) {
        const json* value = find(key);
        if (value == nullptr || !value->is_boolean()) {
            return note(key), false;
        }
        return value->get<bool>();
    }
    /// False in records of managers that did not know it.
    bool flag_if_there(const char* key) { return object_.contains(key) && flag(key); }
    template <typename Number>
    Number number(const char* key) {
        const json* value = find(key);
        if (value == nullptr || !value->is_number_unsigned() ||
            value->get<std::uint64_t>() > std::numeric_limits<Number>::max()) {
            return note(key), Number{};
        }
        return value->get<Number>();
    }
    std::vector<std::string> texts(const char* key) {
        const json* value = find(key);
        std::vector<std::string> texts;
        if (value == nullptr || !value->is_array()) {
            return note(key), texts;
        }
        for (const json& each : *value) {
            if (!each.is_string()) {
                return note(key), texts;
            }
            texts.push_back(each.get<std::string>());
        }
        return texts;
    }
    void note(const char* key) {
        if (wrong_.empty()) {
            wrong_ = std::string("field \"") + key + "\"";
        }
    }
    template <typename Record>
    Expected<Record> result(Record record) const {
        if (!wrong_.empty()) {
            return failure("store",
                           "a record in the state directory is damaged: " + wrong_,
                           "move the state directory away; modules must then be deployed anew");
        }
        return record;
    }

  private:
    const json* find(const char* key) const {
        const auto found = object_.is_object() ? object_.find(key) : object_.end();
        return found == object_.end() ? nullptr : &*found;
    }
    const json& object_;
    std::string wrong_;
};

int digit_value(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

tee::Sha256 digest(Fields& fields, const char* key) {
    const std::string text = fields.text(key);
    tee::Sha256 digest{};
    if (text.size() != 2 * digest.size()) {
        return fields.note(key), digest;
    }
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const int high = digit_value(text[2 * i]);
        const int low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return fields.note(key), digest;
        }
        digest[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return digest;
}

} // namespace

json to_json(const Deployment& deployment) {
    return {{"id", deployment.id},
            {"owner", deployment.owner},
            {"application", deployment.application},
            {"released", deployment.released}};
}

Expected<Deployment> deployment_of(const json& object) {
    Fields fields(object);
    return fields.result(Deployment{.id = fields.number<std::uint16_t>("id"),
                                    .owner = fields.text("owner"),
                                    .application = fields.text("application"),
                                    .released = fields.flag("released")});
}

json to_json(const Module& module) {
    return {{"deployment", module.spec.deployment},
            {"name", module.spec.name},
            {"image_sha256", to_hex(module.spec.image_sha256)},
            {"image_bytes", module.image_bytes},
            {"stack_bytes", module.spec.stack_bytes},
            {"devices", module.spec.devices},
            {"keeps_state", module.spec.keeps_state},
            {"state", static_cast<unsigned>(module.state)},
            {"failure", module.failure},
            {"last_lines", module.last_lines},
            {"started_at_us", module.started_at_us},
            {"instance", module.instance}};
}

Expected<Module> module_of(const json& object) {
    Fields fields(object);
    Module module{.spec = {.name = fields.text("name"),
                           .deployment = fields.number<std::uint16_t>("deployment"),
                           .image_sha256 = digest(fields, "image_sha256"),
                           .stack_bytes = fields.number<std::uint32_t>("stack_bytes"),
                           .devices = fields.texts("devices"),
                           .keeps_state = fields.flag_if_there("keeps_state")},
                  .image_bytes = fields.number<std::uint64_t>("image_bytes"),
                  .state = ModuleState::absent,
                  .failure = fields.text("failure"),
                  .last_lines = fields.texts("last_lines"),
                  .started_at_us = fields.number<std::uint64_t>("started_at_us"),
                  .instance = fields.number<std::uint32_t>("instance")};
    const auto state = fields.number<std::uint8_t>("state");
    if (state > static_cast<std::uint8_t>(ModuleState::failed)) {
        fields.note("state");
    } else {
        module.state = static_cast<ModuleState>(state);
    }
    return fields.result(std::move(module));
}

json to_json(const Route& route) {
    return {{"deployment", route.deployment},
            {"channel", route.channel},
            {"epoch", route.epoch},
            {"source_module", route.source_module},
            {"destination_module", route.destination_module},
            {"source_address", route.source_address},
            {"destination_address", route.destination_address},
            {"request", route.request},
            {"direct", route.direct}};
}

Expected<Route> route_of(const json& object) {
    Fields fields(object);
    return fields.result(Route{.deployment = fields.number<std::uint16_t>("deployment"),
                               .channel = fields.number<std::uint16_t>("channel"),
                               .epoch = fields.number<std::uint32_t>("epoch"),
                               .source_module = fields.text("source_module"),
                               .destination_module = fields.text("destination_module"),
                               .source_address = fields.text("source_address"),
                               .destination_address = fields.text("destination_address"),
                               .request = fields.flag("request"),
                               .direct = fields.flag("direct")});
}

json to_json(const Periodic& periodic) {
    return {{"deployment", periodic.module.deployment},
            {"name", periodic.name},
            {"module", periodic.module.name},
            {"entry", periodic.entry},
            {"every_us", periodic.every_us}};
}

Expected<Periodic> periodic_of(const json& object) {
    Fields fields(object);
    return fields.result(
        Periodic{.name = fields.text("name"),
                 .module = {.deployment = fields.number<std::uint16_t>("deployment"),
                            .name = fields.text("module")},
                 .entry = fields.number<std::uint16_t>("entry"),
                 .every_us = fields.number<std::uint64_t>("every_us")});
}

} // namespace authex::em
