// What the deployer sends itself: events, requests, calls.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/result.hpp"
#include "deployer/direct.hpp"
#include "deployer/owned_application.hpp"
#include "wire/seal.hpp"

namespace authex::deployer {
namespace {

/// So much is kept of what may not have arrived.
constexpr std::size_t pending_bytes_max = std::size_t{1} << 20U;

std::optional<std::uint16_t> number_of(const std::string& text) {
    std::uint16_t number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return error == std::errc() && stop == end ? std::optional(number) : std::nullopt;
}

Diagnostic not_taken(const std::string& connection, Error refused) {
    return make_error(
        "message-refused",
        fmt::format("the module refuses the message on {}: {}", connection, error_text(refused)),
        "run authex up; if the state was put back from a copy: authex connect --connection " +
            connection + " --again");
}

Diagnostic in_doubt(Diagnostic problem) {
    problem.detail = "the message may have arrived or not; it is kept, and goes before the next "
                     "one on this connection. It is taken once at most";
    return problem;
}

v1::DeliverRequest delivery(const DirectKey& key, const std::vector<std::uint8_t>& frames) {
    v1::DeliverRequest deliver;
    deliver.set_deployment(key.deployment);
    deliver.set_channel(key.channel);
    deliver.set_frames(std::string(frames.begin(), frames.end()));
    return deliver;
}

/// As a module would say it. (wire/control.hpp, Deadline)
std::vector<std::uint8_t>
body_of(const ConnectionRecord& record, ByteView data, const Outside& outside) {
    std::vector<std::uint8_t> body;
    if (record.deadline != wire::deadline_none) {
        const std::uint64_t now_us = unix_time_us(outside);
        const ByteView bytes = bytes_of(now_us);
        body.assign(bytes.begin(), bytes.end());
    }
    body.insert(body.end(), data.begin(), data.end());
    return body;
}

} // namespace

Expected<ConnectionRecord> OwnedApplication::direct_connection(const State& state,
                                                               const std::string& name,
                                                               bool request) const {
    const descriptor::Connection* stated = descriptor_.find_connection(name);
    if (stated == nullptr || !stated->direct()) {
        std::vector<std::string> names;
        for (const descriptor::Connection& each : descriptor_.connections) {
            if (each.direct()) {
                names.push_back(each.name);
            }
        }
        return failure(
            stated == nullptr ? "unknown-connection" : "not-direct",
            stated == nullptr ? fmt::format("the descriptor has no connection {}", name)
                              : fmt::format("connection {} is between two modules: only they can "
                                            "send on it",
                                            name),
            names.empty() ? std::string("the descriptor has no direct connection")
                          : fmt::format("direct connections: {}", fmt::join(names, ", ")));
    }
    const ConnectionRecord* record = state.connection(name);
    if (record == nullptr || !record->complete || !record->direct()) {
        return failure("not-connected",
                       fmt::format("connection {} is not connected yet", name),
                       "run authex up");
    }
    const bool by_number = number_of(record->to.endpoint).has_value();
    if (record->request != request && !by_number) {
        return failure("wrong-role",
                       fmt::format("{} ends at {}", name, request ? "an input" : "a handler"),
                       fmt::format("authex {} {}", request ? "output" : "request", name));
    }
    return *record;
}

/// A counter is used up, and the frame under it kept, before the frame is sent: whatever happens
/// then, the same counter never seals anything else, and no counter is left out.
Expected<std::vector<std::uint8_t>>
OwnedApplication::send(const std::string& connection, ByteView data, bool request) {
    auto state = open_to_change();
    if (!state) {
        return tl::make_unexpected(state.error());
    }
    Expected<ConnectionRecord> record = direct_connection(**state, connection, request);
    const auto node =
        record ? node_of(record->destination_node) : tl::make_unexpected(record.error());
    if (!node) {
        return tl::make_unexpected(node.error());
    }
    const std::vector<std::uint8_t> body = body_of(*record, data, outside_);
    // Before anything is sealed: no counter seals what is not kept.
    const std::size_t frame_bytes = wire::sealed_frame_bytes(record->algorithm, body.size());
    if (!record->pending.empty() && record->pending.size() + frame_bytes > pending_bytes_max) {
        return failure("too-many-pending",
                       fmt::format("too much waits on connection {} already", connection),
                       "see with authex status why the module does not take it");
    }
    DirectKey key{.deployment = (*state)->deployment(),
                  .channel = record->id,
                  .algorithm = record->algorithm,
                  .key = {},
                  .odd_turn = record->turn % 2 != 0};
    copy(record->key.view(), key.key);
    const std::uint64_t counter = record->next_counter;
    const auto frame = seal_direct(key, request, counter, body);
    if (!frame) {
        wipe(key.key);
        return tl::make_unexpected(frame.error());
    }
    record->pending.insert(record->pending.end(), frame->begin(), frame->end());
    record->next_counter = counter + 1;
    Change change;
    change.connections = {*record};
    const Expected<bool> kept = (*state)->commit(change);
    if (!kept) {
        wipe(key.key);
        return tl::make_unexpected(kept.error());
    }
    v1::DeliverRequest deliver = delivery(key, record->pending);
    deliver.set_wait_reply(request);
    deliver.set_replies_from(counter);
    Report report(reporter_,
                  request ? "request" : "output",
                  connection,
                  record->destination_node,
                  Report::Kind::aside);
    const auto reply = (*node)->deliver(deliver);
    reply ? report.done() : report.failed(reply.error().summary);
    if (!reply) {
        wipe(key.key);
        return tl::make_unexpected(in_doubt(reply.error()));
    }
    if (reply->refused() != 0 || reply->expected() <= counter) {
        wipe(key.key);
        return tl::make_unexpected(not_taken(connection, static_cast<Error>(reply->refused())));
    }
    Expected<std::vector<std::uint8_t>> answer = std::vector<std::uint8_t>();
    if (request) {
        const std::vector<std::uint8_t> frames(reply->frames().begin(), reply->frames().end());
        answer = open_reply(key, counter, frames);
    }
    wipe(key.key);
    record->pending.clear();
    change.connections = {*record};
    change.urgent = false; // at worst it is sent again, and not taken again
    const Expected<bool> cleared = (*state)->commit(change);
    return cleared ? answer : tl::make_unexpected(cleared.error());
}

Outcome<bool> OwnedApplication::output(const std::string& connection, ByteView data) {
    const auto sent = send(connection, data, false);
    if (!sent) {
        return failed(sent.error());
    }
    return true;
}

Outcome<std::vector<std::uint8_t>> OwnedApplication::request(const std::string& connection,
                                                             ByteView data) {
    auto answer = send(connection, data, true);
    if (!answer) {
        return failed(answer.error());
    }
    return std::move(*answer);
}

Outcome<std::vector<std::uint8_t>>
OwnedApplication::call(const std::string& module, const std::string& entry, ByteView data) {
    const descriptor::Module* stated = descriptor_.find_module(module);
    if (stated == nullptr) {
        return failed(
            make_error("unknown-module", fmt::format("the descriptor has no module {}", module)));
    }
    const auto state = outside_.open_state(StateUse::look);
    if (!state) {
        return failed(state.error());
    }
    const ModuleRecord* record = (*state)->module(module);
    std::optional<std::uint16_t> id = number_of(entry);
    std::vector<std::string> entries;
    for (const descriptor::Endpoint& each :
         record == nullptr ? std::vector<descriptor::Endpoint>() : record->endpoints) {
        if (each.kind == descriptor::EndpointKind::entry) {
            entries.push_back(each.name);
            id = each.name == entry ? each.id : id;
        }
    }
    if (!id) {
        return failed(make_error("unknown-entry",
                                 fmt::format("module {} has no entry {}", module, entry),
                                 record == nullptr ? std::string("run authex up first")
                                 : entries.empty()
                                     ? std::string("it has no entries")
                                     : fmt::format("its entries: {}", fmt::join(entries, ", "))));
    }
    const auto node = node_of(stated->node.name);
    if (!node) {
        return failed(node.error());
    }
    v1::CallRequest request;
    request.set_deployment((*state)->deployment());
    request.set_module(module);
    request.set_entry(*id);
    request.set_data(std::string(data.begin(), data.end()));
    Report report(reporter_, "call", module, stated->node.name, Report::Kind::aside);
    const auto reply = (*node)->call(request);
    reply ? report.done() : report.failed(reply.error().summary);
    if (!reply) {
        return failed(reply.error());
    }
    return std::vector<std::uint8_t>(reply->data().begin(), reply->data().end());
}

} // namespace authex::deployer
