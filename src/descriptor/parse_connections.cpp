#include <set>

#include <fmt/format.h>

#include "descriptor/sections.hpp"
#include "descriptor/values.hpp"

namespace authex::descriptor {
namespace {

constexpr std::string_view connection_name_characters = ".>";

bool on_sancus(const Descriptor& descriptor, const std::string& module_name) {
    const Module* module = descriptor.find_module(module_name);
    const Node* node = module != nullptr ? descriptor.find_node(module->node.name) : nullptr;
    return node != nullptr && node->tee == Tee::sancus;
}

/// A duration alone: what is late is marked, by the nodes' clocks.
std::optional<Deadline> read_deadline(const Element& element, Findings& findings) {
    constexpr std::chrono::microseconds least = std::chrono::milliseconds(1);
    constexpr std::chrono::microseconds most = std::chrono::hours(1);
    Deadline deadline{.where = element.where};
    const Element* within = &element;
    if (element.kind == Element::Kind::map) {
        const MapReader map(element, "a deadline", {"within", "late", "clock"}, findings);
        within = map.require("within", element.where);
        if (const Element* late = map.find("late")) {
            const auto choice = read_choice(*late, "«late»", {"marked", "dropped"}, findings);
            deadline.drops = choice == std::size_t{1};
        }
        if (const Element* clock = map.find("clock")) {
            const auto choice = read_choice(*clock, "«clock»", {"nodes", "modules"}, findings);
            deadline.by_modules = choice == std::size_t{1};
        }
    }
    if (within == nullptr) {
        return std::nullopt;
    }
    const auto duration = read_duration(*within, "«deadline»", findings);
    if (!duration) {
        return std::nullopt;
    }
    if (*duration < least || *duration > most) {
        findings.error(within->where,
                       {"out-of-range",
                        "a deadline is from 1ms to 1h",
                        "nodes tell their modules the time once a millisecond"});
        return std::nullopt;
    }
    deadline.within = *duration;
    return deadline;
}

class ConnectionReader {
  public:
    ConnectionReader(const Element& element, const Descriptor& descriptor, Findings& findings)
        : element_(element), descriptor_(descriptor), findings_(findings),
          map_(element,
               "a connection",
               {"name", "from", "direct", "to", "encryption", "delivery", "deadline", "key", "id"},
               findings) {
        connection_.where = element.where;
    }

    Connection read() {
        if (const Element* name = map_.find("name")) {
            connection_.where = name->where;
            connection_.name =
                read_name(*name, "name of a connection", findings_, connection_name_characters)
                    .value_or("");
        }
        read_ends();
        read_encryption();
        if (const Element* delivery = map_.find("delivery")) {
            read_delivery(*delivery);
        }
        if (const Element* deadline = map_.find("deadline")) {
            connection_.deadline = read_deadline(*deadline, findings_);
        }
        if (const Element* key = map_.find("key")) {
            std::array<std::uint8_t, 16> bytes{};
            if (read_hex(*key, "«key»", bytes, findings_)) {
                connection_.key = bytes;
            }
        }
        if (const Element* id = map_.find("id")) {
            if (const auto value = read_integer(*id, "«id»", {0, 0xFFFF}, findings_)) {
                connection_.id = static_cast<std::uint16_t>(*value);
            }
        }
        return std::move(connection_);
    }

  private:
    void read_ends() {
        const Element* from = map_.find("from");
        const Element* direct = map_.find("direct");
        const bool is_direct =
            direct != nullptr && read_bool(*direct, "«direct»", findings_) == true;
        if (from != nullptr) {
            // A reference to nothing stands for one that is wrong, so that it is not taken for a
            // direct connection.
            connection_.from =
                read_endpoint(*from, "«from»", findings_).value_or(EndpointReference{});
            if (is_direct) {
                findings_.error(direct->where,
                                {"direct-with-from",
                                 "a direct connection has no «from»: the deployer sends",
                                 "remove «from» or «direct»"});
            }
        } else if (!is_direct && map_.is_map()) {
            connection_.from = EndpointReference{};
            findings_.error(element_.where,
                            {"missing-key",
                             "a connection has no «from»",
                             "add «from: module.output», or «direct: true» if the deployer sends"});
        }
        if (const Element* to = map_.require("to", element_.where)) {
            connection_.to = read_endpoint(*to, "«to»", findings_).value_or(EndpointReference{});
        }
    }

