#include "deployer/survey.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "tee/trustzone/device_public_key.hpp"
#include "wire/frame.hpp"

namespace authex::deployer {
namespace {

template <typename List, typename Match>
auto find(const List& list, const Match& match) -> decltype(&*list.begin()) {
    const auto found = std::find_if(list.begin(), list.end(), match);
    return found == list.end() ? nullptr : &*found;
}

/// The port that the manager states, at the host where its control port is reached: it may listen
/// on any address, or stand behind a proxy that forwards both.
std::string events_of(const descriptor::Node& node, const std::string& stated) {
    if (node.events) {
        return to_string(*node.events);
    }
    const std::string port = stated.substr(stated.rfind(':') + 1);
    const std::string control = to_string(node.address);
    return control.substr(0, control.rfind(':') + 1) + port;
}

std::optional<Diagnostic> judge(const std::string& name,
                                const NodeView& view,
                                const NodeRecord* record,
                                bool simulation_allowed) {
    if (view.hello.tee() != view.tee) {
        return make_error("tee-mismatch",
                          fmt::format("node {} at {} is of the TEE {}, not {}",
                                      name,
                                      view.address,
                                      view.hello.tee(),
                                      view.tee),
                          "correct `tee` or `address` in the descriptor");
    }
    const std::vector<std::uint8_t> key(view.hello.evidence_key().begin(),
                                        view.hello.evidence_key().end());
    if (record != nullptr && !record->evidence_key.empty() && record->evidence_key != key) {
        return make_error("evidence-key-changed",
                          fmt::format("node {} shows another evidence key than when it was met "
                                      "first: it may be another machine",
                                      name),
                          "if it was set up anew on purpose: authex down, then authex up");
    }
    if (view.hello.simulated() && !simulation_allowed) {
        return make_error("simulation-refused",
                          fmt::format("node {} is simulated: its evidence proves nothing", name),
                          "for development, say `simulation: allowed` in the descriptor");
    }
    return std::nullopt;
}

/// Device keys of TrustZone have no certificate: somebody has to say which one is right.
std::optional<Diagnostic> judge_device(const descriptor::Descriptor& descriptor,
                                       const descriptor::Node& stated,
                                       const v1::HelloReply& hello) {
    if (stated.tee != descriptor::Tee::trustzone) {
        return std::nullopt;
    }
    if (!stated.device_key) {
        return hello.simulated()
                   ? std::nullopt
                   : std::optional(make_error(
                         "node-not-enrolled",
                         fmt::format("nothing says that the device key of node {} is that of your "
                                     "device: it has no certificate",
                                     stated.name),
                         fmt::format("authex node enroll {}", stated.name)));
    }
    const auto enrolled =
        tee::trustzone::read_device_key(descriptor.directory / *stated.device_key);
    if (!enrolled) {
        return enrolled.error();
    }
    const std::string shown(enrolled->begin(), enrolled->end());
    return shown == hello.evidence_key()
               ? std::nullopt
               : std::optional(make_error(
                     "device-key-differs",
                     fmt::format("node {} shows another device key than the one that was enrolled: "
                                 "it may be another machine",
                                 stated.name),
                     fmt::format("if the device was set up anew on purpose: authex node enroll {}",
                                 stated.name)));
}

void ask(const std::string& name,
         Node& node,
         const State& state,
         const descriptor::Descriptor& descriptor,
         const std::vector<std::string>& revoked,
         NodeView& view) {
    v1::HelloRequest hello;
    hello.set_deployment(state.deployment());
    hello.set_application(descriptor.application);
    hello.add_protocol_versions(wire::protocol_version);
    auto greeting = node.hello(hello);
    if (!greeting) {
        view.problem = greeting.error();
        return;
    }
    view.hello = std::move(*greeting);
    // How many the node has says nothing: another owner's certificate may have revoked others.
    if (!revoked.empty()) {
        v1::RevokeRequest request;
        request.mutable_serials()->Add(revoked.begin(), revoked.end());
        const auto told = node.revoke(request);
        if (!told) {
            view.problem = told.error();
            return;
        }
    }
    const descriptor::Node* stated = descriptor.find_node(name);
    if (stated != nullptr) {
        view.problem = judge(name, view, state.node(name), descriptor.simulation_allowed);
        if (!view.problem) {
            view.problem = judge_device(descriptor, *stated, view.hello);
        }
        view.events_address = events_of(*stated, view.hello.events_address());
    }
    v1::StatusRequest request;
    request.set_deployment(state.deployment());
    auto status = node.status(request);
    if (!status) {
        view.problem = status.error();
        return;
    }
    view.status = std::move(*status);
    const auto* away = find(view.status.modules(), [](const auto& each) {
        return each.state() == v1::ModuleStatus::RUNNING && !each.failure().empty();
    });
    if (away != nullptr && !view.problem) {
        view.problem =
            make_error("modules-away",
                       fmt::format("node {} does not reach its modules: {}", name, away->failure()),
                       "mend that, then run authex up");
    }
}

} // namespace

const v1::ModuleStatus* NodeView::module(const std::string& name) const {
    return find(status.modules(), [&](const auto& each) { return each.name() == name; });
}
const v1::ConnectionStatus* NodeView::connection(std::uint16_t channel) const {
    return find(status.connections(), [&](const auto& each) { return each.channel() == channel; });
}
const v1::PeriodicStatus* NodeView::periodic(const std::string& name) const {
    return find(status.periodic(), [&](const auto& each) { return each.name() == name; });
}

std::string process_of(const NodeView& node, const v1::ModuleStatus& module) {
    return fmt::format("{}/{}/{}", node.hello.node_id(), module.instance(), module.started_at_us());
}

NodeView ask_node(const descriptor::Node& stated,
                  Node& node,
                  const State& state,
                  const descriptor::Descriptor& descriptor,
                  const std::vector<std::string>& revoked) {
    NodeView view{.tee = std::string(to_string(stated.tee)), .address = to_string(stated.address)};
    ask(stated.name, node, state, descriptor, revoked, view);
    return view;
}

Survey ask_nodes(const descriptor::Descriptor& descriptor,
                 const State& state,
                 const Outside& outside,
                 Nodes& nodes,
                 Reporter& reporter,
                 const Away& away) {
    Survey survey;
    for (const descriptor::Node& node : descriptor.nodes) {
        NodeView& view = survey[node.name];
        view.tee = to_string(node.tee);
        view.address = to_string(node.address);
    }
    for (const auto& [name, record] : state.nodes()) {
        if (!survey.contains(name)) {
            survey[name] = {.tee = record.tee, .address = record.address};
        }
    }
    std::vector<std::function<void()>> work;
    for (auto& [name, view] : survey) {
        if (const auto known = away.find(name); known != away.end()) {
            view.problem = known->second;
            continue;
        }
        std::shared_ptr<Node>& node = nodes[name];
        if (node == nullptr) {
            auto reached = outside.reach(name, view.address);
            if (!reached) {
                view.problem = reached.error();
                continue;
            }
            node = std::move(*reached);
        }
        work.emplace_back([&, &name = name, &view = view] {
            Report report(reporter, "ask", name, name, Report::Kind::aside);
            ask(name, *node, state, descriptor, outside.revoked, view);
            view.problem ? report.failed(view.problem->summary) : report.done();
        });
    }
    outside.executor->run(std::move(work));
    return survey;
}

} // namespace authex::deployer
