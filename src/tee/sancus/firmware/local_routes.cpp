#include "tee/sancus/firmware/local_routes.hpp"

namespace authex::tee::sancus::firmware {

LocalRoute* LocalRoutes::find(std::uint8_t source, std::uint16_t channel) {
    for (LocalRoute& route : routes_) {
        if (route.source == source && route.channel == channel) {
            return &route;
        }
    }
    return nullptr;
}

bool LocalRoutes::set(std::uint8_t source, std::uint16_t channel, std::uint8_t destination) {
    LocalRoute* route = find(source, channel);
    if (destination == LocalRoute::unused) {
        if (route != nullptr) {
            *route = LocalRoute{};
        }
        return true;
    }
    for (LocalRoute& each : routes_) {
        if (route == nullptr && each.source == LocalRoute::unused) {
            route = &each;
        }
    }
    if (route == nullptr) {
        return false;
    }
    route->source = source;
    route->channel = channel;
    route->destination = destination;
    route->through_manager = false;
    return true;
}

void LocalRoutes::remove(std::uint8_t slot) {
    give_up(slot);
    for (LocalRoute& route : routes_) {
        if (route.source == slot) {
            route = LocalRoute{};
        }
    }
}

void LocalRoutes::give_up(std::uint8_t slot) {
    for (LocalRoute& route : routes_) {
        route.through_manager = route.through_manager || slot == LocalRoute::unused ||
                                route.source == slot || route.destination == slot;
    }
}

LocalQueue::Mark LocalQueue::mark() const {
    Mark mark{};
    __builtin_memcpy(&mark, memory_.data(), sizeof mark);
    return mark;
}

bool LocalQueue::push(const std::uint8_t* frame, std::uint16_t bytes, LocalRoute* route) {
    if (bytes + mark_bytes > memory_.size() - used_) {
        return false;
    }
    const Mark mark{.route = route, .bytes = bytes};
    __builtin_memcpy(&memory_[used_], &mark, sizeof mark);
    __builtin_memcpy(&memory_[used_ + mark_bytes], frame, bytes);
    used_ = static_cast<std::uint16_t>(used_ + mark_bytes + bytes);
    return true;
}

void LocalQueue::pop() {
    const auto gone = static_cast<std::uint16_t>(mark_bytes + bytes());
    used_ = static_cast<std::uint16_t>(used_ - gone);
    for (std::uint16_t i = 0; i != used_; ++i) {
        memory_[i] = memory_[gone + i];
    }
}

} // namespace authex::tee::sancus::firmware
