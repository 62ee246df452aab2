#pragma once
// A module that was updated or moved is another instance than the one before: its node knows it by
// a name of its own, `web.2` after `web`. Above this file modules have the names of the descriptor.
//
// While one instance takes the place of another, the state has a record of both: the one that is
// not, or not any more, the module itself is recorded under its number.

#include <map>
#include <memory>
#include <mutex>
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
    [[nodiscard]] std::string on_node(const std::string& record) const;
    [[nodiscard]] std::string record(const std::string& on_node) const;

  private:
    mutable std::mutex mutex_;
    std::map<std::string, std::string> on_node_;
    std::map<std::string, std::string> record_;
};

/// A node that is spoken to with the names of records.
std::unique_ptr<Node> with_instance_names(std::unique_ptr<Node> node,
                                          std::shared_ptr<const InstanceNames> names);

} // namespace authex::deployer
