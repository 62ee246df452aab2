#include <algorithm>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "descriptor/sections.hpp"

namespace authex::descriptor {
namespace {

using namespace std::chrono_literals;

template <typename T>
std::vector<std::string> names_of(const std::vector<T>& list) {
    std::vector<std::string> names;
    for (const T& element : list) {
        names.push_back(element.name);
    }
    return names;
}

struct Owner {
    const Module* module;
    const Reference* device;
};

/// The checks that need all sections; the names are looked up once.
class WholeCheck {
  public:
    WholeCheck(const Descriptor& descriptor, Findings& findings)
        : descriptor_(descriptor), findings_(findings), node_names_(names_of(descriptor.nodes)),
          module_names_(names_of(descriptor.modules)) {
        for (std::size_t i = 0; i < descriptor.modules.size(); ++i) {
            modules_.emplace(descriptor.modules[i].name, i);
        }
    }

    void check() {
        check_addresses();
        check_simulation();
        check_modules();
        check_order();
        check_connections();
        check_deadlines(descriptor_, findings_);
        check_room();
        check_periodic();
        // A connection that is misspelt would make its module look unused.
        if (!findings_.has_errors()) {
            check_use();
            check_trust();
        }
    }

  private:
    void check_addresses() {
        std::map<std::pair<std::string, std::uint16_t>, const Node*> owners;
        const auto own = [&](const Node& node, const Address& address) {
            if (address.port == 0) {
                return; // was reported
            }
            const auto [owner, is_new] =
                owners.emplace(std::pair(address.host, address.port), &node);
            if (!is_new) {
                findings_.error(address.where,
                                {"duplicate-address",
                                 fmt::format("{} is already used by node {}",
                                             to_string(address),
                                             quote(owner->second->name)),
                                 "give each its own port"});
            }
        };
        for (const Node& node : descriptor_.nodes) {
            own(node, node.address);
            if (node.events) {
                own(node, *node.events);
            }
        }
    }

    void check_simulation() {
        for (const Node& node : descriptor_.nodes) {
            if (node.tee == Tee::native && !descriptor_.simulation_allowed &&
                node.address.port != 0) {
                findings_.warning(
                    node.where,
                    {"simulation-refused",
                     fmt::format("attestation of node {} will fail", quote(node.name)),
                     "write «simulation: allowed» at the top level while developing",
                     "a native node has no TEE; its evidence is simulated"});
            }
        }
    }

    void check_modules() {
        const std::set<std::string> nodes(node_names_.begin(), node_names_.end());
        std::map<std::pair<std::string, std::string>, Owner> devices;
        for (const Module& module : descriptor_.modules) {
            if (!module.node.name.empty() && nodes.count(module.node.name) == 0 &&
                !findings_.full()) {
                findings_.error(module.node.where,
                                {"unknown-node",
                                 fmt::format("there is no node {}", quote(module.node.name)),
                                 suggest(module.node.name, node_names_, "the nodes are")});
            }
            for (const Reference& device : module.devices) {
                const auto [owner, is_new] = devices.emplace(
                    std::pair(module.node.name, device.name), Owner{&module, &device});
                if (!is_new) {
                    findings_.error(device.where,
                                    {"duplicate-device",
                                     fmt::format("{} of node {} already belongs to module {} ({})",
                                                 quote(device.name),
                                                 quote(module.node.name),
                                                 quote(owner->second.module->name),
                                                 place_of(owner->second.device->where)),
                                     "a device has one driver; connect to that module instead"});
                }
            }
            for (const Reference& after : module.after) {
                require_module(after.name, after.where);
            }
            check_enclave(module);
            check_persist(module);
            check_limits_of_small(module);
        }
    }

    void check_limits_of_small(const Module& module) {
        const Node* node = descriptor_.find_node(module.node.name);
        if (node == nullptr || node->tee == Tee::sancus) {
            return;
        }
        const std::string where = fmt::format("module {} is on the {} node {}",
                                              quote(module.name),
                                              to_string(node->tee),
                                              quote(node->name));
        if (module.max.body_bytes) {
            findings_.error(
                module.max.body_where,
                {"body-of-a-large-module",
                 where + ", whose modules all take the same",
                 "remove «body»; only modules on Sancus nodes have buffers of their own size"});
        }
        if (module.max.keys) {
            findings_.error(module.max.keys_where,
                            {"keys-of-a-large-module",
                             where + ", whose modules all have room for two keys",
                             "remove «keys»; only modules on Sancus nodes may do with one"});
        }
    }

