#include "cli/metrics_view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace authex::cli {
namespace {

using metrics::Family;
using metrics::Labels;
using metrics::Type;

double unix_seconds(const std::optional<std::chrono::system_clock::time_point>& time) {
    return time ? std::chrono::duration<double>(time->time_since_epoch()).count() : 0;
}

void add_nodes(const deployer::Status& status, std::vector<Family>& families) {
    Family reachable{
        "authex_node_reachable", Type::gauge, "Whether the node's manager answers.", {}};
    Family simulated{"authex_node_simulated", Type::gauge, "Whether its TEE proves nothing.", {}};
    for (const deployer::NodeStatus& node : status.nodes) {
        const Labels labels = {
            {"application", status.application}, {"node", node.name}, {"tee", node.tee}};
        reachable.add(labels, node.reachable ? 1.0 : 0.0);
        simulated.add(labels, node.simulated ? 1.0 : 0.0);
    }
    families.insert(families.end(), {std::move(reachable), std::move(simulated)});
}

void add_modules(const deployer::Status& status, std::vector<Family>& families) {
    Family running{
        "authex_application_module_running", Type::gauge, "Whether the module runs.", {}};
    Family attested{"authex_application_module_attested_seconds",
                    Type::gauge,
                    "Unix time of the last successful attestation; 0: not attested.",
                    {}};
    Family info{"authex_application_module_info",
                Type::gauge,
                "1, with the identity that attestation must show.",
                {}};
    for (const deployer::ModuleStatus& module : status.modules) {
        const Labels labels = {
            {"application", status.application}, {"module", module.name}, {"node", module.node}};
        running.add(labels, module.state == "running" ? 1.0 : 0.0);
        attested.add(labels, unix_seconds(module.attested_at));
        Labels identified = labels;
        identified.emplace_back("identity", fmt::format("{:02x}", fmt::join(module.identity, "")));
        info.add(std::move(identified), 1.0);
    }
    families.insert(families.end(), {std::move(running), std::move(attested), std::move(info)});
}

void add_connections(const deployer::Status& status, std::vector<Family>& families) {
    Family sent{"authex_application_sent_total",
                Type::counter,
                "Messages of this epoch, as the source module says.",
                {}};
    Family accepted{"authex_application_accepted_total",
                    Type::counter,
                    "Messages of this epoch that the destination module took, as it says.",
                    {}};
    Family refused{"authex_application_refused_total",
                   Type::counter,
                   "Messages that the destination module refused, as it says.",
                   {}};
    Family epoch{
        "authex_application_epoch", Type::gauge, "Epoch of the key; 0: not connected.", {}};
    Family window{"authex_application_window_open_seconds",
                  Type::gauge,
                  "Unix time since when outputs are explained by inputs; 0: no window is open.",
                  {}};
    for (const deployer::ConnectionStatus& each : status.connections) {
        const Labels labels = {{"application", status.application},
                               {"connection", each.name},
                               {"id", std::to_string(each.id)}};
        sent.add(labels, each.sent);
        accepted.add(labels, each.accepted);
        refused.add(labels, each.refused);
        epoch.add(labels, std::uint64_t{each.epoch});
        window.add(labels, unix_seconds(each.window_open_since));
    }
    families.insert(families.end(),
                    {std::move(sent),
                     std::move(accepted),
                     std::move(refused),
                     std::move(epoch),
                     std::move(window)});
}

} // namespace

std::vector<Family> application_metrics(const deployer::Status& status) {
    std::vector<Family> families;
    add_nodes(status, families);
    add_modules(status, families);
    add_connections(status, families);
    return families;
}

} // namespace authex::cli
