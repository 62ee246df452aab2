#include "deployer/delegation_end.hpp"

#include <array>
#include <tuple>

#include <fmt/format.h>
#include <openssl/rand.h>

#include "deployer/credentials.hpp"
#include "deployer/journal.hpp"
#include "deployer/private_file.hpp"
#include "deployer/role_certificates.hpp"
#include "deployer/state_copy.hpp"
#include "wire/control.hpp"

namespace authex::deployer {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Diagnostic> no_successor(const std::string& what) {
    return failure(
        "not-a-successor",
        fmt::format("the folder is no successor of what the delegate was given: {}", what),
        "look at its machine; to go on without it: authex delegate --revoke");
}

auto what_stays(const ModuleRecord& record) {
    return std::tie(record.name,
                    record.node,
                    record.identity,
                    record.image_sha256,
                    record.terms,
                    record.placement,
                    record.on_node,
                    record.instance_of);
}
auto end_that_stays(const EndRecord& end) {
    return std::tie(end.module, end.endpoint, end.id);
}
bool stays(const ConnectionRecord& a, const ConnectionRecord& b) {
    const auto terms = [](const ConnectionRecord& record) {
        return std::tie(record.id,
                        record.name,
                        record.algorithm,
                        record.lossy,
                        record.request,
                        record.given_key,
                        record.deadline,
                        record.within_us,
                        record.source_node,
                        record.destination_node);
    };
    return terms(a) == terms(b) && end_that_stays(a.from) == end_that_stays(b.from) &&
           end_that_stays(a.to) == end_that_stays(b.to);
}

Expected<ModuleRecord> module_home(const ModuleRecord& here, const ModuleRecord& there) {
    if (what_stays(here) != what_stays(there) ||
        !equal_constant_time(here.module_key.view(), there.module_key.view())) {
        return no_successor(fmt::format("module {} is another", here.name));
    }
    if (there.incarnation < here.incarnation) {
        return no_successor(fmt::format("module {} is an earlier process", here.name));
    }
    ModuleRecord record = here;
    record.session = Secret();
    record.attested_at_us = 0;
    record.incarnation = there.incarnation;
    record.process = there.process;
    record.quarantined = there.quarantined;
    record.given = there.given;
    record.keeping = there.keeping;
    record.state_key = there.state_key;
    record.state_key_before = there.state_key_before;
    return record;
}

Expected<bool>
connection_home(const ConnectionRecord& here, const ConnectionRecord& there, Change& change) {
    if (!stays(here, there)) {
        return no_successor(fmt::format("connection {} joins other ends", here.name));
    }
    if (std::tie(there.epoch, there.turn) < std::tie(here.epoch, here.turn)) {
        return no_successor(fmt::format("connection {} has an earlier key", here.name));
    }
    ConnectionRecord record = there;
    if (record.key.empty() && there.epoch == here.epoch && there.turn == here.turn) {
        record.key = here.key;
        record.key_before = here.key_before;
    }
    const bool seals = record.direct() || record.key.empty();
    change.connections.push_back(seals ? without_key(std::move(record)) : std::move(record));
    return true;
}

/// Where the state here is the delegate's, and not for others to change.
Expected<Delegation> delegation_of(const fs::path& state_directory, const fs::path& folder) {
    const auto here = read_delegation(delegated_mark(state_directory));
    if (!here) {
        return fs::exists(delegated_mark(state_directory))
                   ? here
                   : failure("not-delegated",
                             "the state is not with a delegate",
                             "authex delegate DIR gives it to one");
    }
    const auto there = read_delegation(folder / "delegation.json");
    if (!there) {
        return there;
    }
    if (here->id != there->id) {
        return failure("other-delegation",
                       fmt::format("{} is the folder of another delegation", folder.string()),
                       "name the folder that the delegate works in");
    }
    return here;
}

/// What it did stands beside what is done from here.
Expected<bool> bring_journal(const fs::path& from, const fs::path& to) {
    const Journal here(to);
    const auto known = here.last(1);
    const auto newest =
        known.empty() ? std::chrono::system_clock::time_point::min() : known.back().time;
    for (const JournalEntry& entry : Journal(from).last(std::size_t{1} << 20U)) {
        const Expected<bool> added = entry.time > newest ? here.add(entry) : true;
        if (!added) {
            return added;
        }
    }
    return true;
}

/// Nodes are told by the next command that reaches them.
Expected<bool> revoke_certificate(const fs::path& state_directory, const std::string& name) {
    const auto revoked = revoke_role(state_directory, name);
    return revoked || revoked.error().code == "unknown-role" ? Expected<bool>(true)
                                                             : tl::make_unexpected(revoked.error());
}

/// Nothing goes on under a key that the delegate may know.
Expected<Change> without_keys(const State& state) {
    Change change;
    for (const auto& [name, record] : state.modules()) {
        ModuleRecord& module = change.modules.emplace_back(record);
        module.session = Secret();
        module.attested_at_us = 0;
        if (module.state_key.empty()) {
            continue;
        }
        std::array<std::uint8_t, wire::connection_key_bytes> key{};
        if (RAND_priv_bytes(key.data(), static_cast<int>(key.size())) != 1) {
            return failure("no-randomness", "the system gives no random numbers");
        }
        module.state_key_before = module.state_key;
        module.state_key.assign(key);
        wipe(key);
    }
    for (const auto& [id, record] : state.connections()) {
        ConnectionRecord& connection = change.connections.emplace_back(without_key(record));
        connection.key = Secret();
        connection.complete = false;
        connection.window_open_since_us = 0;
    }
    return change;
}

} // namespace

