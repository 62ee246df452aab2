#pragma once
// SQLite as the state needs it: statements with typed values, and what is wrong as a Diagnostic.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace authex::deployer {

class Database;

/// One prepared statement. Parameters are bound and columns read in their order. Ends before its
/// database, which keeps what was compiled for the next one of the same text.
class Statement {
  public:
    Statement& bind(std::int64_t value);
    Statement& bind(const std::string& value);
    Statement& bind(ByteView value);

    /// @return whether there is a row. The next step() goes on; at the end bindings are cleared.
    Expected<bool> step();
    [[nodiscard]] std::int64_t integer();
    [[nodiscard]] std::string text();
    [[nodiscard]] std::vector<std::uint8_t> blob();

  private:
    friend class Database;
    struct GiveBack {
        Database* database;
        void operator()(sqlite3_stmt* statement) const;
    };
    Statement(Database& database, sqlite3_stmt* statement)
        : database_(&database), statement_(statement, GiveBack{&database}) {}
    void rewind();

    Database* database_;
    std::unique_ptr<sqlite3_stmt, GiveBack> statement_;
    int parameter_ = 0;
    int column_ = 0;
};

/// One connection; used by one thread at a time.
class Database {
  public:
    /// Opens or makes the file, mode 0600.
    /// @error state-damaged: it is no database, or a broken one | state-unreadable
    static Expected<std::unique_ptr<Database>> open(const std::filesystem::path& file);
    /// The same without a file.
    static Expected<std::unique_ptr<Database>> in_memory();

    /// Whether transactions from now on are on the disk when they end (as they are at first), or
    /// only safe from the death of the process.
    Expected<bool> set_synchronous(bool synchronous);
    /// Any number of statements, compiled for this once.
    Expected<bool> execute(const std::string& sql);
    /// One statement, compiled once for as long as the database is open.
    Expected<Statement> prepare(const std::string& sql);
    Expected<std::int64_t> integer(const std::string& sql);
    /// The database as the bytes of a file.
    [[nodiscard]] Expected<std::vector<std::uint8_t>> bytes();
    /// Why the last call failed, and what to do about it.
    [[nodiscard]] Diagnostic problem() const;

  private:
    friend class Statement;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    struct Close {
        void operator()(sqlite3* database) const;
    };
    explicit Database(std::string name) : name_(std::move(name)) {}
    static Expected<std::unique_ptr<Database>> open_named(const std::string& name);

    std::string name_;
    bool synchronous_ = true;
    std::unique_ptr<sqlite3, Close> handle_;
    /// Compiled, and used by nobody, by their text.
    std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> idle_;
};

} // namespace authex::deployer
