#pragma once
// What can be said about endpoints once the modules' code is known.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "descriptor/endpoint.hpp"
#include "descriptor/model.hpp"

namespace authex::descriptor {

/// A module that is not in the map is not checked.
using EndpointsOfModule = std::map<std::string, std::vector<Endpoint>>;

/// "output", "input", … as a person says it.
[[nodiscard]] std::string_view to_string(EndpointKind kind);

/// Unknown endpoints and roles that do not fit: an output is joined to an input, a request to
/// exactly one handler, the deployer to an input or a handler, a period to an entry.
/// @return errors by line and column; empty if all is well.
[[nodiscard]] std::vector<Diagnostic> check_endpoints(const Descriptor& descriptor,
                                                      const EndpointsOfModule& endpoints);

} // namespace authex::descriptor
