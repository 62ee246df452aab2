#include "deployer/connection_messages.hpp"

namespace authex::deployer {

wire::ControlMessage set_connection(const ConnectionRecord& record, wire::Role role) {
    wire::ControlMessage message;
    message.type = wire::ControlType::set_connection;
    message.connection = {.channel = record.id,
                          .endpoint = role == wire::Role::source ? record.from.id : record.to.id,
                          .role = role,
                          .algorithm = record.algorithm,
                          .delivery =
                              record.lossy ? wire::Delivery::lossy : wire::Delivery::ordered,
                          .deadline = record.deadline,
                          .epoch = record.epoch,
                          .key = {},
                          .within_us = record.within_us};
    copy(record.key.view(), message.connection.key);
    return message;
}

wire::ControlMessage turn_key(const ConnectionRecord& record, wire::Role role, bool seals) {
    wire::ControlMessage message;
    message.type = wire::ControlType::turn_key;
    message.connection.channel = record.id;
    copy(record.key.view(), message.connection.key);
    message.turn = record.turn;
    message.seals = seals;
    // The deployer itself seals nothing but what it has kept.
    const std::uint64_t turned_at =
        role == wire::Role::source ? record.replies_turned_at : record.turned_at;
    message.until = record.direct() ? turn_unfinished : turned_at;
    return message;
}

std::vector<wire::ControlMessage>
continue_connection(const ConnectionRecord& record, wire::Role role, const wire::AuditEntry& at) {
    std::vector<wire::ControlMessage> messages{set_connection(record, role)};
    wire::ControlMessage& first = messages[0];
    first.type = wire::ControlType::continue_connection;
    first.counters = {at.sent, at.accepted, at.refused, at.expected};
    first.turn = record.turn;
    if (!record.key_before.empty()) {
        copy(record.key_before.view(), first.connection.key);
        first.turn = record.turn - 1;
        messages.push_back(turn_key(record, role, true));
    }
    return messages;
}

v1::ConnectRequest
route_on(const ConnectionRecord& record, const std::string& node, std::uint16_t deployment) {
    v1::ConnectRequest request;
    request.set_deployment(deployment);
    request.set_channel(record.id);
    request.set_epoch(record.epoch);
    request.set_request(record.request);
    request.set_direct(record.direct());
    if (node == record.destination_node) {
        request.set_destination_module(record.to.module);
    } else {
        request.set_destination_address(record.destination_address);
    }
    if (node == record.source_node) {
        request.set_source_module(record.from.module);
    } else if (!record.direct()) {
        request.set_source_address(record.source_address);
    }
    return request;
}

std::vector<std::string> nodes_of(const ConnectionRecord& record) {
    std::vector<std::string> nodes{record.destination_node};
    if (!record.source_node.empty() && record.source_node != record.destination_node) {
        nodes.push_back(record.source_node);
    }
    return nodes;
}

} // namespace authex::deployer
