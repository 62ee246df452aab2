#include <algorithm>

#include <fmt/format.h>

#include "descriptor/sections.hpp"
#include "descriptor/values.hpp"
#include "wire/control.hpp"

namespace authex::descriptor {
namespace {

/// Reads the keys of one module; `what` names it in messages.
class ModuleReader {
  public:
    ModuleReader(const Entry& entry, Findings& findings)
        : what_(fmt::format("module {}", quote(entry.key->text))), findings_(findings),
          map_(*entry.value,
               what_,
               {"node",
                "sources",
                "driver",
                "devices",
                "definitions",
                "after",
                "secrets",
                "config",
                "max",
                "persist",
                "readable_state",
                "enclave",
                "external"},
               findings) {
        module_.name = entry.key->text;
        module_.where = entry.key->where;
        (void)read_name(*entry.key, "name of a module", findings);
    }

    Module read() {
        if (const Element* node = map_.require("node", module_.where)) {
            module_.node = {.name = read_text(*node, "«node»", findings_).value_or(""),
                            .where = node->where};
        }
        read_code();
        read_references("devices", "name of a device", module_.devices);
        read_references("after", "name of a module", module_.after);
        read_secrets();
        read_config();
        read_enclave();
        read_state();
        return std::move(module_);
    }

  private:
    void read_code() {
        const Element* external = map_.find("external");
        if (external == nullptr) {
            if (const Element* driver = map_.find("driver")) {
                read_driver(*driver);
            } else if (const Element* sources = map_.require("sources", module_.where)) {
                read_sources(*sources);
            }
            read_definitions();
            read_limits();
            return;
        }
        read_external(*external);
        for (const char* key :
             {"sources", "driver", "definitions", "max", "enclave", "persist", "readable_state"}) {
            if (const Element* element = map_.find(key)) {
                findings_.error(
                    element->where,
                    {"external-is-not-built",
                     fmt::format("{} is on its node already, so it has no «{}»", what_, key),
                     fmt::format("remove «{}», or «external» if it is to be built", key)});
            }
        }
    }

    void read_state() {
        if (const Element* persist = map_.find("persist")) {
            module_.persist_where = persist->where;
            if (persist->kind == Element::Kind::map) {
                read_persist_every(*persist);
            } else {
                module_.persist = read_bool(*persist, "«persist»", findings_).value_or(false);
            }
        }
        if (const Element* readable = map_.find("readable_state")) {
            module_.readable_state =
                read_bool(*readable, "«readable_state»", findings_).value_or(false);
            if (module_.readable_state && !module_.devices.empty()) {
                findings_.error(
                    readable->where,
                    {"driver-hands-over",
                     fmt::format("{} owns devices, whose registers no other instance of it can "
                                 "have meanwhile: it hands nothing over",
                                 what_),
                     "remove «readable_state»; what is to outlive an update belongs into a module "
                     "without devices"});
            }
        }
    }

