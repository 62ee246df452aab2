#include "em/control/messages.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "em/control/calls.hpp"
#include "rpc/status.hpp"
#include "wire/frame.hpp"

namespace authex::em {
namespace {

constexpr int devices_max = 32;
constexpr std::size_t device_bytes_max = 63;

std::string string_of(const std::vector<std::uint8_t>& bytes) {
    return {bytes.begin(), bytes.end()};
}

} // namespace

void fill(const Module& module, v1::ModuleStatus& message) {
    message.set_name(module.spec.name);
    message.set_state(static_cast<v1::ModuleStatus::State>(module.state));
    if (module.state != ModuleState::absent) {
        message.set_image_sha256(module.spec.image_sha256.data(), module.spec.image_sha256.size());
    }
    message.set_image_bytes(module.image_bytes);
    message.set_failure(rpc::valid_utf8(module.failure));
    for (const std::string& line : module.last_lines) {
        message.add_last_lines(rpc::valid_utf8(line));
    }
    message.set_started_at_us(module.started_at_us);
    message.set_instance(module.instance);
    message.set_placement(string_of(module.placement));
}

void fill(const Greeting& greeting, v1::HelloReply& message) {
    message.set_protocol_version(wire::protocol_version);
    message.set_software("authex-em " AUTHEX_VERSION);
    message.set_tee(greeting.tee.name);
    message.set_node_id(fmt::format("{:016x}", greeting.node_id));
    message.set_boot(greeting.boot);
    message.set_simulated(greeting.tee.simulated);
    message.set_evidence_key(string_of(greeting.tee.evidence_key));
    message.set_events_address(greeting.events_address);
    message.set_max_body_bytes(greeting.tee.max_body_bytes);
    message.set_max_image_bytes(static_cast<std::uint32_t>(greeting.limits.image_bytes));
    message.set_max_modules(greeting.limits.modules);
    message.set_revoked(static_cast<std::uint32_t>(greeting.revoked));
    message.set_time_us(greeting.unix_time_us);
}

void fill(const Route& route, v1::ConnectRequest& message) {
    message.set_deployment(route.deployment);
    message.set_channel(route.channel);
    message.set_epoch(route.epoch);
    message.set_source_module(route.source_module);
    message.set_destination_module(route.destination_module);
    message.set_source_address(route.source_address);
    message.set_destination_address(route.destination_address);
    message.set_request(route.request);
    message.set_direct(route.direct);
}

void fill(const NodeStatus& status, v1::StatusReply& message) {
    for (const Module& module : status.modules) {
        v1::ModuleStatus& shown = *message.add_modules();
        fill(module, shown);
        for (const HeldUp& each : status.traffic.held_up) {
            if (each.module == module.name()) {
                shown.set_held_up(rpc::valid_utf8(each.reason));
            }
        }
    }
    std::map<std::uint16_t, const Route*> routes;
    for (const Route& route : status.routes) {
        routes.emplace(route.channel, &route);
    }
    for (const ConnectionCounters& each : status.traffic.connections) {
        v1::ConnectionStatus& connection = *message.add_connections();
        if (const auto route = routes.find(each.channel); route != routes.end()) {
            fill(*route->second, *connection.mutable_route());
        }
        connection.set_channel(each.channel);
        connection.set_epoch(each.epoch);
        connection.set_waiting_frames(each.waiting_frames);
        connection.set_waiting_bytes(each.waiting_bytes);
        connection.set_forwarded(each.forwarded);
        connection.set_acknowledged(each.acknowledged);
        connection.set_retransmitted(each.retransmitted);
        connection.set_refused(each.refused);
        connection.set_last_refusal(each.last_refusal);
    }
    for (const LinkState& each : status.traffic.links) {
        v1::LinkStatus& link = *message.add_links();
        link.set_address(each.address);
        link.set_up(each.up);
        link.set_since_us(each.since_us);
        link.set_error(rpc::valid_utf8(each.error));
    }
    for (const PeriodicState& each : status.traffic.periodic) {
        v1::PeriodicStatus& periodic = *message.add_periodic();
        periodic.set_name(each.name);
        periodic.set_module(each.module.name);
        periodic.set_entry(each.entry);
        periodic.set_every_us(each.every_us);
        periodic.set_fired(each.fired);
        periodic.set_missed(each.missed);
    }
    message.set_spill_bytes(status.traffic.spill_bytes);
    message.set_spill_limit_bytes(status.traffic.spill_limit_bytes);
}

void fill(const std::vector<metrics::Family>& families, v1::MetricsReply& message) {
    for (const metrics::Family& family : families) {
        for (const metrics::Sample& sample : family.samples) {
            v1::Metric& metric = *message.add_metrics();
            metric.set_name(std::string(family.name) + sample.suffix);
            metric.set_value(sample.value);
            for (const auto& [label, value] : sample.labels) {
                (*metric.mutable_labels())[label] = value;
            }
        }
    }
}

void fill(const LogEntry& line, v1::LogLine& message) {
    message.set_module(line.module.name);
    message.set_level(line.level);
    message.set_text(rpc::valid_utf8(line.text));
    message.set_time_us(line.time_us);
    message.set_sequence(line.sequence);
}

Expected<LoadOrder> load_order_of(const v1::LoadSpec& message) {
    LoadOrder order;
    if (message.image_sha256().size() != order.spec.image_sha256.size()) {
        return failure(
            "bad-request",
            fmt::format("the image's SHA-256 has {} bytes", message.image_sha256().size()),
            "send 32");
    }
    const bool devices_fit =
        std::all_of(message.devices().begin(),
                    message.devices().end(),
                    [](const std::string& device) { return device.size() <= device_bytes_max; });
    if (message.devices_size() > devices_max || !devices_fit) {
        return failure("bad-request", "there are too many devices, or their names are too long");
    }
    std::copy(message.image_sha256().begin(),
              message.image_sha256().end(),
              order.spec.image_sha256.begin());
    order.spec.name = message.module();
    order.spec.deployment = narrow(message.deployment());
    order.spec.stack_bytes = message.stack_bytes();
    order.spec.devices.assign(message.devices().begin(), message.devices().end());
    order.image_bytes = message.image_bytes();
    order.spec.keeps_state = message.keeps_state();
    order.replace = message.replace();
    return order;
}

ProcessName process_of(const v1::ModuleRequest& message) {
    return {.module = message.module(), .started_at_us = message.started_at_us()};
}

Expected<Route> route_of(const v1::ConnectRequest& message) {
    Route route{.deployment = narrow(message.deployment()),
                .channel = narrow(message.channel()),
                .epoch = message.epoch(),
                .source_module = message.source_module(),
                .destination_module = message.destination_module(),
                .source_address = message.source_address(),
                .destination_address = message.destination_address(),
                .request = message.request(),
                .direct = message.direct()};
    if (route.channel == 0) {
        return failure("bad-request",
                       fmt::format("{} is no connection id", message.channel()),
                       "use one from 1 to 65535");
    }
    return route;
}

} // namespace authex::em
