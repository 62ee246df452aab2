// Deadlines of connections, and the clocks that they go by.
#include <fmt/format.h>

#include "descriptor/sections.hpp"

namespace authex::descriptor {
namespace {

class DeadlineCheck {
  public:
    DeadlineCheck(const Descriptor& descriptor, Findings& findings)
        : descriptor_(descriptor), findings_(findings) {}

    /// Both ends of a deadline have a clock, and the same one.
    void check() {
        for (const Connection& connection : descriptor_.connections) {
            if (!connection.deadline || connection.to.module.empty()) {
                continue;
            }
            check_end(connection, connection.to);
            if (connection.from && !connection.from->module.empty()) {
                check_end(connection, *connection.from);
            }
            if (connection.deadline->by_modules) {
                check_clocks(connection);
            }
        }
    }

  private:
    void check_end(const Connection& connection, const EndpointReference& end) {
        const Module* module = descriptor_.find_module(end.module);
        const Node* node = module != nullptr ? descriptor_.find_node(module->node.name) : nullptr;
        if (node != nullptr && (node->tee == Tee::sancus || module->external)) {
            findings_.error(connection.deadline->where,
                            {"deadline-without-clock",
                             fmt::format("module {} cannot keep a deadline: {}",
                                         quote(end.module),
                                         node->tee == Tee::sancus ? "modules on Sancus know no time"
                                                                  : "it is not built here"),
                             "leave «deadline» out"});
        }
    }

    /// The output that tells a module the time; empty: none.
    [[nodiscard]] std::string clock_of(const std::string& module) const {
        for (const Connection& each : descriptor_.connections) {
            if (each.to.module == module && each.to.endpoint == "clock" && each.from) {
                return to_string(*each.from);
            }
        }
        return {};
    }

    void check_clocks(const Connection& connection) {
        if (connection.direct()) {
            findings_.error(connection.deadline->where,
                            {"deadline-without-clock",
                             "the deployer has no clock of the modules",
                             "write «clock: nodes», or leave «clock» out"});
            return;
        }
        const std::string from = clock_of(connection.from->module);
        const std::string to = clock_of(connection.to.module);
        if (from.empty() || to.empty()) {
            const std::string& without =
                from.empty() ? connection.from->module : connection.to.module;
            findings_.error(
                connection.deadline->where,
                {"deadline-without-clock",
                 fmt::format("nobody tells module {} the time", quote(without)),
                 fmt::format("connect an output to {}.clock, which AUTHEX_CLOCK() makes",
                             without)});
        } else if (from != to) {
            findings_.error(connection.deadline->where,
                            {"deadline-of-two-clocks",
                             fmt::format("{} goes by {}, and {} by {}",
                                         connection.from->module,
                                         from,
                                         connection.to.module,
                                         to),
                             "connect one output to both"});
        }
    }

    const Descriptor& descriptor_;
    Findings& findings_;
};

} // namespace

void check_deadlines(const Descriptor& descriptor, Findings& findings) {
    DeadlineCheck(descriptor, findings).check();
}

} // namespace authex::descriptor
