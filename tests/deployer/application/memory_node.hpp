#pragma once
// A node in memory: each module is a real runtime, evidence is signed as a native node signs it,
// and frames between modules go straight to their destination. It lies and dies where a test asks
// for it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "deployer/node.hpp"
#include "runtime/runtime.hpp"
#include "tee/native/evidence_key.hpp"

namespace authex::test {

/// The deployer ends here, as if killed.
struct Killed {};

/// Endpoints of every module, by id.
enum Endpoint : std::uint16_t {
    endpoint_out,
    endpoint_in,
    endpoint_ask,
    endpoint_answer,
    endpoint_tick
};

struct MemoryModule {
    std::unique_ptr<runtime::Runtime> runtime;
    std::array<std::uint8_t, 32> owner_key{};
    std::vector<std::uint8_t> image;
    std::vector<std::uint8_t> image_sha256;
    std::uint32_t instance = 0;
    std::uint32_t taken = 0; ///< events on endpoint_in
};

class MemoryNode;
/// All nodes of a test; what is common to them.
struct MemoryNetwork {
    std::map<std::string, std::shared_ptr<MemoryNode>> nodes;
    std::uint64_t calls = 0;
    std::uint64_t killed_at = 0; ///< number of the call; 0: never
    bool killed_after_effect = false;
    std::vector<std::uint8_t> (*tamper)(const std::string& module,
                                        std::vector<std::uint8_t> evidence) = nullptr;
};

class MemoryNode {
  public:
    MemoryNode(std::string name, MemoryNetwork& network, const std::filesystem::path& folder);
    /// A handle as the deployer holds it.
    std::unique_ptr<deployer::Node> reach();

    void restart_module(const std::string& name);
    [[nodiscard]] MemoryModule& module(const std::string& name) { return modules_.at(name); }
    [[nodiscard]] bool has_module(const std::string& name) const { return modules_.contains(name); }
    void new_evidence_key(const std::filesystem::path& folder);
    bool reachable = true;

  private:
    friend class MemoryNodeHandle;
    /// Feeds frames to a module; returns what it emits for the deployer, routes the rest.
    std::vector<std::uint8_t> feed(const std::string& module, ByteView frames);
    void start(MemoryModule& module);

    std::string name_;
    MemoryNetwork& network_;
    std::shared_ptr<tee::native::EvidenceKey> key_;
    std::map<std::string, MemoryModule> modules_;
    std::map<std::uint16_t, v1::ConnectRequest> routes_;
    std::map<std::string, v1::RegisterRequest> periodic_;
};

} // namespace authex::test