    void read_encryption() {
        const bool sancus = on_sancus(descriptor_, connection_.to.module) ||
                            (connection_.from && on_sancus(descriptor_, connection_.from->module));
        const auto best = sancus ? crypto::Algorithm::spongent_128 : crypto::Algorithm::aes_128_gcm;
        connection_.algorithm = best;
        const Element* element = map_.find("encryption");
        const auto choice =
            element == nullptr
                ? std::nullopt
                : read_choice(
                      *element, "«encryption»", {"auto", "aes-128-gcm", "spongent-128"}, findings_);
        if (!choice || *choice == 0) {
            return;
        }
        connection_.algorithm =
            *choice == 1 ? crypto::Algorithm::aes_128_gcm : crypto::Algorithm::spongent_128;
        if (sancus && connection_.algorithm != best) {
            findings_.error(element->where,
                            {"unsupported-encryption",
                             "a Sancus node cannot do aes-128-gcm",
                             "write «spongent-128», or leave «encryption» out"});
        }
    }

    void read_delivery(const Element& element) {
        const auto choice = read_choice(element, "«delivery»", {"ordered", "lossy"}, findings_);
        if (choice == std::size_t{1}) {
            connection_.delivery = Delivery::lossy;
            findings_.warning(
                element.where,
                {"lossy-delivery",
                 "events of this connection may be lost without notice",
                 "leave «delivery» out unless only the newest event counts",
                 "what arrives is still authentic and in order, but not all need arrive"});
        }
    }

    const Element& element_;
    const Descriptor& descriptor_;
    Findings& findings_;
    MapReader map_;
    Connection connection_;
};

/// Names the list's elements that have none, in the order of the file, around those that are given.
template <typename T, typename Name>
void give_names(std::vector<T>& list, Name default_name) {
    std::set<std::string> taken;
    for (const T& element : list) {
        taken.insert(element.name);
    }
    for (T& element : list) {
        if (!element.name.empty()) {
            continue;
        }
        const std::string base = default_name(element);
        element.name = base;
        for (unsigned number = 2; !taken.insert(element.name).second; ++number) {
            element.name = fmt::format("{}-{}", base, number);
        }
    }
}

} // namespace

void read_connections(const Element& section, Descriptor& descriptor, Findings& findings) {
    for (const ElementPointer& item : read_items(section, "«connections»", findings)) {
        descriptor.connections.push_back(ConnectionReader(*item, descriptor, findings).read());
    }
    give_names(descriptor.connections, [](const Connection& connection) {
        const std::string from = connection.from ? to_string(*connection.from) : "direct";
        return fmt::format("{}->{}", from, to_string(connection.to));
    });
}

void read_periodic(const Element& section, Descriptor& descriptor, Findings& findings) {
    for (const ElementPointer& item : read_items(section, "«periodic»", findings)) {
        const MapReader map(*item, "a period", {"name", "module", "entry", "every"}, findings);
        Periodic periodic;
        periodic.where = item->where;
        if (const Element* name = map.find("name")) {
            periodic.where = name->where;
            periodic.name = read_name(*name, "name of a period", findings, ".").value_or("");
        }
        if (const Element* module = map.require("module", item->where)) {
            periodic.entry.module = read_text(*module, "«module»", findings).value_or("");
            periodic.module_where = module->where;
        }
        if (const Element* entry = map.require("entry", item->where)) {
            const std::string text = read_text(*entry, "«entry»", findings).value_or("");
            periodic.entry.where = entry->where;
            const auto id = integer_of(text);
            if (id && *id <= 0xFFFF) {
                periodic.entry.id = static_cast<std::uint16_t>(*id);
            } else if (is_c_identifier(text)) {
                periodic.entry.endpoint = text;
            } else if (!text.empty()) {
                findings.error(entry->where,
                               {"invalid-endpoint",
                                fmt::format("{} names no entry", quote(text)),
                                "write the entry's name, or its number up to 65535"});
            }
        }
        if (const Element* every = map.require("every", item->where)) {
            periodic.every = read_duration(*every, "«every»", findings).value_or(periodic.every);
        }
        descriptor.periodic.push_back(std::move(periodic));
    }
    give_names(descriptor.periodic,
               [](const Periodic& periodic) { return to_string(periodic.entry); });
}

} // namespace authex::descriptor
