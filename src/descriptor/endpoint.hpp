#pragma once
// An endpoint of a module, as its source declares it and its image carries it.

#include <cstdint>
#include <string>

namespace authex::descriptor {

/// The values are those of AUTHEX_KIND_… (sdk/include/authex/abi.h).
enum class EndpointKind : std::uint8_t {
    output = 1,
    input = 2,
    request = 3,
    handler = 4,
    entry = 5,
    timer = 6,
    stream = 7,
    interrupt = 8,
    evidence = 10 ///< 9 is no endpoint: the version of the state
};

struct Endpoint {
    std::string name;
    EndpointKind kind = EndpointKind::output;
    std::uint16_t id = 0; ///< index among the module's endpoints
};

} // namespace authex::descriptor