Expected<Change> come_home(const State& here, const State& there) {
    if (here.deployment() != there.deployment() || here.descriptor() != there.descriptor()) {
        return no_successor("it is of another deployment");
    }
    Change change;
    for (const auto& [name, node] : here.nodes()) {
        const NodeRecord* other = there.node(name);
        if (other == nullptr || other->evidence_key != node.evidence_key) {
            return no_successor(fmt::format("node {} has another key", name));
        }
    }
    for (const auto& [name, record] : here.modules()) {
        const ModuleRecord* other = there.module(name);
        auto home = other == nullptr ? no_successor(fmt::format("module {} is missing", name))
                                     : module_home(record, *other);
        if (!home) {
            return tl::make_unexpected(home.error());
        }
        change.modules.push_back(std::move(*home));
    }
    for (const auto& [id, record] : here.connections()) {
        const auto other = there.connections().find(id);
        const Expected<bool> home =
            other == there.connections().end()
                ? no_successor(fmt::format("connection {} is missing", record.name))
                : connection_home(record, other->second, change);
        if (!home) {
            return tl::make_unexpected(home.error());
        }
    }
    return change;
}

Expected<Delegation> take_back(const fs::path& state_directory, const fs::path& folder) {
    auto delegation = delegation_of(state_directory, folder);
    if (!delegation) {
        return delegation;
    }
    const auto here = State::open(state_directory, StateUse::regain);
    // A watch that runs there does nothing any more from here on.
    const auto there =
        here ? State::open(folder, StateUse::regain) : tl::make_unexpected(here.error());
    if (!there) {
        return tl::make_unexpected(there.error());
    }
    auto change = come_home(**here, **there);
    auto used = (*there)->used_keys();
    if (!change || !used) {
        return tl::make_unexpected(change ? used.error() : change.error());
    }
    change->used_keys = std::move(*used);
    Expected<bool> done =
        replace_file(returned_mark(folder), "to its owner\n", FileAccess::owner_only);
    const auto then = [&](auto&& next) {
        if (done) {
            done = next();
        }
    };
    then([&] { return bring_journal(folder, state_directory); });
    then([&] { return (*here)->commit(*change); });
    then([&] { return revoke_certificate(state_directory, delegation->name); });
    if (!done) {
        return tl::make_unexpected(done.error());
    }
    std::error_code error;
    fs::remove(delegated_mark(state_directory), error);
    return error ? failure("file-unwritable",
                           fmt::format("cannot remove {}: {}",
                                       delegated_mark(state_directory).string(),
                                       error.message()))
                 : delegation;
}

Expected<bool> revoke_delegate(const fs::path& state_directory) {
    const fs::path mark = delegated_mark(state_directory);
    const bool away = fs::exists(mark);
    if (!away && !fs::exists(state_directory / "delegate.pub")) {
        return failure("no-delegate", "there is no delegate", "authex delegate DIR makes one");
    }
    const auto state = State::open(state_directory, StateUse::regain);
    if (!state) {
        return tl::make_unexpected(state.error());
    }
    const auto change = without_keys(**state);
    Expected<bool> done = change ? (*state)->commit(*change) : tl::make_unexpected(change.error());
    if (const auto delegation = read_delegation(mark); done && delegation) {
        done = revoke_certificate(state_directory, delegation->name);
    }
    if (!done) {
        return done;
    }
    forget_delegate_key(state_directory);
    std::error_code error;
    fs::remove(mark, error);
    return error ? failure("file-unwritable",
                           fmt::format("cannot remove {}: {}", mark.string(), error.message()))
                 : Expected<bool>(true);
}

} // namespace authex::deployer
