#pragma once
// What each call of the control plane asks of its caller: the only place where it is said.
// (docs/security.md "Roles")

#include <array>
#include <cstdint>
#include <string_view>

#include "rpc/roles.hpp"

namespace authex::em {

/// The methods of node.proto.
enum class Method : std::uint8_t {
    hello,
    load,
    start,
    stop,
    remove,
    kept_state,
    control,
    certify,
    connect,
    disconnect,
    deliver,
    call,
    add_periodic,
    remove_periodic,
    status,
    changes,
    logs,
    record,
    metrics,
    reset,
    deployments,
    revoke,
};

struct MethodRule {
    Method method;
    std::string_view name; ///< as node.proto has it
    rpc::Role least;
};

/// Two calls do more for an owner than for others: Hello claims a deployment only for an owner, and
/// Load brings an image to the node only for an owner; an operator starts what is there.
inline constexpr std::array method_rules{
    MethodRule{Method::hello, "Hello", rpc::Role::observer},
    MethodRule{Method::load, "Load", rpc::Role::operating},
    MethodRule{Method::start, "Start", rpc::Role::operating},
    MethodRule{Method::stop, "Stop", rpc::Role::operating},
    MethodRule{Method::remove, "Remove", rpc::Role::owner},
    MethodRule{Method::kept_state, "KeptState", rpc::Role::operating},
    MethodRule{Method::control, "Control", rpc::Role::operating},
    MethodRule{Method::certify, "Certify", rpc::Role::operating},
    MethodRule{Method::connect, "Connect", rpc::Role::operating},
    MethodRule{Method::disconnect, "Disconnect", rpc::Role::owner},
    MethodRule{Method::deliver, "Deliver", rpc::Role::operating},
    MethodRule{Method::call, "Call", rpc::Role::operating},
    MethodRule{Method::add_periodic, "Register", rpc::Role::owner},
    MethodRule{Method::remove_periodic, "Unregister", rpc::Role::owner},
    MethodRule{Method::status, "Status", rpc::Role::observer},
    MethodRule{Method::changes, "Changes", rpc::Role::observer},
    MethodRule{Method::logs, "Logs", rpc::Role::observer},
    MethodRule{Method::record, "Record", rpc::Role::owner},
    MethodRule{Method::metrics, "Metrics", rpc::Role::observer},
    MethodRule{Method::reset, "Reset", rpc::Role::owner},
    MethodRule{Method::deployments, "Deployments", rpc::Role::observer},
    MethodRule{Method::revoke, "Revoke", rpc::Role::owner},
};

constexpr bool rules_stand_in_order() {
    for (std::size_t i = 0; i < method_rules.size(); ++i) {
        if (static_cast<std::size_t>(method_rules[i].method) != i) {
            return false;
        }
    }
    return true;
}
static_assert(rules_stand_in_order() &&
              method_rules.size() == static_cast<std::size_t>(Method::revoke) + 1);

[[nodiscard]] constexpr const MethodRule& rule_of(Method method) {
    return method_rules[static_cast<std::size_t>(method)];
}

} // namespace authex::em