    void check_persist(const Module& module) {
        const Node* node = descriptor_.find_node(module.node.name);
        if (module.persist && node != nullptr && node->tee == Tee::sancus) {
            findings_.error(
                module.persist_where,
                {"persist-on-sancus",
                 fmt::format("module {} is on the Sancus node {}, which keeps no state",
                             quote(module.name),
                             quote(node->name)),
                 "remove «persist»; the board's memory holds it as long as it has power"});
        }
    }

    /// What is said of an enclave is for its node's TEE, and the policy will take it.
    void check_enclave(const Module& module) {
        const Node* node = descriptor_.find_node(module.node.name);
        if (node == nullptr) {
            return;
        }
        if (node->tee == Tee::sgx) {
            check_policy_takes(module, module.enclave.value_or(Enclave{}));
        } else if (module.enclave && node->tee == Tee::trustzone) {
            for (const auto& [key, where] : module.enclave->keys) {
                if (key != "svn") {
                    report_without_sgx(
                        where,
                        *node,
                        fmt::format("remove {}: a TA has «svn» alone, its version", quote(key)));
                }
            }
        } else if (module.enclave) {
            report_without_sgx(module.enclave->where,
                               *node,
                               "remove «enclave», or put the module on a node with SGX");
        }
    }

    void report_without_sgx(const SourceRange& where, const Node& node, std::string fix) {
        findings_.error(where,
                        {"enclave-without-sgx",
                         fmt::format("node {} has no SGX", quote(node.name)),
                         std::move(fix)});
    }

    void check_policy_takes(const Module& module, const Enclave& enclave) {
        const auto place_of_key = [&](const char* key) {
            const auto found = enclave.keys.find(key);
            return found == enclave.keys.end() ? module.where : found->second;
        };
        const std::string what =
            fmt::format("attestation of module {} will fail", quote(module.name));
        const Policy& policy = descriptor_.policy;
        if (enclave.debug && !policy.allow_debug) {
            findings_.warning(place_of_key("debug"),
                              {"policy-refuses",
                               what,
                               "write «policy: { allow-debug: true }» while developing",
                               "the host reads the memory of an enclave in debug mode"});
        }
        if (!module.external && enclave.svn < policy.svn) {
            findings_.warning(place_of_key("svn"),
                              {"policy-refuses",
                               what,
                               fmt::format("write «enclave: {{ svn: {} }}», or lower «svn» of "
                                           "«policy»",
                                           policy.svn),
                               fmt::format("«policy» wants the security version {}, and this is {}",
                                           policy.svn,
                                           enclave.svn)});
        }
    }

    /// What is said of evidence and signatures is about a node that there is.
    void check_trust() {
        std::set<Tee> tees;
        for (const Node& node : descriptor_.nodes) {
            tees.insert(node.tee);
        }
        if (descriptor_.policy.where.line != 0 && tees.count(Tee::sgx) == 0) {
            findings_.warning(descriptor_.policy.where,
                              {"without-effect",
                               "«policy» is about evidence of SGX, and no node has it",
                               "remove it, or give a node «tee: sgx»"});
        }
        for (const auto& [tee, signing] : descriptor_.signing) {
            if (tees.count(tee) == 0) {
                findings_.warning(
                    signing.where,
                    {"without-effect",
                     fmt::format("nothing is signed for {}: no node has it", to_string(tee)),
                     fmt::format("remove it, or give a node «tee: {}»", to_string(tee))});
            }
        }
    }

    bool require_module(const std::string& name, const SourceRange& where) {
        if (name.empty()) {
            return false; // was reported
        }
        if (modules_.count(name) == 0) {
            if (!findings_.full()) {
                findings_.error(where,
                                {"unknown-module",
                                 fmt::format("there is no module {}", quote(name)),
                                 suggest(name, module_names_, "the modules are")});
            }
            return false;
        }
        return true;
    }

    /// Reports each cycle of `after` once, at the reference of its first module. Breadth first, so
    /// that the cycle named is a shortest one. O(modules × references), which are at most 20,000
    /// together.
    void check_order() {
        const std::vector<std::vector<std::size_t>> after = order();
        for (std::size_t start = 0; start < after.size(); ++start) {
            const std::vector<std::size_t> cycle = cycle_from(start, after);
            if (!cycle.empty()) {
                report_cycle(cycle);
            }
        }
    }

