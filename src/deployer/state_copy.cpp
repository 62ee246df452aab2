#include "deployer/state_copy.hpp"

#include <functional>

namespace authex::deployer {
namespace {

bool is_kept(const std::map<std::string, ModuleRecord>& modules, const EndRecord& end) {
    const auto found = modules.find(end.module);
    return found != modules.end() && !found->second.state_key.empty();
}

Expected<std::shared_ptr<Database>>
copy_of(State& from, const std::function<ConnectionRecord(const ConnectionRecord&)>& changed) {
    auto opened = Database::in_memory();
    if (!opened) {
        return tl::make_unexpected(opened.error());
    }
    std::shared_ptr<Database> database = std::move(*opened);
    const auto to = State::open(database);
    const auto used = from.used_keys();
    if (!to || !used) {
        return tl::make_unexpected(to ? used.error() : to.error());
    }
    Change change;
    change.used_keys = *used;
    change.turned = from.turned();
    if (!from.descriptor().empty()) {
        change.descriptor = from.descriptor();
    }
    for (const auto& [name, node] : from.nodes()) {
        change.nodes.push_back(node);
    }
    for (const auto& [name, module] : from.modules()) {
        change.modules.push_back(module);
        change.modules.back().session = Secret();
        change.modules.back().attested_at_us = 0;
    }
    for (const auto& [id, connection] : from.connections()) {
        change.connections.push_back(changed(connection));
    }
    for (const auto& [name, periodic] : from.periodic()) {
        change.periodic.push_back(periodic);
    }
    Expected<bool> kept = (*to)->set_deployment(from.deployment());
    kept = kept ? (*to)->commit(change) : kept;
    return kept ? Expected<std::shared_ptr<Database>>(std::move(database))
                : tl::make_unexpected(kept.error());
}

} // namespace

ConnectionRecord without_key(ConnectionRecord record) {
    const bool stays = record.given_key && !record.direct();
    if (!stays) {
        record.key = Secret();
        record.key_before = Secret();
    }
    // The deployer would seal under it; a turn that is not finished could not be, without the key.
    const bool turns = record.turning || record.turned_at == turn_unfinished;
    record.complete = record.complete && !record.direct() && (stays || !turns);
    record.next_counter = 0;
    record.pending.clear();
    return record;
}

ConnectionRecord handed_on(ConnectionRecord record,
                           const std::map<std::string, ModuleRecord>& modules) {
    const bool outlives = is_kept(modules, record.from) || is_kept(modules, record.to);
    return record.complete && !record.direct() && outlives ? record
                                                           : without_key(std::move(record));
}

Expected<std::shared_ptr<Database>> copy_without_keys(State& from) {
    return copy_of(from, without_key);
}

Expected<std::shared_ptr<Database>> copy_to_hand_on(State& from) {
    return copy_of(from, [&from](const ConnectionRecord& record) {
        return handed_on(record, from.modules());
    });
}

} // namespace authex::deployer
