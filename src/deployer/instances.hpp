#pragma once
// A module that was updated or moved is another instance than the one before: its node knows it by
// a name of its own, `web.2` after `web`. Above this file modules have the names of the descriptor.
//
// While one instance takes the place of another, the state has a record of both: the one that is
// not, or not any more, the module itself is recorded under its number.

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "deployer/node.hpp"
#include "deployer/state.hpp"

namespace authex::deployer {

/// Of the instance that comes after this one, as a node calls it. The first is called as the
/// module, and counts as number 1.
[[nodiscard]] std::string next_instance(const std::string& module, const std::string& on_node);
/// As a record of its own is called, beside that of the module: with its number always.
[[nodiscard]] std::string instance_record(const std::string& module, const std::string& on_node);

/// Which name nodes have for which record. Thread-safe.
class InstanceNames {
  public:
    void follow(const std::map<std::string, ModuleRecord>& modules);
    /// Later instances of modules without a record: of somebody who is not their deployer, or whose
    /// state is lost. The state is believed before a node.
    void learn(const v1::StatusReply& status);
    /// Whether there is a record of the module.
    [[nodiscard]] bool has_record(const std::string& module) const;
    [[nodiscard]] std::string on_node(const std::string& record) const;
    [[nodiscard]] std::string record(const std::string& on_node) const;

  private:
    mutable std::mutex mutex_;
    std::set<std::string> recorded_;
    std::map<std::string, std::string> on_node_;
    std::map<std::string, std::string> record_;
    std::map<std::string, std::string> learned_; ///< by module
};

/// A node that is spoken to with the names of records.
std::unique_ptr<Node> with_instance_names(std::unique_ptr<Node> node,
                                          std::shared_ptr<InstanceNames> names);

} // namespace authex::deployer
