// Routes: which connections there are, and which of their ends are here.
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "em/router.hpp"
#include "em/router_state.hpp"

namespace authex::em {

Expected<bool> Router::set_route(const Route& route) {
    const std::uint32_t key = key_of(route.deployment, route.channel);
    if (Expected<bool> free = may_change(route); !free) {
        return free;
    }
    std::unique_ptr<Connection>& slot = connections_[key];
    if (slot == nullptr || slot->route.epoch != route.epoch) {
        auto next = std::make_unique<Connection>();
        for (const wire::Direction direction : {wire::Direction::forward, wire::Direction::back}) {
            Lane& lane = next->lane(direction);
            lane.connection = next.get();
            lane.direction = direction;
            const auto stranger = strangers_.extract({key, direction});
            if (slot != nullptr) {
                lane.came_from = slot->lane(direction).came_from;
            } else if (!stranger.empty()) {
                lane.came_from = stranger.mapped();
            }
            outside_.remove_outboxes({route.deployment, route.channel, direction, route.epoch});
        }
        if (slot != nullptr) {
            detach(*slot);
        }
        slot = std::move(next);
        forget_caches();
    }
    slot->route = route;
    Expected<bool> opened = open_lanes(*slot);
    if (!opened) {
        detach(*slot);
        connections_.erase(key);
        forget_caches();
        return opened;
    }
    resolve(*slot);
    return true;
}

/// Another module begins a direction only when all is taken that the one before has said there:
/// what finds no room lies in its ring. (docs/protocol.md, P89)
Expected<bool> Router::may_change(const Route& route) const {
    const Connection* connection = find(route.deployment, route.channel);
    if (connection == nullptr || connection->route.epoch != route.epoch) {
        return true;
    }
    for (const auto& [lane, name] : {std::pair(&connection->lanes[0], &route.source_module),
                                     std::pair(&connection->lanes[1], &route.destination_module)}) {
        if (lane->blocked != no_id && lane->blocked == lane->source &&
            lane->source != module_named(route.deployment, *name)) {
            return failure("frames-wait",
                           fmt::format("connection {} has no room yet for what its module has said "
                                       "on it",
                                       route.channel),
                           "try again when its receiver has taken some");
        }
    }
    return true;
}

/// Opens the outbox of each direction that begins here, and drops the one of a direction that now
/// begins elsewhere.
Expected<bool> Router::open_lanes(Connection& connection) {
    const Route& route = connection.route;
    const bool begins[2] = {!route.source_module.empty() || route.direct,
                            route.request && !route.destination_module.empty()};
    for (std::size_t i = 0; i < 2; ++i) {
        Lane& lane = connection.lanes[i];
        if (!begins[i]) {
            lane.outbox.reset();
            continue;
        }
        if (lane.outbox != nullptr) {
            continue;
        }
        const OutboxName name{route.deployment, route.channel, lane.direction, route.epoch};
        // The deployer keeps its own frames until they were taken: they need no file.
        const bool in_memory = route.direct && i == 0;
        Expected<std::unique_ptr<Outbox>> outbox =
            in_memory ? Outbox::open(std::make_unique<MemoryStore>(), name, budget_)
                      : outside_.open_outbox(name, budget_);
        if (!outbox) {
            return tl::make_unexpected(outbox.error());
        }
        lane.outbox = std::move(*outbox);
        lane.resuming = !lane.outbox->empty();
    }
    return true;
}

ModuleId Router::module_named(std::uint16_t deployment, const std::string& name) const {
    const auto found = names_.find({deployment, name});
    return found == names_.end() ? no_id : found->second;
}

/// Finds anew the modules and links that the connection's ends name.
void Router::resolve(Connection& connection) {
    const Route& route = connection.route;
    const ModuleId source = module_named(route.deployment, route.source_module);
    const ModuleId destination = module_named(route.deployment, route.destination_module);
    for (std::size_t i = 0; i < 2; ++i) {
        Lane& lane = connection.lanes[i];
        const bool forward = i == 0;
        lane.source = forward ? source : destination;
        lane.destination = forward ? destination : source;
        const std::string& module = forward ? route.destination_module : route.source_module;
        const std::string& address = forward ? route.destination_address : route.source_address;
        Target* sink = nullptr;
        if (lane.destination != no_id) {
            sink = &modules_[lane.destination]->target;
        } else if (module.empty() && !address.empty() && lane.outbox != nullptr) {
            sink = peer_target(outside_.peer_for(address));
        }
        if (sink == lane.sink) {
            let_stay(lane);
            continue;
        }
        lane.stays = false;
        lane.never_stays = false;
        if (lane.queued) {
            std::erase(lane.sink->ready, &lane);
            lane.queued = false;
        }
        lane.sink = sink;
        if (sink != nullptr && sink->up) {
            resume(lane);
        }
        let_stay(lane);
    }
}

/// Takes the connection out of every queue before it goes.
void Router::detach(Connection& connection) {
    for (Lane& lane : connection.lanes) {
        if (lane.queued) {
            std::erase(lane.sink->ready, &lane);
        }
        if (lane.stays && lane.source != no_id) {
            outside_.must_not_stay_on_node(lane.source, connection.route.channel);
        }
        unblock(lane);
    }
}

void Router::remove_route(std::uint16_t deployment, std::uint16_t channel) {
    const auto found = connections_.find(key_of(deployment, channel));
    if (found == connections_.end()) {
        return;
    }
    detach(*found->second);
    connections_.erase(found);
    forget_caches();
    for (const wire::Direction direction : {wire::Direction::forward, wire::Direction::back}) {
        outside_.remove_outboxes({deployment, channel, direction, 0});
    }
}

void Router::clear(std::uint16_t deployment) {
    std::vector<std::uint16_t> channels;
    for (const auto& [key, connection] : connections_) {
        if (connection->route.deployment == deployment) {
            channels.push_back(connection->route.channel);
        }
    }
    for (const std::uint16_t channel : channels) {
        remove_route(deployment, channel);
    }
}

} // namespace authex::em
