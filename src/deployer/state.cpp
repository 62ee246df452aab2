#include "deployer/state.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace authex::deployer {
namespace {

constexpr std::int64_t schema_version = 3;

constexpr const char* schema = R"(
CREATE TABLE deployment (id INTEGER NOT NULL);
CREATE TABLE node (
    name TEXT PRIMARY KEY, address TEXT NOT NULL, tee TEXT NOT NULL, node_id TEXT NOT NULL,
    evidence_key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE module (
    name TEXT PRIMARY KEY, node TEXT NOT NULL, identity BLOB NOT NULL, image_sha256 BLOB NOT NULL,
    terms TEXT NOT NULL, endpoints TEXT NOT NULL, image_bytes INTEGER NOT NULL,
    attested_at_us INTEGER NOT NULL, incarnation INTEGER NOT NULL, process TEXT NOT NULL,
    simulated INTEGER NOT NULL, disabled INTEGER NOT NULL, session BLOB NOT NULL,
    given TEXT NOT NULL DEFAULT '[]', placement BLOB NOT NULL DEFAULT x'',
    module_key BLOB NOT NULL DEFAULT x'') WITHOUT ROWID;
CREATE TABLE connection (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL,
    from_module TEXT NOT NULL, from_endpoint TEXT NOT NULL, from_id INTEGER NOT NULL,
    from_incarnation INTEGER NOT NULL,
    to_module TEXT NOT NULL, to_endpoint TEXT NOT NULL, to_id INTEGER NOT NULL,
    to_incarnation INTEGER NOT NULL,
    algorithm INTEGER NOT NULL, lossy INTEGER NOT NULL, request INTEGER NOT NULL,
    given_key INTEGER NOT NULL, epoch INTEGER NOT NULL, key BLOB NOT NULL,
    complete INTEGER NOT NULL, source_node TEXT NOT NULL, destination_node TEXT NOT NULL,
    source_address TEXT NOT NULL, destination_address TEXT NOT NULL,
    next_counter INTEGER NOT NULL, pending BLOB NOT NULL, window_open_since_us INTEGER NOT NULL);
CREATE TABLE periodic (
    name TEXT PRIMARY KEY, node TEXT NOT NULL, module TEXT NOT NULL, entry INTEGER NOT NULL,
    every_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE used_key (sha256 BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE turned_secret (name TEXT PRIMARY KEY, turns INTEGER NOT NULL) WITHOUT ROWID;
)";

/// What brings a state of an earlier version to the next, from version 1 on.
constexpr std::array migrations = {
    R"(
ALTER TABLE module ADD COLUMN given TEXT NOT NULL DEFAULT '[]';
CREATE TABLE turned_secret (name TEXT PRIMARY KEY, turns INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 2;
)",
    R"(
ALTER TABLE module ADD COLUMN placement BLOB NOT NULL DEFAULT x'';
ALTER TABLE module ADD COLUMN module_key BLOB NOT NULL DEFAULT x'';
PRAGMA user_version = 3;
)"};
static_assert(migrations.size() == schema_version - 1);

using Endpoints = std::vector<descriptor::Endpoint>;
using Given = std::vector<GivenValue>;
using Turned = std::pair<std::string, std::uint32_t>;

/// The columns of each table, in the order of the schema.
template <typename R>
auto columns_of_node(R& r) {
    return std::tie(r.name, r.address, r.tee, r.node_id, r.evidence_key);
}
template <typename R>
auto columns_of_module(R& r) {
    return std::tie(r.name,
                    r.node,
                    r.identity,
                    r.image_sha256,
                    r.terms,
                    r.endpoints,
                    r.image_bytes,
                    r.attested_at_us,
                    r.incarnation,
                    r.process,
                    r.simulated,
                    r.disabled,
                    r.session,
                    r.given,
                    r.placement,
                    r.module_key);
}
template <typename R>
auto columns_of_connection(R& r) {
    return std::tie(r.id,
                    r.name,
                    r.from.module,
                    r.from.endpoint,
                    r.from.id,
                    r.from.incarnation,
                    r.to.module,
                    r.to.endpoint,
                    r.to.id,
                    r.to.incarnation,
                    r.algorithm,
                    r.lossy,
                    r.request,
                    r.given_key,
                    r.epoch,
                    r.key,
                    r.complete,
                    r.source_node,
                    r.destination_node,
                    r.source_address,
                    r.destination_address,
                    r.next_counter,
                    r.pending,
                    r.window_open_since_us);
}
template <typename R>
auto columns_of_periodic(R& r) {
    return std::tie(r.name, r.node, r.module, r.entry, r.every_us);
}

struct NodeTable {
    static constexpr const char* name = "node";
    static auto columns(auto& record) { return columns_of_node(record); }
};
struct ModuleTable {
    static constexpr const char* name = "module";
    static auto columns(auto& record) { return columns_of_module(record); }
};
struct ConnectionTable {
    static constexpr const char* name = "connection";
    static auto columns(auto& record) { return columns_of_connection(record); }
};
struct PeriodicTable {
    static constexpr const char* name = "periodic";
    static auto columns(auto& record) { return columns_of_periodic(record); }
};
struct TurnedTable {
    static constexpr const char* name = "turned_secret";
    static auto columns(auto& record) { return std::tie(record.first, record.second); }
};

template <typename T>
void bind_value(Statement& statement, const T& value) {
    if constexpr (std::is_same_v<T, Endpoints>) {
        nlohmann::json list = nlohmann::json::array();
        for (const descriptor::Endpoint& each : value) {
            list.push_back({each.name, static_cast<int>(each.kind), each.id});
        }
        statement.bind(list.dump());
    } else if constexpr (std::is_same_v<T, Given>) {
        nlohmann::json list = nlohmann::json::array();
        for (const GivenValue& each : value) {
            list.push_back({each.secret, each.name, each.mac});
        }
        statement.bind(list.dump());
    } else if constexpr (std::is_same_v<T, Secret>) {
        statement.bind(value.view());
    } else if constexpr (std::is_same_v<T, std::string>) {
        statement.bind(value);
    } else if constexpr (std::is_same_v<T, std::vector<std::uint8_t>>) {
        statement.bind(ByteView(value));
    } else {
        statement.bind(static_cast<std::int64_t>(value));
    }
}

Endpoints endpoints_of(const std::string& text) {
    Endpoints endpoints;
    const nlohmann::json list = nlohmann::json::parse(text, nullptr, false);
    for (const auto& each : list.is_array() ? list : nlohmann::json::array()) {
        if (each.is_array() && each.size() == 3 && each[0].is_string() && each[1].is_number() &&
            each[2].is_number()) {
            endpoints.push_back({.name = each[0].get<std::string>(),
                                 .kind = static_cast<descriptor::EndpointKind>(each[1].get<int>()),
                                 .id = each[2].get<std::uint16_t>()});
        }
    }
    return endpoints;
}

Given given_of(const std::string& text) {
    Given given;
    const nlohmann::json list = nlohmann::json::parse(text, nullptr, false);
    for (const auto& each : list.is_array() ? list : nlohmann::json::array()) {
        if (each.is_array() && each.size() == 3 && each[0].is_boolean() && each[1].is_string() &&
            each[2].is_array()) {
            GivenValue& value = given.emplace_back();
            value.secret = each[0].get<bool>();
            value.name = each[1].get<std::string>();
            for (const auto& byte : each[2]) {
                value.mac.push_back(byte.is_number_unsigned() ? byte.get<std::uint8_t>() : 0);
            }
        }
    }
    return given;
}

template <typename T>
void read_value(Statement& statement, T& value) {
    if constexpr (std::is_same_v<T, Endpoints>) {
        value = endpoints_of(statement.text());
    } else if constexpr (std::is_same_v<T, Given>) {
        value = given_of(statement.text());
    } else if constexpr (std::is_same_v<T, Secret>) {
        std::vector<std::uint8_t> bytes = statement.blob();
        value.assign(bytes);
        wipe(bytes);
    } else if constexpr (std::is_same_v<T, std::string>) {
        value = statement.text();
    } else if constexpr (std::is_same_v<T, std::vector<std::uint8_t>>) {
        value = statement.blob();
    } else {
        value = static_cast<T>(statement.integer());
    }
}

Expected<bool> run(Expected<Statement>& statement) {
    if (!statement) {
        return tl::make_unexpected(statement.error());
    }
    return statement->step();
}

template <typename Table, typename Record>
Expected<bool> put(Database& database, const std::vector<Record>& records) {
    if (records.empty()) {
        return true;
    }
    constexpr std::size_t count =
        std::tuple_size_v<decltype(Table::columns(std::declval<const Record&>()))>;
    std::string marks = "?";
    for (std::size_t i = 1; i < count; ++i) {
        marks += ", ?";
    }
    Expected<Statement> statement =
        database.prepare(fmt::format("INSERT OR REPLACE INTO {} VALUES ({})", Table::name, marks));
    for (const Record& record : records) {
        if (statement) {
            std::apply([&](const auto&... values) { (bind_value(*statement, values), ...); },
                       Table::columns(record));
        }
        Expected<bool> done = run(statement);
        if (!done) {
            return done;
        }
    }
    return true;
}

template <typename Key>
Expected<bool> erase(Database& database, const std::string& sql, const std::vector<Key>& keys) {
    for (const Key& key : keys) {
        Expected<Statement> statement = database.prepare(sql);
        if (statement) {
            bind_value(*statement, key);
        }
        Expected<bool> done = run(statement);
        if (!done) {
            return done;
        }
    }
    return true;
}

template <typename Table, typename Record, typename Take>
Expected<bool> read_all(Database& database, const Take& take) {
    Expected<Statement> statement = database.prepare(fmt::format("SELECT * FROM {}", Table::name));
    Expected<bool> row = run(statement);
    while (row && *row) {
        Record record;
        std::apply([&](auto&... values) { (read_value(*statement, values), ...); },
                   Table::columns(record));
        take(std::move(record));
        row = statement->step();
    }
    return row;
}

} // namespace

std::filesystem::path moved_mark(const std::filesystem::path& state_directory) {
    return state_directory / "moved";
}

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
           erased_periodic.empty() && used_keys.empty() && turned.empty();
}

State::State(std::shared_ptr<Database> database) : database_(std::move(database)) {}

Expected<std::unique_ptr<State>> State::open(const std::filesystem::path& directory, StateUse use) {
    std::unique_ptr<StateLock> lock;
    const std::filesystem::path file = directory / "state.db";
    if (use == StateUse::change) {
        std::error_code error;
        std::filesystem::create_directories(directory, error);
        auto taken = StateLock::take(directory);
        if (!taken) {
            return tl::make_unexpected(taken.error());
        }
        if (std::filesystem::exists(moved_mark(directory), error)) {
            return failure("state-moved",
                           "this application was moved to another machine: its state here is no "
                           "longer used",
                           "go on there; to bring it back: authex export --move there, and authex "
                           "restore FILE --replace here");
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
    const Expected<std::int64_t> sound =
        database_->integer("SELECT quick_check = 'ok' FROM pragma_quick_check(1)");
    if (sound && *sound != 1) {
        return failure("state-damaged",
                       "the state of this application is damaged",
                       "put back a copy of state.db, or move it away and run authex up: nodes are "
                       "deployed to anew");
    }
    if (!sound) {
        return tl::make_unexpected(sound.error());
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
    return done;
}

Expected<bool> State::transaction(const std::function<Expected<bool>()>& work) {
    Expected<bool> done = database_->execute("BEGIN IMMEDIATE");
    if (!done) {
        return done;
    }
    done = work();
    if (done) {
        done = database_->execute("COMMIT");
    }
    if (!done) {
        (void)database_->execute("ROLLBACK");
    }
    return done;
}

Expected<bool> State::set_deployment(std::uint16_t deployment) {
    (void)database_->set_synchronous(true);
    Expected<bool> done = transaction([&] {
        const std::string forget =
            deployment == 0 ? "DELETE FROM node; DELETE FROM module; DELETE FROM connection; "
                              "DELETE FROM periodic; "
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
    if (committed) {
        committed();
    }
    return true;
}

} // namespace authex::deployer
