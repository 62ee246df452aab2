#pragma once
// Roles of clients, as their certificates say them: a URI among the alternative names (RFC 5280
// §4.2.1.6). A certificate without one is no client's.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace authex::rpc {

/// Each may do what those before it may.
enum class Role : std::uint8_t {
    observer = 1, ///< look: status, logs, metrics
    operating,    ///< "operator": heal what is deployed — start, stop, attest, connect, send
    owner,        ///< everything: bring code, remove, revoke
};

/// "observer", "operator", "owner".
[[nodiscard]] std::string_view to_string(Role role);
[[nodiscard]] std::optional<Role> role_of(std::string_view word);

/// `urn:authex:role:operator`
[[nodiscard]] std::string role_uri(Role role);
[[nodiscard]] std::optional<Role> role_of_uri(std::string_view uri);

} // namespace authex::rpc
