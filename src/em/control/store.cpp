#include "em/control/store.hpp"

#include <algorithm>
#include <fstream>
#include <sqlite3.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "em/control/records_json.hpp"
#include "tee/process/link.hpp"

namespace authex::em {
namespace {

namespace fs = std::filesystem;

constexpr int format_version = 1;
constexpr int busy_ms = 2000;
constexpr std::streamoff log_tail_bytes = 4096;

/// Kinds of records; kept as numbers.
enum class Kind : int { identity = 0, deployment = 1, module = 2, route = 3, periodic = 4 };

struct CloseDatabase {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
};
struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

tl::unexpected<Diagnostic> store_failure(const std::string& what, const std::string& reason) {
    return failure("store",
                   fmt::format("{}: {}", what, reason),
                   "check the state directory: its owner and mode, and the room on its disk");
}

class SqliteStore final : public Store {
  public:
    SqliteStore(fs::path directory, Database database)
        : directory_(std::move(directory)), database_(std::move(database)) {}

    Expected<bool> prepare() {
        const auto compile = [&](const char* sql, Statement& statement) {
            sqlite3_stmt* raw = nullptr;
            const int code = sqlite3_prepare_v3(
                database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
            statement.reset(raw);
            return code == SQLITE_OK;
        };
        const bool done =
            compile("INSERT OR REPLACE INTO record VALUES (?1, ?2, ?3, ?4)", put_) &&
            compile("DELETE FROM record WHERE kind = ?1 AND deployment = ?2 AND name = ?3",
                    erase_) &&
            compile("DELETE FROM record WHERE kind > 1 AND deployment = ?1", erase_all_) &&
            compile("SELECT kind, value FROM record ORDER BY kind, deployment, name", all_);
        return done ? Expected<bool>(true) : broken("cannot be prepared");
    }

    Expected<NodeRecords> load() override {
        NodeRecords records;
        int code = SQLITE_ROW;
        while ((code = sqlite3_step(all_.get())) == SQLITE_ROW) {
            const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(all_.get(), 1));
            const nlohmann::json json =
                nlohmann::json::parse(text == nullptr ? "" : text, nullptr, false);
            const Expected<bool> taken =
                take(static_cast<Kind>(sqlite3_column_int(all_.get(), 0)), json, records);
            if (!taken) {
                sqlite3_reset(all_.get());
                Diagnostic problem = taken.error();
                problem.summary =
                    fmt::format("{}: {}", (directory_ / "node.db").string(), problem.summary);
                problem.fix = "put back a copy of it, or move it away: modules and routes are then "
                              "forgotten, and authex up deploys anew";
                return tl::make_unexpected(std::move(problem));
            }
        }
        sqlite3_reset(all_.get());
        if (code != SQLITE_DONE) {
            return tl::make_unexpected(broken("cannot be read").error());
        }
        return records;
    }

    Expected<bool> put_identity(std::uint64_t node_id, std::uint64_t boot) override {
        return put(Kind::identity, 0, "", {{"node_id", node_id}, {"boot", boot}});
    }
    Expected<bool> put(const Deployment& deployment) override {
        return put(Kind::deployment, deployment.id, "", to_json(deployment));
    }
    Expected<bool> put(const Module& module) override {
        return put(Kind::module, module.spec.deployment, module.spec.name, to_json(module));
    }
    Expected<bool> put(const Route& route) override {
        return put(Kind::route, route.deployment, std::to_string(route.channel), to_json(route));
    }
    Expected<bool> put(const Periodic& periodic) override {
        return put(Kind::periodic, periodic.module.deployment, periodic.name, to_json(periodic));
    }
    Expected<bool> erase_module(const ModuleName& module) override {
        return erase(Kind::module, module.deployment, module.name);
    }
    Expected<bool> erase_route(std::uint16_t deployment, std::uint16_t channel) override {
        return erase(Kind::route, deployment, std::to_string(channel));
    }
    Expected<bool> erase_periodic(std::uint16_t deployment, const std::string& name) override {
        return erase(Kind::periodic, deployment, name);
    }
    Expected<bool> erase_all_of(std::uint16_t deployment) override {
        sqlite3_bind_int(erase_all_.get(), 1, deployment);
        return run(erase_all_);
    }

    [[nodiscard]] fs::path folder(const ModuleName& module) const override {
        return directory_ / "modules" / std::to_string(module.deployment) / module.name;
    }
    Expected<bool> take_image(const ModuleName& module, const fs::path& received) override {
        std::error_code error;
        fs::create_directories(folder(module), error);
        if (!error) {
            fs::rename(received, folder(module) / "image", error);
        }
        if (error) {
            return store_failure(fmt::format("the image of \"{}\" cannot be kept", module.name),
                                 error.message());
        }
        return true;
    }
    void clear_folder(const ModuleName& module) override {
        std::error_code ignored;
        for (const auto& entry : fs::directory_iterator(folder(module), ignored)) {
            if (entry.path().filename() != tee::process::kept_file) {
                fs::remove_all(entry.path(), ignored);
            }
        }
    }
    void remove_folder(const ModuleName& module) override {
        std::error_code ignored;
        fs::remove_all(folder(module), ignored);
        fs::remove(folder(module).parent_path(), ignored); // where it was the last one
    }
    [[nodiscard]] std::vector<std::string> host_log(const ModuleName& module,
                                                    std::size_t count) const override {
        std::ifstream file(folder(module) / "log", std::ios::binary | std::ios::ate);
        const std::streamoff size = file.tellg();
        file.seekg(std::max<std::streamoff>(0, size - log_tail_bytes));
        std::vector<std::string> lines;
        for (std::string line; std::getline(file, line);) {
            lines.push_back(line);
        }
        lines.erase(lines.begin(),
                    lines.end() - static_cast<std::ptrdiff_t>(std::min(count, lines.size())));
        return lines;
    }
    [[nodiscard]] fs::path incoming() const override { return directory_ / "incoming"; }

