#include "rpc/roles.hpp"

#include <array>

namespace authex::rpc {
namespace {

constexpr std::string_view uri_prefix = "urn:authex:role:";
constexpr std::array roles{Role::observer, Role::operating, Role::owner};

} // namespace

std::string_view to_string(Role role) {
    switch (role) {
    case Role::observer:
        return "observer";
    case Role::operating:
        return "operator";
    case Role::owner:
        return "owner";
    }
    return "nobody";
}

std::optional<Role> role_of(std::string_view word) {
    for (const Role role : roles) {
        if (to_string(role) == word) {
            return role;
        }
    }
    return std::nullopt;
}

std::string role_uri(Role role) {
    return std::string(uri_prefix) + std::string(to_string(role));
}

std::optional<Role> role_of_uri(std::string_view uri) {
    return uri.substr(0, uri_prefix.size()) == uri_prefix ? role_of(uri.substr(uri_prefix.size()))
                                                          : std::nullopt;
}

} // namespace authex::rpc
