// Any text has an answer from the parser: a model or an error. What is a model survives the check
// of its endpoints, against those that a scan of the same text finds.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "descriptor/endpoints.hpp"
#include "descriptor/parse.hpp"
#include "descriptor/scan.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace authex::descriptor;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const ParseResult result = parse(text, "fuzz.yaml");
    bool has_error = false;
    for (const authex::Diagnostic& diagnostic : result.diagnostics) {
        has_error = has_error || diagnostic.severity == authex::Severity::error;
    }
    if (result.descriptor.has_value() == has_error) {
        std::abort();
    }
    const std::vector<Endpoint> scanned = scan_endpoints(text);
    (void)scan_is_partial(text);
    if (result.descriptor) {
        EndpointsOfModule endpoints;
        for (const Module& module : result.descriptor->modules) {
            endpoints[module.name] = scanned;
        }
        (void)check_endpoints(*result.descriptor, endpoints);
    }
    return 0;
}
