#pragma once
// Where the variables lie that a module marks as its state (AUTHEX_STATE), read from its image; and
// what it can do with that and with its connections.

#include <cstdint>
#include <string>
#include <vector>

namespace authex::tee {

struct StateVariable {
    std::string name; ///< as the source has it; C++ with its namespaces, but for unnamed ones
    std::uint32_t offset = 0; ///< from the begin of the state
    std::uint32_t bytes = 0;

    friend bool operator==(const StateVariable&, const StateVariable&) = default;
};

struct StateLayout {
    std::uint32_t version = 0; ///< as the module calls it (AUTHEX_STATE_VERSION)
    bool migrates = false;     ///< it takes the state of other versions (AUTHEX_MIGRATE)
    /// It goes over through the owner, who reads it; that of other TEEs is sealed by one instance
    /// for the next.
    bool readable = false;
    /// On Sancus: its connections have room for two keys, so that they can be turned; elsewhere all
    /// have.
    bool turns = false;
    std::vector<StateVariable> variables; ///< by offset

    friend bool operator==(const StateLayout&, const StateLayout&) = default;
};

} // namespace authex::tee
