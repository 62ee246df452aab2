#include "deployer/state.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include <fmt/format.h>

#include "deployer/state_marks.hpp"
#include "deployer/state_tables.hpp"

namespace authex::deployer {

using namespace tables;

std::uint16_t any_deployment(const std::function<void(Bytes)>& random) {
    std::uint16_t id = 0;
    while (id == 0) {
        std::array<std::uint8_t, 2> bytes{};
        random(bytes);
        id = static_cast<std::uint16_t>(bytes[0] | (bytes[1] << 8U));
    }
    return id;
}

bool Change::empty() const {
    return nodes.empty() && modules.empty() && connections.empty() && periodic.empty() &&
           erased_nodes.empty() && erased_modules.empty() && erased_connections.empty() &&
           erased_periodic.empty() && used_keys.empty() && turned.empty() &&
           !descriptor.has_value();
}

State::State(std::shared_ptr<Database> database) : database_(std::move(database)) {}

Expected<std::unique_ptr<State>> State::open(const std::filesystem::path& directory, StateUse use) {
    std::unique_ptr<StateLock> lock;
    const std::filesystem::path file = directory / "state.db";
    if (use != StateUse::look) {
        std::error_code error;
        std::filesystem::create_directories(directory, error);
        auto taken = StateLock::take(directory);
        if (!taken) {
            return tl::make_unexpected(taken.error());
        }
        const Expected<bool> may = use == StateUse::change ? may_change(directory) : true;
        if (!may) {
            return tl::make_unexpected(may.error());
        }
        lock = std::move(*taken);
    }
    const bool nothing_to_see = use == StateUse::look && !std::filesystem::exists(file);
    auto database = nothing_to_see ? Database::in_memory() : Database::open(file);
    if (!database) {
        return tl::make_unexpected(database.error());
    }
    auto state = open(std::shared_ptr<Database>(std::move(*database)));
    if (state) {
        (*state)->lock_ = std::move(lock);
    }
    return state;
}

Expected<std::unique_ptr<State>> State::open(std::shared_ptr<Database> database) {
    std::unique_ptr<State> state(new State(std::move(database)));
    for (const auto step : {&State::prepare, &State::read}) {
        const Expected<bool> done = (state.get()->*step)();
        if (!done) {
            return tl::make_unexpected(done.error());
        }
    }
    return state;
}

Expected<bool> State::prepare() {
    const Expected<std::int64_t> version = database_->integer("PRAGMA user_version");
    if (!version) {
        return tl::make_unexpected(version.error());
    }
    if (*version > schema_version) {
        return failure("state-newer",
                       "the state was written by a newer release of authex",
                       "use that release, or another state directory");
    }
    if (*version == 0) {
        return transaction([&]() -> Expected<bool> {
            const Expected<bool> made = database_->execute(schema);
            return made ? database_->execute(fmt::format("PRAGMA user_version = {}; INSERT INTO "
                                                         "deployment VALUES (0)",
                                                         schema_version))
                        : made;
        });
    }
    if (*version == schema_version) {
        return true;
    }
    return transaction([&]() -> Expected<bool> {
        for (auto step = static_cast<std::size_t>(*version); step < schema_version; ++step) {
            const Expected<bool> done = database_->execute(migrations.at(step - 1));
            if (!done) {
                return done;
            }
        }
        return true;
    });
}

Expected<bool> State::read() {
    const Expected<std::int64_t> id = database_->integer("SELECT id FROM deployment");
    if (!id) {
        return tl::make_unexpected(id.error());
    }
    deployment_ = static_cast<std::uint16_t>(*id);
    Expected<bool> done = read_all<NodeTable, NodeRecord>(
        *database_, [&](NodeRecord&& r) { nodes_[r.name] = std::move(r); });
    if (done) {
        done = read_all<ModuleTable, ModuleRecord>(
            *database_, [&](ModuleRecord&& r) { modules_[r.name] = std::move(r); });
    }
    if (done) {
        done = read_all<ConnectionTable, ConnectionRecord>(
            *database_, [&](ConnectionRecord&& r) { connections_[r.id] = std::move(r); });
    }
    if (done) {
        done = read_all<PeriodicTable, PeriodicRecord>(
            *database_, [&](PeriodicRecord&& r) { periodic_[r.name] = std::move(r); });
    }
    if (done) {
        done = read_all<TurnedTable, Turned>(*database_,
                                             [&](Turned&& r) { turned_.insert(std::move(r)); });
    }
    if (done) {
        Expected<Statement> statement = database_->prepare("SELECT descriptor FROM deployed");
        done = run(statement);
        descriptor_ = done && *done ? statement->text() : "";
    }
    return done;
}

Expected<bool> State::transaction(const std::function<Expected<bool>()>& work) {
    const auto say = [&](const char* sql) {
        Expected<Statement> statement = database_->prepare(sql);
        return run(statement);
    };
    Expected<bool> done = say("BEGIN IMMEDIATE");
    if (!done) {
        return done;
    }
    done = work();
    if (done) {
        done = say("COMMIT");
    }
    if (!done) {
        (void)say("ROLLBACK");
        return done;
    }
    return true;
}

Expected<bool> State::set_deployment(std::uint16_t deployment) {
    (void)database_->set_synchronous(true);
    Expected<bool> done = transaction([&] {
        const std::string forget =
            deployment == 0 ? "DELETE FROM node; DELETE FROM module; DELETE FROM connection; "
                              "DELETE FROM periodic; DELETE FROM deployed; "
                            : "";
        return database_->execute(
            fmt::format("{}UPDATE deployment SET id = {}", forget, deployment));
    });
    if (!done) {
        return done;
    }
    deployment_ = deployment;
    if (deployment == 0) {
        nodes_.clear();
        modules_.clear();
        connections_.clear();
        periodic_.clear();
        descriptor_.clear();
    }
    if (listener_) {
        listener_(modules_);
    }
    if (committed) {
        committed();
    }
    return true;
}

Expected<std::uint16_t> State::claim_deployment(const std::function<void(Bytes)>& random) {
    const Expected<bool> kept =
        deployment_ != 0 ? Expected<bool>(true) : set_deployment(any_deployment(random));
    return kept ? Expected<std::uint16_t>(deployment_) : tl::make_unexpected(kept.error());
}

const NodeRecord* State::node(const std::string& name) const {
    const auto found = nodes_.find(name);
    return found == nodes_.end() ? nullptr : &found->second;
}

const ModuleRecord* State::module(const std::string& name) const {
    const auto found = modules_.find(name);
    return found == modules_.end() ? nullptr : &found->second;
}

const ConnectionRecord* State::connection(const std::string& name) const {
    const auto found = std::find_if(connections_.begin(), connections_.end(), [&](const auto& it) {
        return it.second.name == name;
    });
    return found == connections_.end() ? nullptr : &found->second;
}

Expected<bool> State::key_used(const std::array<std::uint8_t, 32>& digest) {
    Expected<Statement> statement = database_->prepare("SELECT 1 FROM used_key WHERE sha256 = ?");
    if (statement) {
        statement->bind(ByteView(digest));
    }
    return run(statement);
}

Expected<std::vector<std::array<std::uint8_t, 32>>> State::used_keys() {
    std::vector<std::array<std::uint8_t, 32>> keys;
    Expected<Statement> statement = database_->prepare("SELECT sha256 FROM used_key");
    Expected<bool> row = run(statement);
    while (row && *row) {
        const std::vector<std::uint8_t> digest = statement->blob();
        std::array<std::uint8_t, 32> key{};
        std::copy_n(digest.begin(), std::min(digest.size(), key.size()), key.begin());
        keys.push_back(key);
        row = statement->step();
    }
    return row ? Expected<std::vector<std::array<std::uint8_t, 32>>>(std::move(keys))
               : tl::make_unexpected(row.error());
}

Expected<bool> State::write(const Change& change) {
    Database& database = *database_;
    const std::vector<std::int64_t> connections(change.erased_connections.begin(),
                                                change.erased_connections.end());
    Expected<bool> done = erase(database, "DELETE FROM connection WHERE id = ?", connections);
    const auto then = [&](auto&& next) {
        if (done) {
            done = next();
        }
    };
    then([&] { return erase(database, "DELETE FROM node WHERE name = ?", change.erased_nodes); });
    then([&] {
        return erase(database, "DELETE FROM module WHERE name = ?", change.erased_modules);
    });
    then([&] {
        return erase(database, "DELETE FROM periodic WHERE name = ?", change.erased_periodic);
    });
    then([&] { return put<NodeTable>(database, change.nodes); });
    then([&] { return put<ModuleTable>(database, change.modules); });
    then([&] { return put<ConnectionTable>(database, change.connections); });
    then([&] { return put<PeriodicTable>(database, change.periodic); });
    then([&] {
        return put<TurnedTable>(database,
                                std::vector<Turned>(change.turned.begin(), change.turned.end()));
    });
    if (change.descriptor) {
        then([&] {
            Expected<Statement> statement = database.prepare("DELETE FROM deployed");
            return run(statement);
        });
        then([&] {
            Expected<Statement> statement = database.prepare("INSERT INTO deployed VALUES (?)");
            if (statement) {
                statement->bind(*change.descriptor);
            }
            return run(statement);
        });
    }
    for (const auto& digest : change.used_keys) {
        then([&] {
            Expected<Statement> statement =
                database.prepare("INSERT OR IGNORE INTO used_key VALUES (?)");
            if (statement) {
                statement->bind(ByteView(digest));
            }
            return run(statement);
        });
    }
    return done;
}

void State::remember(const Change& change) {
    for (const std::uint16_t id : change.erased_connections) {
        connections_.erase(id);
    }
    for (const std::string& name : change.erased_nodes) {
        nodes_.erase(name);
    }
    for (const std::string& name : change.erased_modules) {
        modules_.erase(name);
    }
    for (const std::string& name : change.erased_periodic) {
        periodic_.erase(name);
    }
    for (const NodeRecord& record : change.nodes) {
        nodes_[record.name] = record;
    }
    for (const ModuleRecord& record : change.modules) {
        modules_[record.name] = record;
    }
    for (const ConnectionRecord& record : change.connections) {
        connections_[record.id] = record;
    }
    for (const PeriodicRecord& record : change.periodic) {
        periodic_[record.name] = record;
    }
    for (const auto& [name, turns] : change.turned) {
        turned_[name] = turns;
    }
    descriptor_ = change.descriptor.value_or(descriptor_);
}

Expected<bool> State::commit(const Change& change) {
    if (change.empty()) {
        return true;
    }
    Expected<bool> done = database_->set_synchronous(change.urgent);
    if (done) {
        done = transaction([&] { return write(change); });
    }
    if (!done) {
        return done;
    }
    remember(change);
    if (listener_) {
        listener_(modules_);
    }
    if (committed) {
        committed();
    }
    return true;
}

} // namespace authex::deployer