    /// For each module, by index, those that it comes after.
    [[nodiscard]] std::vector<std::vector<std::size_t>> order() const {
        std::vector<std::vector<std::size_t>> after(descriptor_.modules.size());
        for (std::size_t i = 0; i < after.size(); ++i) {
            for (const Reference& reference : descriptor_.modules[i].after) {
                const auto found = modules_.find(reference.name);
                if (found != modules_.end()) {
                    after[i].push_back(found->second);
                }
            }
        }
        return after;
    }

    /// A cycle through `start` and later modules only (one with an earlier module is found from
    /// there), beginning and ending with it; empty if there is none.
    static std::vector<std::size_t> cycle_from(std::size_t start,
                                               const std::vector<std::vector<std::size_t>>& after) {
        constexpr std::size_t unreached = ~std::size_t{0};
        std::vector<std::size_t> reached_from(after.size(), unreached);
        std::vector<std::size_t> queue = {start};
        for (std::size_t next = 0; next < queue.size() && reached_from[start] == unreached;
             ++next) {
            for (const std::size_t other : after[queue[next]]) {
                if (other >= start && reached_from[other] == unreached) {
                    reached_from[other] = queue[next];
                    queue.push_back(other);
                }
            }
        }
        if (reached_from[start] == unreached) {
            return {};
        }
        std::vector<std::size_t> cycle = {start};
        do {
            cycle.push_back(reached_from[cycle.back()]);
        } while (cycle.back() != start);
        std::reverse(cycle.begin(), cycle.end());
        return cycle;
    }

    void report_cycle(const std::vector<std::size_t>& cycle) {
        constexpr std::size_t shown_max = 12;
        const Module& first = descriptor_.modules[cycle.front()];
        std::string words = first.name;
        for (std::size_t i = 1; i < std::min(cycle.size(), shown_max); ++i) {
            words += (i == 1 ? " after " : ", after ") + descriptor_.modules[cycle[i]].name;
        }
        words += cycle.size() > shown_max ? ", …" : "";
        const std::string& second = descriptor_.modules[cycle[1]].name;
        const auto reference =
            std::find_if(first.after.begin(), first.after.end(), [&](const Reference& after) {
                return after.name == second;
            });
        findings_.error(reference->where,
                        {"deployment-cycle",
                         fmt::format("the order of deployment goes in a circle: {}", words),
                         "remove one of these from «after»"});
    }

    void check_end(const EndpointReference& end) {
        if (!require_module(end.module, end.where)) {
            return;
        }
        const Module& module = descriptor_.modules[modules_.at(end.module)];
        if (module.external && !end.id) {
            findings_.error(
                end.where,
                {"external-by-name",
                 fmt::format("{} is on its node already: names of its endpoints are not known",
                             quote(module.name)),
                 fmt::format("write the number, e.g. «{}.0»", module.name)});
        }
    }

    void check_connections() {
        std::map<std::string, const Connection*> names;
        std::map<std::uint16_t, const Connection*> ids;
        std::map<std::pair<std::string, std::string>, const Connection*> ends;
        for (const Connection& connection : descriptor_.connections) {
            check_end(connection.to);
            const std::string to = to_string(connection.to);
            const std::string from = connection.from ? to_string(*connection.from) : std::string();
            if (connection.from) {
                check_end(*connection.from);
                if (!connection.to.module.empty() && from == to) {
                    findings_.error(connection.to.where,
                                    {"connection-to-itself",
                                     fmt::format("{} is joined to itself", quote(to)),
                                     "«from» is an output or request, «to» an input or handler"});
                }
            }
            const auto [named, name_is_new] = names.emplace(connection.name, &connection);
            if (!name_is_new) {
                report_twice(connection,
                             "duplicate-name",
                             fmt::format("name {}", quote(connection.name)),
                             *named->second);
            }
            if (connection.id) {
                const auto [numbered, id_is_new] = ids.emplace(*connection.id, &connection);
                if (!id_is_new) {
                    report_twice(connection,
                                 "duplicate-id",
                                 fmt::format("id {}", *connection.id),
                                 *numbered->second);
                }
            }
            const bool complete = !connection.to.module.empty() &&
                                  (connection.direct() || !connection.from->module.empty());
            // Two direct connections to one endpoint differ in who may use them, if they have
            // names.
            const std::string sender =
                connection.direct() && name_is_new && is_named(connection) ? connection.name : from;
            const auto [joined, ends_are_new] = ends.emplace(std::pair(sender, to), &connection);
            if (complete && !ends_are_new && name_is_new) {
                report_twice(connection, "duplicate-connection", "pair of ends", *joined->second);
            }
        }
    }

