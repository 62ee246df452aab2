#pragma once
// What the nodes say of themselves, in one Hello and one Status call each. Nothing of it is
// trusted: it decides what is done again, never what is believed.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "deployer/node.hpp"
#include "deployer/outside.hpp"
#include "deployer/reporter.hpp"
#include "deployer/state.hpp"
#include "descriptor/model.hpp"

namespace authex::deployer {

struct NodeView {
    std::string tee; ///< as the descriptor says
    std::string address;
    std::optional<Diagnostic> problem; ///< it cannot be used: not reached, or not what it should be
    v1::HelloReply hello;
    v1::StatusReply status;
    std::string events_address; ///< where peers reach it

    [[nodiscard]] bool usable() const { return !problem.has_value(); }
    /// Null: it has none.
    [[nodiscard]] const v1::ModuleStatus* module(const std::string& name) const;
    [[nodiscard]] const v1::ConnectionStatus* connection(std::uint16_t channel) const;
    [[nodiscard]] const v1::PeriodicStatus* periodic(const std::string& name) const;
};

using Survey = std::map<std::string, NodeView>;
using Nodes = std::map<std::string, std::shared_ptr<Node>>;

/// Which process a module is, as its node says; another one has other words.
[[nodiscard]] std::string process_of(const NodeView& node, const v1::ModuleStatus& module);

/// Nodes that were found not to answer a moment ago, and how.
using Away = std::map<std::string, Diagnostic>;

/// Asks one node of the descriptor. Thread-safe for different nodes.
NodeView ask_node(const descriptor::Node& stated,
                  Node& node,
                  const State& state,
                  const descriptor::Descriptor& descriptor,
                  const std::vector<std::string>& revoked);

/// Asks every node of the descriptor, and those of the state that the descriptor does not name any
/// more.
/// @param nodes what was reached; nodes that are named already are used as they are.
/// @param away  these are not asked, and have this problem
/// Problems: node-unreachable … | tee-mismatch | evidence-key-changed | simulation-refused
Survey ask_nodes(const descriptor::Descriptor& descriptor,
                 const State& state,
                 const Outside& outside,
                 Nodes& nodes,
                 Reporter& reporter,
                 const Away& away = {});

} // namespace authex::deployer
