#pragma once
// What the control plane of a node knows and keeps over restarts.

#include <cstdint>
#include <string>
#include <vector>

#include "em/data_plane.hpp"
#include "tee/loader.hpp"

namespace authex::em {

/// For whom a client speaks: the SHA-256 of its authority's public key (SubjectPublicKeyInfo, DER)
/// in hex, or `local_owner` on plaintext.
using Owner = std::string;
inline constexpr const char* local_owner = "local";

/// A deployment id that somebody claimed.
struct Deployment {
    std::uint16_t id = 0;
    Owner owner;
    std::string application; ///< for people
    bool released = false;   ///< was reset: the next hello takes it over, whoever says it
};

/// Values as ModuleStatus::State in node.proto.
enum class ModuleState : std::uint8_t {
    absent = 0,
    starting = 1,
    running = 2,
    stopped = 3,
    failed = 4
};

struct Module {
    tee::ModuleSpec spec;
    std::uint64_t image_bytes = 0;
    ModuleState state = ModuleState::absent;
    std::string failure;                 ///< with failed: how it ended or why it did not start
    std::vector<std::string> last_lines; ///< with failed: what it logged last
    std::uint64_t started_at_us = 0;     ///< Unix time
    std::uint32_t instance = 0;          ///< counts the starts
    std::vector<std::uint8_t> placement; ///< as its link says it; not kept beyond the manager

    [[nodiscard]] ModuleName name() const { return {spec.deployment, spec.name}; }
    [[nodiscard]] bool alive() const {
        return state == ModuleState::starting || state == ModuleState::running;
    }
};

/// A periodic call of an entry.
struct Periodic {
    std::string name; ///< unique in its deployment
    ModuleName module;
    std::uint16_t entry = 0;
    std::uint64_t every_us = 0;
};

/// All that outlives the manager.
struct NodeRecords {
    std::uint64_t node_id = 0; ///< 0: none yet
    std::uint64_t boot = 0;    ///< of the last start; 0: none yet
    std::vector<Deployment> deployments;
    std::vector<Module> modules;
    std::vector<Route> routes;
    std::vector<Periodic> periodic;
};

} // namespace authex::em