    /// Each module has room for its ends of connections.
    void check_room() {
        std::map<std::string, std::size_t> ends;
        for (const Connection& connection : descriptor_.connections) {
            ++ends[connection.to.module];
            if (connection.from) {
                ++ends[connection.from->module];
            }
        }
        for (const Module& module : descriptor_.modules) {
            const Node* node = descriptor_.find_node(module.node.name);
            const bool small = node != nullptr && node->tee == Tee::sancus;
            const std::uint32_t most = module.max.connections.value_or(
                small ? default_connections_sancus : default_connections);
            if (!module.external && ends[module.name] > most) {
                findings_.error(
                    module.where,
                    {"too-many-connections",
                     fmt::format("module {} has {} ends of connections, and room for {}",
                                 quote(module.name),
                                 ends[module.name],
                                 most),
                     fmt::format("write «max: {{ connections: {} }}» in the module",
                                 ends[module.name])});
            }
        }
    }

    /// A direct connection's name was written by hand.
    static bool is_named(const Connection& connection) {
        return connection.name.compare(0, 8, "direct->") != 0;
    }

    void report_twice(const Connection& connection,
                      const char* code,
                      const std::string& what,
                      const Connection& earlier) {
        findings_.error(
            connection.where,
            {code,
             fmt::format("two connections have the same {}", what),
             fmt::format("change or remove one; the first is at line {}", earlier.where.line)});
    }

    /// Microcontrollers call entries by their own clock. (tee/sancus/link/messages.hpp)
    void check_clock(const Periodic& periodic, const Module& module) {
        const Node* node = descriptor_.find_node(module.node.name);
        if (node == nullptr || node->tee != Tee::sancus) {
            return;
        }
        if (periodic.every < 10ms || periodic.every % 1ms != 0ms) {
            findings_.error(
                periodic.where,
                {"bad-period",
                 fmt::format("the clock of node {} does not keep this period", quote(node->name)),
                 "give at least 10 ms, in whole milliseconds"});
        }
        if (++calls_[node->name] == periodic_max_sancus + 1) {
            findings_.error(periodic.where,
                            {"too-many-periods",
                             fmt::format("node {} has room for {} periods",
                                         quote(node->name),
                                         periodic_max_sancus),
                             "let one entry do the work of several"});
        }
    }

    void check_periodic() {
        std::set<std::string> names;
        for (const Periodic& periodic : descriptor_.periodic) {
            if (require_module(periodic.entry.module, periodic.module_where)) {
                const Module& module = descriptor_.modules[modules_.at(periodic.entry.module)];
                check_clock(periodic, module);
                if (module.external && !periodic.entry.endpoint.empty()) {
                    check_end(periodic.entry);
                }
            }
            if (!names.insert(periodic.name).second) {
                findings_.error(periodic.where,
                                {"duplicate-name",
                                 fmt::format("two periods have the name {}", quote(periodic.name)),
                                 "give each its own"});
            }
        }
    }

    void check_use() {
        std::set<std::string> used;
        for (const Connection& connection : descriptor_.connections) {
            used.insert(connection.to.module);
            if (connection.from) {
                used.insert(connection.from->module);
            }
        }
        for (const Periodic& periodic : descriptor_.periodic) {
            used.insert(periodic.entry.module);
        }
        for (const Module& module : descriptor_.modules) {
            if (used.count(module.name) == 0) {
                findings_.warning(
                    module.where,
                    {"unconnected-module",
                     fmt::format("nothing is connected to module {}", quote(module.name)),
                     "add a connection or a period, or remove the module"});
            }
        }
    }

    const Descriptor& descriptor_;
    Findings& findings_;
    std::vector<std::string> node_names_;
    std::vector<std::string> module_names_;
    std::map<std::string, std::size_t> modules_;
    std::map<std::string, std::uint32_t> calls_; ///< periods, by node
};

} // namespace

void check_whole(const Descriptor& descriptor, Findings& findings) {
    WholeCheck(descriptor, findings).check();
}

void check_files(const Descriptor& descriptor, Findings& findings) {
    for (const Module& module : descriptor.modules) {
        for (const SourceFile& source : module.sources) {
            std::error_code ignored;
            if (!std::filesystem::is_regular_file(descriptor.directory / source.path, ignored)) {
                findings.error(
                    source.where,
                    {"missing-file",
                     fmt::format("there is no file {}", quote(source.path.string())),
                     fmt::format("paths start from {}", quote(descriptor.directory.string()))});
            }
        }
    }
}

} // namespace authex::descriptor
