#pragma once
// Routers, real modules in memory and a hostile network between them, in one thread, from one seed.
// The network carries records as the real links do; between them it drops, delays, duplicates,
// reorders and corrupts them, and cuts links. A manager can be killed: its routers' memory goes,
// its outboxes and the modules' rings stay.

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "em/link.hpp"
#include "em/router.hpp"
#include "support/memory_module.hpp"

namespace authex::test {

/// Chances in percent, a record or a step each.
struct Faults {
    unsigned drop = 0;
    unsigned delay = 0;
    unsigned duplicate = 0;
    unsigned reorder = 0;
    unsigned corrupt = 0;
    unsigned cut = 0;
    unsigned kill_manager = 0;
    unsigned module_sleeps = 0;
};

class RouterWorld;

/// One manager without its shell.
class RouterNode final : public em::RouterOutside {
  public:
    RouterNode(RouterWorld& world, std::size_t index, std::uint64_t spill_limit_bytes);

    em::ModuleId add(const std::string& name, std::shared_ptr<MemoryModule> module);
    void route(const em::Route& route);
    /// Forgets all that a killed process forgets, and starts again.
    void restart();
    /// One round of its loop. @return whether anything moved.
    bool round(std::uint64_t now_us);
    [[nodiscard]] em::Router& router() { return *router_; }

    bool durable = false;          ///< what routes keep from now on waits for the disk
    bool disk_fails = false;       ///< where it is durable
    std::vector<std::string> said; ///< of the disk: why it fails, or "works"
    std::vector<std::string> misbehaviour;
    std::vector<std::pair<wire::FrameHeader, std::vector<std::uint8_t>>> service_frames;

    std::size_t module_room(em::ModuleId module) override;
    void to_module(em::ModuleId module, ByteView frames) override;
    std::size_t peer_room(em::PeerId peer) override;
    void to_peer(em::PeerId peer, ByteView frames) override;
    void answer_peer(em::PeerId peer, ByteView frames) override { to_peer(peer, frames); }
    em::PeerId peer_for(const std::string& address) override;
    Expected<std::unique_ptr<em::Outbox>> open_outbox(const em::OutboxName& name,
                                                      em::SpillBudget& budget) override;
    void remove_outboxes(const em::OutboxName& name) override;
    void
    service_frame(em::ModuleId module, const wire::FrameHeader& header, ByteView body) override;
    void misbehaved(em::ModuleId module, std::string reason) override;
    void unblocked(em::ModuleId) override {}
    void disk_failed(em::ModuleId, const Diagnostic& reason) override {
        said.push_back(reason.summary);
    }
    void disk_works(em::ModuleId) override { said.emplace_back("works"); }
    void direct_changed(std::uint16_t, std::uint16_t) override {}

  private:
    friend class RouterWorld;
    struct Hosted {
        std::string name;
        std::shared_ptr<MemoryModule> module;
    };
    using Memory = std::shared_ptr<std::vector<std::uint64_t>>;
    using StoreKey = std::tuple<std::uint16_t, std::uint16_t, wire::Direction, std::uint32_t>;

    RouterWorld& world_;
    std::size_t index_;
    std::uint64_t spill_limit_bytes_;
    std::unique_ptr<em::Router> router_;
    std::vector<Hosted> modules_;
    std::vector<em::Route> routes_;
    std::map<StoreKey, Memory> disk_;
    em::PeerId next_peer_ = 0;
};

class RouterWorld {
  public:
    explicit RouterWorld(std::uint64_t seed,
                         std::size_t nodes = 2,
                         std::uint64_t spill_limit_bytes = std::uint64_t{64} << 20U);

    [[nodiscard]] RouterNode& node(std::size_t index) { return *nodes_[index]; }
    static std::string address(std::size_t node) { return "node-" + std::to_string(node); }
    /// Time goes on, everyone has a turn, the network does its worst.
    void step(const Faults& faults);
    /// Steps without faults until nothing changes for a second. @return false: it never ends.
    bool settle(std::size_t steps_max = 2000);
    [[nodiscard]] std::uint64_t now_us() const { return now_us_; }
    bool chance(unsigned percent) { return percent != 0 && random_() % 100 < percent; }
    std::uint64_t random(std::uint64_t below) { return random_() % below; }
    /// Keeps a link down.
    void set_partitioned(bool partitioned) { partitioned_ = partitioned; }

  private:
    friend class RouterNode;
    using Record = std::vector<std::uint8_t>;
    struct Side {
        RouterNode* node = nullptr;
        em::PeerId peer = em::no_id;
        em::RecordWriter out;
        em::RecordParser in;
        std::deque<Record> arriving;
    };
    struct Wire {
        std::array<Side, 2> sides; ///< 0 has opened it
        bool up = false;
    };
    Wire* wire_of(const RouterNode& node, em::PeerId peer, std::size_t& side);
    void connect(Wire& wire);
    void cut(Wire& wire);
    bool carry(Wire& wire, const Faults& faults);
    void send(Wire& wire, std::size_t side, const Faults& faults);
    bool turn(const Faults& faults);

    std::mt19937_64 random_;
    std::uint64_t now_us_ = 1;
    bool partitioned_ = false;
    std::vector<std::unique_ptr<RouterNode>> nodes_;
    std::vector<std::unique_ptr<Wire>> wires_;
};

} // namespace authex::test