  private:
    Expected<bool> broken(const std::string& what) const {
        return store_failure(fmt::format("{} {}", (directory_ / "node.db").string(), what),
                             sqlite3_errmsg(database_.get()));
    }

    Expected<bool> run(Statement& statement) {
        const int code = sqlite3_step(statement.get());
        Expected<bool> result = true;
        if (code != SQLITE_DONE) {
            result = broken("cannot be written");
        }
        sqlite3_reset(statement.get());
        sqlite3_clear_bindings(statement.get());
        return result;
    }

    static void
    bind_key(Statement& statement, Kind kind, std::uint16_t deployment, const std::string& name) {
        sqlite3_bind_int(statement.get(), 1, static_cast<int>(kind));
        sqlite3_bind_int(statement.get(), 2, deployment);
        sqlite3_bind_text(
            statement.get(), 3, name.data(), static_cast<int>(name.size()), SQLITE_TRANSIENT);
    }

    Expected<bool>
    put(Kind kind, std::uint16_t deployment, const std::string& name, const nlohmann::json& value) {
        bind_key(put_, kind, deployment, name);
        const std::string text =
            value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        sqlite3_bind_text(
            put_.get(), 4, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
        return run(put_);
    }

    Expected<bool> erase(Kind kind, std::uint16_t deployment, const std::string& name) {
        bind_key(erase_, kind, deployment, name);
        return run(erase_);
    }

    template <typename Record>
    static Expected<bool> append(Expected<Record> record, std::vector<Record>& records) {
        if (!record) {
            return tl::make_unexpected(record.error());
        }
        records.push_back(std::move(*record));
        return true;
    }

    static Expected<bool> take(Kind kind, const nlohmann::json& json, NodeRecords& records) {
        switch (kind) {
        case Kind::identity:
            if (!json.is_object() || !json.contains("node_id") || !json.contains("boot") ||
                !json["node_id"].is_number_unsigned() || !json["boot"].is_number_unsigned()) {
                return store_failure("the node's identity cannot be read", "it is damaged");
            }
            records.node_id = json["node_id"].get<std::uint64_t>();
            records.boot = json["boot"].get<std::uint64_t>();
            return true;
        case Kind::deployment:
            return append(deployment_of(json), records.deployments);
        case Kind::module:
            return append(module_of(json), records.modules);
        case Kind::route:
            return append(route_of(json), records.routes);
        case Kind::periodic:
            return append(periodic_of(json), records.periodic);
        }
        return store_failure("the records cannot be read", "one is of an unknown kind");
    }

    fs::path directory_;
    Database database_;
    Statement put_;
    Statement erase_;
    Statement erase_all_;
    Statement all_;
};

bool execute(sqlite3* database, const std::string& sql) {
    return sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
}

/// Negative: it cannot be read.
int number_of(sqlite3* database, const char* sql) {
    int number = -1;
    const auto take = [](void* out, int, char** values, char**) {
        *static_cast<int*>(out) = values[0] == nullptr ? -1 : std::atoi(values[0]);
        return 0;
    };
    sqlite3_exec(database, sql, take, &number, nullptr);
    return number;
}

} // namespace

Expected<std::unique_ptr<Store>> open_store(const fs::path& state_directory, bool durable) {
    std::error_code error;
    fs::remove_all(state_directory / "incoming", error);
    for (const char* folder : {"modules", "incoming"}) {
        if (!error) {
            fs::create_directories(state_directory / folder, error);
        }
    }
    if (error) {
        return store_failure(fmt::format("{} cannot be used", state_directory.string()),
                             error.message());
    }
    const std::string file = state_directory / "node.db";
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(file.c_str(),
                                     &raw,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                         SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                                     nullptr);
    Database database(raw);
    if (code != SQLITE_OK) {
        return store_failure(file, sqlite3_errmsg(raw));
    }
    sqlite3_busy_timeout(raw, busy_ms);
    // What is written must survive the death of this process. Where not even states of modules
    // outlive the machine, it need not either; NORMAL keeps the file sound.
    const int version = number_of(raw, "PRAGMA user_version");
    const int tables = number_of(raw, "SELECT count(*) FROM sqlite_master");
    if (version > format_version || (version == 0 && tables > 0)) {
        return failure("store",
                       version == 0 ? fmt::format("{} is the database of another program", file)
                                    : fmt::format("{} was written by a newer authex-em", file),
                       "use that program, or another state directory");
    }
    const bool ready =
        version >= 0 &&
        execute(
            raw,
            fmt::format("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL; PRAGMA synchronous "
                        "= {}; PRAGMA cache_size = -128; PRAGMA wal_autocheckpoint = 256",
                        durable ? "FULL" : "NORMAL")) &&
        (version != 0 ||
         execute(
             raw,
             fmt::format("BEGIN; CREATE TABLE record (kind INTEGER, deployment INTEGER, "
                         "name TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, deployment, name)) "
                         "WITHOUT ROWID; PRAGMA user_version = {}; COMMIT",
                         format_version)));
    if (!ready) {
        return store_failure(file, sqlite3_errmsg(raw));
    }
    auto store = std::make_unique<SqliteStore>(state_directory, std::move(database));
    const Expected<bool> prepared = store->prepare();
    if (!prepared) {
        return tl::make_unexpected(prepared.error());
    }
    return store;
}

} // namespace authex::em
