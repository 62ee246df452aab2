#pragma once
// A look at a module's source before it is built.

#include <string_view>
#include <vector>

#include "descriptor/endpoint.hpp"

namespace authex::descriptor {

/// Finds AUTHEX_OUTPUT(name), AUTHEX_INPUT(name, …), AUTHEX_REQUEST, AUTHEX_HANDLER, AUTHEX_ENTRY,
/// AUTHEX_TIMER and AUTHEX_STREAM in C or C++ text, outside comments, literals and preprocessor
/// lines. `id` is 0 in each. The built image is the authority: the scan does not expand macros and
/// does not evaluate #if, so endpoints made by macros of the module are seen only after the build,
/// and a module that has such macros should not be judged by the scan alone. Never fails; O(bytes).
[[nodiscard]] std::vector<Endpoint> scan_endpoints(std::string_view source);

/// True if the source may declare endpoints that scan_endpoints() cannot see: it defines a macro
/// whose body mentions AUTHEX_…, or includes a file of its own in quotes. Unknown-endpoint errors
/// about such a module have to wait for the build.
[[nodiscard]] bool scan_is_partial(std::string_view source);

} // namespace authex::descriptor