    void read_persist_every(const Element& persist) {
        using std::chrono::milliseconds;
        const MapReader map(persist, "«persist»", {"every"}, findings_);
        const Element* every = map.require("every", persist.where);
        const auto time =
            every == nullptr ? std::nullopt : read_duration(*every, "«every»", findings_);
        if (!time) {
            return;
        }
        const auto whole = std::chrono::duration_cast<milliseconds>(*time);
        if (whole != *time || whole < milliseconds(1) || whole > milliseconds(10'000)) {
            findings_.error(every->where,
                            {"out-of-range",
                             "a state is sealed every 1ms to 10s, in whole milliseconds",
                             "what the module says waits as long; «persist: true» seals it after "
                             "each batch"});
            return;
        }
        module_.persist = true;
        module_.persist_every = whole;
    }

    void read_driver(const Element& driver) {
        if (auto name = read_name(driver, "name of a driver", findings_)) {
            module_.driver = {.name = std::move(*name), .where = driver.where};
        }
        if (const Element* sources = map_.find("sources")) {
            findings_.error(sources->where,
                            {"conflicting-keys",
                             fmt::format("{} has a driver of Authex and sources", what_),
                             "remove «sources», or «driver» and write a driver of your own"});
        }
    }

    void read_sources(const Element& sources) {
        const auto& items = read_items(sources, "«sources»", findings_);
        if (sources.kind == Element::Kind::list && items.empty()) {
            findings_.error(
                sources.where,
                {"empty-sources", fmt::format("{} has no source", what_), "add one: [main.cpp]"});
        }
        for (const ElementPointer& item : items) {
            auto path = read_path(*item, "a source", findings_);
            if (!path) {
                continue;
            }
            const std::string type = path->extension().string();
            if (type == ".rs") {
                findings_.error(item->where,
                                {"rust-not-supported",
                                 fmt::format("{}: Rust is not yet supported", quote(item->text)),
                                 "write this module in C++ or C"});
            } else if (type != ".cpp" && type != ".cc" && type != ".c") {
                findings_.error(
                    item->where,
                    {"unknown-source-type",
                     fmt::format("{} is no source of C++ or C", quote(item->text)),
                     "sources end in .cpp, .cc or .c; headers are found by themselves"});
            } else if (has_source(*path)) {
                findings_.error(item->where,
                                {"duplicate-source",
                                 fmt::format("{} is here twice", quote(item->text)),
                                 "remove one"});
            } else {
                module_.sources.push_back({.path = std::move(*path), .where = item->where});
            }
        }
    }

    [[nodiscard]] bool has_source(const std::filesystem::path& path) const {
        return std::any_of(module_.sources.begin(),
                           module_.sources.end(),
                           [&](const SourceFile& source) { return source.path == path; });
    }

    void
    read_references(std::string_view key, std::string_view what, std::vector<Reference>& list) {
        const Element* element = map_.find(key);
        if (element == nullptr) {
            return;
        }
        for (const ElementPointer& item :
             read_items(*element, fmt::format("«{}»", key), findings_)) {
            auto name = read_name(*item, what, findings_);
            if (!name) {
                continue;
            }
            const bool twice = std::any_of(list.begin(), list.end(), [&](const Reference& known) {
                return known.name == *name;
            });
            if (twice) {
                findings_.error(item->where,
                                {"duplicate-name",
                                 fmt::format("{} is here twice", quote(*name)),
                                 "remove one"});
            } else {
                list.push_back({.name = std::move(*name), .where = item->where});
            }
        }
    }

    /// `{ NAME: value }` or `[NAME, NAME=value]`.
    void read_definitions() {
        const Element* element = map_.find("definitions");
        if (element == nullptr) {
            return;
        }
        if (element->kind == Element::Kind::list) {
            for (const ElementPointer& item : element->items) {
                if (const auto text = read_text(*item, "a definition", findings_)) {
                    const std::size_t equals = text->find('=');
                    const bool has_value = equals != std::string::npos;
                    define(text->substr(0, equals),
                           has_value ? text->substr(equals + 1) : "",
                           item->where);
                }
            }
            return;
        }
        for (const Entry& entry : read_entries(*element, "«definitions»", findings_)) {
            if (entry.value->kind == Element::Kind::null) {
                define(entry.key->text, "", entry.key->where);
            } else if (entry.value->kind == Element::Kind::scalar) {
                define(entry.key->text, entry.value->text, entry.key->where);
            } else {
                (void)read_text(*entry.value, "a definition's value", findings_);
            }
        }
    }

    void define(const std::string& name, const std::string& value, const SourceRange& where) {
        if (!is_c_identifier(name)) {
            findings_.error(where,
                            {"invalid-name",
                             fmt::format("{} is no name of a macro", quote(name)),
                             "use letters, digits and «_», not beginning with a digit"});
        } else if (value.find('\n') != std::string::npos) {
            findings_.error(where, {"invalid-value", "a definition's value is one line"});
        } else if (!module_.definitions.emplace(name, value).second) {
            findings_.error(
                where,
                {"duplicate-name", fmt::format("{} is defined twice", quote(name)), "remove one"});
        }
    }

    void read_secrets() {
        const Element* element = map_.find("secrets");
        if (element == nullptr) {
            return;
        }
        for (const Entry& entry : read_entries(*element, "«secrets»", findings_)) {
            const auto name = read_name(*entry.key, "name of a secret", findings_);
            Secret secret{.name = name.value_or(""), .where = entry.key->where};
            if (read_source(entry, secret) && name) {
                module_.secrets.push_back(std::move(secret));
            }
        }
    }

    /// Exactly one of `file`, `env` and `generate`.
    bool read_source(const Entry& entry, Secret& secret) {
        const std::string what = fmt::format("secret {}", quote(entry.key->text));
        const MapReader map(*entry.value, what, {"file", "env", "generate"}, findings_);
        if (!map.is_map()) {
            return false;
        }
        const Element* file = map.find("file");
        const Element* variable = map.find("env");
        const Element* generate = map.find("generate");
        const int sources = (file != nullptr ? 1 : 0) + (variable != nullptr ? 1 : 0) +
                            (generate != nullptr ? 1 : 0);
        if (sources != 1) {
            findings_.error(entry.key->where,
                            {sources == 0 ? "missing-key" : "conflicting-keys",
                             fmt::format("{} comes from exactly one place", what),
                             "write one of «file: token.txt», «env: TOKEN» and «generate: 32»"});
            return false;
        }
        if (file != nullptr) {
            const auto path = read_path(*file, "«file»", findings_);
            secret.source = SecretSource::file;
            secret.file = path.value_or("");
            return path.has_value();
        }
        if (variable != nullptr) {
            secret.source = SecretSource::environment;
            return read_variable(*variable, secret.variable);
        }
        const auto bytes = read_integer(*generate, "«generate»", {16, 64}, findings_);
        secret.source = SecretSource::generated;
        secret.generated_bytes = static_cast<std::uint16_t>(bytes.value_or(0));
        return bytes.has_value();
    }

    bool read_variable(const Element& element, std::string& variable) {
        const auto text = read_text(element, "«env»", findings_);
        if (text && !is_c_identifier(*text)) {
            findings_.error(element.where,
                            {"invalid-name",
                             fmt::format("{} is no name of a variable", quote(*text)),
                             "use letters, digits and «_», not beginning with a digit"});
            return false;
        }
        variable = text.value_or("");
        return text.has_value();
    }

    void read_config() {
        const Element* element = map_.find("config");
        if (element == nullptr) {
            return;
        }
        for (const Entry& entry : read_entries(*element, "«config»", findings_)) {
            const auto name = read_name(*entry.key, "name of a setting", findings_);
            const auto value = entry.value->kind == Element::Kind::scalar
                                   ? std::optional(entry.value->text)
                                   : read_text(*entry.value,
                                               fmt::format("«{}»", entry.key->text.substr(0, 60)),
                                               findings_);
            if (value && value->size() > wire::value_max_bytes) {
                findings_.error(
                    entry.value->where,
                    {"value-too-large",
                     fmt::format("{} has {} bytes", quote(entry.key->text), value->size()),
                     fmt::format("a value has at most {}", wire::value_max_bytes)});
            } else if (name && value) {
                module_.config.emplace(*name, Setting{.text = *value, .where = entry.key->where});
            }
        }
    }

    void read_limits() {
        const Element* element = map_.find("max");
        if (element == nullptr) {
            return;
        }
        const MapReader map(*element,
                            fmt::format("«max» of {}", what_),
                            {"image", "stack", "connections", "body", "keys"},
                            findings_);
        if (const Element* image = map.find("image")) {
            module_.max.image_bytes = read_size(*image, "«image»", {1024, 1U << 30U}, findings_);
        }
        if (const Element* stack = map.find("stack")) {
            module_.max.stack_bytes = read_size(*stack, "«stack»", {128, 1U << 26U}, findings_);
        }
        if (const Element* connections = map.find("connections")) {
            if (const auto count =
                    read_integer(*connections, "«connections»", {1, 1024}, findings_)) {
                module_.max.connections = static_cast<std::uint32_t>(*count);
            }
        }
        if (const Element* body = map.find("body")) {
            module_.max.body_where = body->where;
            if (const auto bytes = read_size(*body, "«body»", {1, body_max_sancus}, findings_)) {
                module_.max.body_bytes = static_cast<std::uint32_t>(*bytes);
            }
        }
        if (const Element* keys = map.find("keys")) {
            module_.max.keys_where = keys->where;
            if (const auto count = read_integer(*keys, "«keys»", {1, 2}, findings_)) {
                module_.max.keys = static_cast<std::uint32_t>(*count);
            }
        }
    }

    void read_enclave() {
        const Element* element = map_.find("enclave");
        if (element == nullptr) {
            return;
        }
        const MapReader map(*element,
                            fmt::format("«enclave» of {}", what_),
                            {"product", "svn", "debug"},
                            findings_);
        Enclave enclave{.where = element->where};
        const auto find = [&](const char* key) {
            const Element* value = map.find(key);
            if (value != nullptr) {
                enclave.keys.emplace(key, value->where);
            }
            return value;
        };
        const auto number_of = [&](const char* key) -> std::uint16_t {
            const Element* number = find(key);
            const auto value =
                number == nullptr
                    ? std::nullopt
                    : read_integer(*number, fmt::format("«{}»", key), {0, 0xFFFF}, findings_);
            return static_cast<std::uint16_t>(value.value_or(0));
        };
        enclave.product = number_of("product");
        enclave.svn = number_of("svn");
        if (const Element* debug = find("debug")) {
            enclave.debug = read_bool(*debug, "«debug»", findings_).value_or(false);
        }
        module_.enclave = enclave;
    }

    void read_external(const Element& element) {
        const MapReader map(
            element, fmt::format("«external» of {}", what_), {"identity", "key"}, findings_);
        External external;
        external.where = element.where;
        if (const Element* identity = map.require("identity", element.where)) {
            (void)read_hex(*identity, "«identity»", external.identity, findings_);
        }
        if (const Element* key = map.require("key", element.where)) {
            (void)read_hex(*key, "«key»", external.key, findings_);
        }
        module_.external = external;
    }

    std::string what_;
    Findings& findings_;
    MapReader map_;
    Module module_;
};

} // namespace

void read_modules(const Element& section, Descriptor& descriptor, Findings& findings) {
    const std::vector<Entry>& entries = read_entries(section, "«modules»", findings);
    if (section.kind == Element::Kind::map && entries.empty()) {
        findings.error(section.where,
                       {"empty-modules",
                        "there is no module",
                        "add one: «hello: { node: …, sources: [hello.cpp] }»"});
    }
    for (const Entry& entry : entries) {
        descriptor.modules.push_back(ModuleReader(entry, findings).read());
    }
}

} // namespace authex::descriptor
