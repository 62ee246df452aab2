#pragma once
// The tables of the deployer's state: their schema, and how records become rows and rows records.

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "deployer/database.hpp"
#include "deployer/state.hpp"

namespace authex::deployer::tables {

constexpr std::int64_t schema_version = 7;

inline constexpr const char* schema = R"(
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
    module_key BLOB NOT NULL DEFAULT x'', quarantined TEXT NOT NULL DEFAULT '',
    on_node TEXT NOT NULL DEFAULT '', instance_of TEXT NOT NULL DEFAULT '',
    going INTEGER NOT NULL DEFAULT 0, layout TEXT NOT NULL DEFAULT '{}',
    keeping INTEGER NOT NULL DEFAULT 0, state_key BLOB NOT NULL DEFAULT x'',
    state_key_before BLOB NOT NULL DEFAULT x'') WITHOUT ROWID;
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
    next_counter INTEGER NOT NULL, pending BLOB NOT NULL, window_open_since_us INTEGER NOT NULL,
    turn INTEGER NOT NULL DEFAULT 0, key_before BLOB NOT NULL DEFAULT x'',
    turned_at INTEGER NOT NULL DEFAULT 0, turning INTEGER NOT NULL DEFAULT 0,
    replies_turned_at INTEGER NOT NULL DEFAULT 0, keyed_at_us INTEGER NOT NULL DEFAULT 0,
    deadline INTEGER NOT NULL DEFAULT 0, within_us INTEGER NOT NULL DEFAULT 0);
CREATE TABLE periodic (
    name TEXT PRIMARY KEY, node TEXT NOT NULL, module TEXT NOT NULL, entry INTEGER NOT NULL,
    every_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE used_key (sha256 BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE turned_secret (name TEXT PRIMARY KEY, turns INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE deployed (descriptor TEXT NOT NULL);
)";

/// What brings a state of an earlier version to the next, from version 1 on.
inline constexpr std::array migrations = {
    R"(
ALTER TABLE module ADD COLUMN given TEXT NOT NULL DEFAULT '[]';
CREATE TABLE turned_secret (name TEXT PRIMARY KEY, turns INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 2;
)",
    R"(
ALTER TABLE module ADD COLUMN placement BLOB NOT NULL DEFAULT x'';
ALTER TABLE module ADD COLUMN module_key BLOB NOT NULL DEFAULT x'';
PRAGMA user_version = 3;
)",
    R"(
ALTER TABLE module ADD COLUMN quarantined TEXT NOT NULL DEFAULT '';
CREATE TABLE deployed (descriptor TEXT NOT NULL);
PRAGMA user_version = 4;
)",
    R"(
ALTER TABLE module ADD COLUMN on_node TEXT NOT NULL DEFAULT '';
ALTER TABLE module ADD COLUMN instance_of TEXT NOT NULL DEFAULT '';
ALTER TABLE module ADD COLUMN going INTEGER NOT NULL DEFAULT 0;
ALTER TABLE module ADD COLUMN layout TEXT NOT NULL DEFAULT '{}';
PRAGMA user_version = 5;
)",
    R"(
ALTER TABLE module ADD COLUMN keeping INTEGER NOT NULL DEFAULT 0;
ALTER TABLE module ADD COLUMN state_key BLOB NOT NULL DEFAULT x'';
ALTER TABLE module ADD COLUMN state_key_before BLOB NOT NULL DEFAULT x'';
ALTER TABLE connection ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connection ADD COLUMN key_before BLOB NOT NULL DEFAULT x'';
ALTER TABLE connection ADD COLUMN turned_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connection ADD COLUMN turning INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connection ADD COLUMN replies_turned_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connection ADD COLUMN keyed_at_us INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version = 6;
)",
    R"(
ALTER TABLE connection ADD COLUMN deadline INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connection ADD COLUMN within_us INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version = 7;
)"};
static_assert(migrations.size() == schema_version - 1);

using Endpoints = std::vector<descriptor::Endpoint>;
using Given = std::vector<GivenValue>;
using Turned = std::pair<std::string, std::uint32_t>;

// Lists lie in one column, as JSON, and so do layouts; what is none is an empty one.
[[nodiscard]] std::string text_of(const Endpoints& endpoints);
[[nodiscard]] std::string text_of(const Given& given);
[[nodiscard]] Endpoints endpoints_of(const std::string& text);
[[nodiscard]] Given given_of(const std::string& text);
[[nodiscard]] std::string text_of(const tee::StateLayout& layout);
[[nodiscard]] tee::StateLayout layout_of(const std::string& text);

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
                    r.module_key,
                    r.quarantined,
                    r.on_node,
                    r.instance_of,
                    r.going,
                    r.layout,
                    r.keeping,
                    r.state_key,
                    r.state_key_before);
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
                    r.window_open_since_us,
                    r.turn,
                    r.key_before,
                    r.turned_at,
                    r.turning,
                    r.replies_turned_at,
                    r.keyed_at_us,
                    r.deadline,
                    r.within_us);
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
        statement.bind(text_of(value));
    } else if constexpr (std::is_same_v<T, Given> || std::is_same_v<T, tee::StateLayout>) {
        statement.bind(text_of(value));
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

template <typename T>
void read_value(Statement& statement, T& value) {
    if constexpr (std::is_same_v<T, Endpoints>) {
        value = endpoints_of(statement.text());
    } else if constexpr (std::is_same_v<T, Given>) {
        value = given_of(statement.text());
    } else if constexpr (std::is_same_v<T, tee::StateLayout>) {
        value = layout_of(statement.text());
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

inline Expected<bool> run(Expected<Statement>& statement) {
    if (!statement) {
        return tl::make_unexpected(statement.error());
    }
    return statement->step();
}

/// Records of a table, whether they are new or not.
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

/// Gives each record of a table to `take`.
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

} // namespace authex::deployer::tables
