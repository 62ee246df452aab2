#include "support/router_world.hpp"

#include <algorithm>
#include <stdexcept>

namespace authex::test {
namespace {

constexpr std::size_t link_buffer_bytes = 256 * 1024;
constexpr std::uint64_t quiet_us = 12'000'000; ///< longer than the longest retry

/// Memory that survives its router.
class DiskStore final : public em::OutboxStore {
  public:
    DiskStore(const RouterNode& node, std::shared_ptr<std::vector<std::uint64_t>> words)
        : node_(node), durable_(node.durable), words_(std::move(words)) {}
    Bytes bytes() override {
        return {reinterpret_cast<std::uint8_t*>(words_->data()), words_->size() * 8};
    }
    bool replace(std::size_t size, const std::function<void(Bytes)>& fill) override {
        std::vector<std::uint64_t> words(size / 8);
        fill({reinterpret_cast<std::uint8_t*>(words.data()), size});
        words_->swap(words);
        return true;
    }
    [[nodiscard]] bool is_durable() const override { return durable_; }
    Expected<bool> sync() override {
        return node_.disk_fails ? failure("disk-failed", "a sector is gone") : Expected<bool>(true);
    }

  private:
    const RouterNode& node_;
    bool durable_;
    std::shared_ptr<std::vector<std::uint64_t>> words_;
};

} // namespace

RouterNode::RouterNode(RouterWorld& world, std::size_t index, std::uint64_t spill_limit_bytes)
    : world_(world), index_(index), spill_limit_bytes_(spill_limit_bytes),
      router_(std::make_unique<em::Router>(*this, spill_limit_bytes, index + 1)) {}

em::ModuleId RouterNode::add(const std::string& name, std::shared_ptr<MemoryModule> module) {
    const auto id = static_cast<em::ModuleId>(modules_.size());
    modules_.push_back({name, std::move(module)});
    router_->add_module(id, {1, name});
    router_->module_ready(id);
    return id;
}

void RouterNode::route(const em::Route& route) {
    if (!router_->set_route(route)) {
        throw std::runtime_error("a route was refused");
    }
    routes_.push_back(route);
}

void RouterNode::restart() {
    for (const auto& wire : world_.wires_) {
        if (wire->sides[0].node == this || wire->sides[1].node == this) {
            world_.cut(*wire);
        }
    }
    // The links that it opened are forgotten; those of others to it are not.
    std::erase_if(world_.wires_, [this](const auto& wire) { return wire->sides[0].node == this; });
    router_.reset();
    router_ = std::make_unique<em::Router>(*this, spill_limit_bytes_, index_ + 1);
    router_->set_now(world_.now_us());
    for (const em::Route& route : routes_) {
        if (!router_->set_route(route)) {
            throw std::runtime_error("a route was refused after a restart");
        }
    }
    for (em::ModuleId id = 0; id < modules_.size(); ++id) {
        router_->add_module(id, {1, modules_[id].name});
        router_->module_ready(id);
    }
}

bool RouterNode::round(std::uint64_t now_us) {
    bool any = false;
    router_->set_now(now_us);
    for (em::ModuleId id = 0; id < modules_.size(); ++id) {
        MemoryModule& module = *modules_[id].module;
        any = module.run() || any;
        const std::size_t taken = router_->from_module(id, module.output());
        module.consume(taken);
        any = any || taken != 0;
        router_->module_writable(id);
    }
    if (now_us >= router_->next_due()) {
        router_->on_time();
    }
    router_->flush();
    return any;
}

std::size_t RouterNode::module_room(em::ModuleId module) {
    return modules_[module].module->room();
}
void RouterNode::to_module(em::ModuleId module, ByteView frames) {
    modules_[module].module->feed(frames);
}

std::size_t RouterNode::peer_room(em::PeerId peer) {
    std::size_t side = 0;
    RouterWorld::Wire* wire = world_.wire_of(*this, peer, side);
    if (wire == nullptr || !wire->up) {
        return 0;
    }
    const std::size_t used = wire->sides[side].out.size();
    return used < link_buffer_bytes ? link_buffer_bytes - used : 0;
}

void RouterNode::to_peer(em::PeerId peer, ByteView frames) {
    std::size_t side = 0;
    RouterWorld::Wire* wire = world_.wire_of(*this, peer, side);
    if (wire != nullptr && wire->up) {
        wire->sides[side].out.add(frames);
    }
}

em::PeerId RouterNode::peer_for(const std::string& address) {
    for (const auto& wire : world_.wires_) {
        if (wire->sides[0].node == this &&
            RouterWorld::address(wire->sides[1].node->index_) == address) {
            return wire->sides[0].peer;
        }
    }
    auto wire = std::make_unique<RouterWorld::Wire>();
    wire->sides[0].node = this;
    wire->sides[0].peer = next_peer_++;
    for (const auto& other : world_.nodes_) {
        if (RouterWorld::address(other->index_) == address) {
            wire->sides[1].node = other.get();
        }
    }
    world_.wires_.push_back(std::move(wire));
    return next_peer_ - 1;
}

Expected<std::unique_ptr<em::Outbox>> RouterNode::open_outbox(const em::OutboxName& name,
                                                              em::SpillBudget& budget) {
    Memory& words = disk_[{name.deployment, name.channel, name.direction, name.epoch}];
    if (words == nullptr) {
        words = std::make_shared<std::vector<std::uint64_t>>();
    }
    return em::Outbox::open(std::make_unique<DiskStore>(*this, words), name, budget);
}

void RouterNode::remove_outboxes(const em::OutboxName& name) {
    std::erase_if(disk_, [&](const auto& item) {
        const auto& [deployment, channel, direction, epoch] = item.first;
        return deployment == name.deployment && channel == name.channel &&
               direction == name.direction && epoch != name.epoch;
    });
}

void RouterNode::service_frame(em::ModuleId, const wire::FrameHeader& header, ByteView body) {
    service_frames.emplace_back(header, std::vector<std::uint8_t>(body.begin(), body.end()));
}

void RouterNode::misbehaved(em::ModuleId, std::string reason) {
    misbehaviour.push_back(std::move(reason));
}

RouterWorld::RouterWorld(std::uint64_t seed, std::size_t nodes, std::uint64_t spill_limit_bytes)
    : random_(seed) {
    for (std::size_t i = 0; i < nodes; ++i) {
        nodes_.push_back(std::make_unique<RouterNode>(*this, i, spill_limit_bytes));
    }
}

RouterWorld::Wire*
RouterWorld::wire_of(const RouterNode& node, em::PeerId peer, std::size_t& side) {
    for (const auto& wire : wires_) {
        for (side = 0; side < 2; ++side) {
            if (wire->sides[side].node == &node && wire->sides[side].peer == peer) {
                return wire.get();
            }
        }
    }
    return nullptr;
}

void RouterWorld::connect(Wire& wire) {
    for (Side& side : wire.sides) {
        side.out.clear();
        side.in = em::RecordParser();
        side.in.set_limit(em::record_max_bytes);
        side.arriving.clear();
    }
    wire.sides[1].peer = wire.sides[1].node->next_peer_++;
    wire.up = true;
    for (Side& side : wire.sides) {
        side.node->router().peer_up(side.peer);
    }
}

void RouterWorld::cut(Wire& wire) {
    if (!wire.up) {
        return;
    }
    wire.up = false;
    wire.sides[0].node->router().peer_down(wire.sides[0].peer);
    wire.sides[1].node->router().remove_peer(wire.sides[1].peer);
}

/// What a side wants to say becomes a record on the network.
void RouterWorld::send(Wire& wire, std::size_t side, const Faults& faults) {
    em::RecordWriter& out = wire.sides[side].out;
    const ByteView pending = out.pending();
    if (pending.empty()) {
        return;
    }
    Record record(pending.begin(), pending.end());
    out.written(pending.size());
    wire.sides[side].node->router().peer_writable(wire.sides[side].peer);
    if (chance(faults.drop)) {
        return;
    }
    std::deque<Record>& queue = wire.sides[1 - side].arriving;
    if (chance(faults.corrupt)) {
        record[random(record.size())] ^= static_cast<std::uint8_t>(1U << random(8));
    }
    if (chance(faults.duplicate)) {
        queue.push_back(record);
    }
    queue.push_back(std::move(record));
    if (queue.size() > 1 && chance(faults.reorder)) {
        std::swap(queue.back(), queue[random(queue.size())]);
    }
}

/// @return whether anything moved.
bool RouterWorld::carry(Wire& wire, const Faults& faults) {
    bool any = false;
    for (std::size_t side = 0; side < 2 && wire.up; ++side) {
        send(wire, side, faults);
    }
    for (Side& side : wire.sides) {
        while (wire.up && !side.arriving.empty() && !chance(faults.delay)) {
            const Record record = std::move(side.arriving.front());
            side.arriving.pop_front();
            any = true;
            const bool accepted = side.in.feed(record, [&](ByteView payload) {
                return side.node->router().from_peer(side.peer, payload);
            });
            if (!accepted) {
                cut(wire);
            }
        }
    }
    return any;
}

bool RouterWorld::turn(const Faults& faults) {
    bool any = false;
    for (const auto& node : nodes_) {
        for (RouterNode::Hosted& hosted : node->modules_) {
            hosted.module->set_asleep(chance(faults.module_sleeps));
        }
        if (chance(faults.kill_manager)) {
            node->restart();
        }
        any = node->round(now_us_) || any;
    }
    for (std::size_t i = 0; i < wires_.size(); ++i) {
        Wire& wire = *wires_[i];
        if (!wire.up && !partitioned_ && !chance(faults.cut)) {
            connect(wire);
            any = true;
        }
        any = carry(wire, faults) || any;
        if (partitioned_ || chance(faults.cut)) {
            cut(wire);
        }
    }
    return any;
}

void RouterWorld::step(const Faults& faults) {
    now_us_ += random(30'000);
    (void)turn(faults);
}

bool RouterWorld::settle(std::size_t steps_max) {
    std::uint64_t last_change_us = now_us_;
    for (std::size_t i = 0; i < steps_max; ++i) {
        if (turn({})) {
            last_change_us = now_us_;
            now_us_ += 100;
            continue;
        }
        // Nothing moves before the next timer.
        std::uint64_t due = now_us_ + quiet_us;
        for (const auto& node : nodes_) {
            due = std::min(due, std::max(node->router().next_due(), now_us_ + 1));
        }
        now_us_ = due;
        if (now_us_ - last_change_us > quiet_us) {
            return true;
        }
    }
    return false;
}

} // namespace authex::test
