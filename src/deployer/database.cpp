#include "deployer/database.hpp"

#include <cerrno>
#include <sqlite3.h>

#include <fmt/format.h>
#include <sys/stat.h>

namespace authex::deployer {
namespace {

constexpr int busy_ms = 2000;
constexpr const char* memory_name = ":memory:";

} // namespace

void Database::Finalize::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

/// It holds no lock, and no value that it was given, while it waits to be used again.
void Statement::GiveBack::operator()(sqlite3_stmt* statement) const {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    database->idle_[sqlite3_sql(statement)].reset(statement);
}

void Database::Close::operator()(sqlite3* database) const {
    sqlite3_close_v2(database);
}

Statement& Statement::bind(std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), ++parameter_, value);
    return *this;
}

Statement& Statement::bind(const std::string& value) {
    sqlite3_bind_text(statement_.get(),
                      ++parameter_,
                      value.data(),
                      static_cast<int>(value.size()),
                      SQLITE_TRANSIENT);
    return *this;
}

Statement& Statement::bind(ByteView value) {
    // A null pointer would bind NULL instead of a blob without bytes.
    const void* data = value.empty() ? static_cast<const void*>("") : value.data();
    sqlite3_bind_blob(
        statement_.get(), ++parameter_, data, static_cast<int>(value.size()), SQLITE_TRANSIENT);
    return *this;
}

void Statement::rewind() {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
    parameter_ = 0;
}

Expected<bool> Statement::step() {
    column_ = 0;
    switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
        return true;
    case SQLITE_DONE:
        rewind();
        return false;
    default: {
        Diagnostic problem = database_->problem();
        rewind();
        return tl::make_unexpected(std::move(problem));
    }
    }
}

std::int64_t Statement::integer() {
    return sqlite3_column_int64(statement_.get(), column_++);
}

std::string Statement::text() {
    const std::vector<std::uint8_t> bytes = blob();
    return {bytes.begin(), bytes.end()};
}

std::vector<std::uint8_t> Statement::blob() {
    const auto* data =
        static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column_));
    const int size = sqlite3_column_bytes(statement_.get(), column_++);
    return data == nullptr ? std::vector<std::uint8_t>()
                           : std::vector<std::uint8_t>(data, data + size);
}

Expected<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file) {
    const mode_t before = ::umask(0077); // also for the journal beside it
    auto opened = open_named(file.string());
    ::umask(before);
    if (!opened) {
        return opened;
    }
    ::chmod(file.c_str(), S_IRUSR | S_IWUSR);
    const Expected<std::int64_t> sound =
        (*opened)->integer("SELECT quick_check = 'ok' FROM pragma_quick_check(1)");
    if (!sound) {
        return tl::make_unexpected(sound.error());
    }
    if (*sound != 1) {
        return failure("state-damaged",
                       fmt::format("the state {} is damaged", file.string()),
                       "put back a copy of it, or move it away and run authex up: nodes are "
                       "deployed to anew");
    }
    return opened;
}

Expected<std::unique_ptr<Database>> Database::in_memory() {
    return open_named(memory_name);
}

Expected<std::unique_ptr<Database>> Database::open_named(const std::string& name) {
    std::unique_ptr<Database> database(new Database(name));
    sqlite3* raw = nullptr;
    const int code =
        sqlite3_open_v2(name.c_str(),
                        &raw,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        nullptr);
    database->handle_.reset(raw);
    if (code != SQLITE_OK) {
        return tl::make_unexpected(database->problem());
    }
    sqlite3_busy_timeout(raw, busy_ms);
    sqlite3_extended_result_codes(raw, 1);
    // What another program keeps there stays exactly as it is.
    const Expected<std::int64_t> foreign =
        database->integer("SELECT (SELECT user_version FROM pragma_user_version) = 0 AND "
                          "EXISTS (SELECT 1 FROM sqlite_master)");
    if (!foreign) {
        return tl::make_unexpected(foreign.error());
    }
    if (*foreign != 0) {
        return failure("state-damaged",
                       fmt::format("{} is the database of another program", name),
                       "move it away, or name another state directory with --state");
    }
    // A counter that was used must never come back, not even after a loss of power. secure_delete:
    // old keys do not stay in free pages.
    const Expected<bool> ready = database->execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; "
        "PRAGMA foreign_keys = ON");
    if (!ready) {
        return tl::make_unexpected(ready.error());
    }
    return database;
}

Expected<bool> Database::set_synchronous(bool synchronous) {
    if (synchronous == synchronous_ || name_ == memory_name) {
        return true;
    }
    synchronous_ = synchronous;
    return execute(synchronous ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
}

Expected<bool> Database::execute(const std::string& sql) {
    if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        return tl::make_unexpected(problem());
    }
    return true;
}

Expected<Statement> Database::prepare(const std::string& sql) {
    if (auto idle = idle_.extract(sql)) {
        return Statement(*this, idle.mapped().release());
    }
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v3(
        handle_.get(), sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    if (code != SQLITE_OK) {
        return tl::make_unexpected(problem());
    }
    return Statement(*this, raw);
}

Expected<std::int64_t> Database::integer(const std::string& sql) {
    Expected<Statement> statement = prepare(sql);
    if (!statement) {
        return tl::make_unexpected(statement.error());
    }
    const Expected<bool> row = statement->step();
    if (!row) {
        return tl::make_unexpected(row.error());
    }
    return *row ? statement->integer() : 0;
}

Expected<std::vector<std::uint8_t>> Database::bytes() {
    sqlite3_int64 size = 0;
    const std::unique_ptr<unsigned char, decltype(&sqlite3_free)> image(
        sqlite3_serialize(handle_.get(), "main", &size, 0), &sqlite3_free);
    if (image == nullptr) {
        return tl::make_unexpected(problem());
    }
    std::vector<std::uint8_t> bytes(image.get(), image.get() + size);
    wipe({image.get(), static_cast<std::size_t>(size)});
    return bytes;
}

Diagnostic Database::problem() const {
    int code = sqlite3_errcode(handle_.get()) & 0xFF;
    const std::string reason = sqlite3_errmsg(handle_.get());
    // Of files beside the database, SQLite says only that they cannot be written.
    if (code == SQLITE_IOERR && sqlite3_system_errno(handle_.get()) == ENOSPC) {
        code = SQLITE_FULL;
    }
    switch (code) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_ERROR: // e.g. a table that must be there is not
        return make_error(
            "state-damaged",
            fmt::format("the state {} is damaged: {}", name_, reason),
            "put back a copy of it, or move it away and run authex up: nodes are deployed to anew");
    case SQLITE_FULL:
        return make_error("state-unwritable",
                          fmt::format("no room for the state {}", name_),
                          "make room on the disk, then run the same command again");
    default:
        return make_error("state-unwritable",
                          fmt::format("the state {} cannot be used: {}", name_, reason),
                          "check owner and mode of the state directory, and its disk");
    }
}

} // namespace authex::deployer
