#include "deployer/journal.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>

namespace authex::deployer {
namespace {

using Json = nlohmann::json;

std::string line_of(const JournalEntry& entry) {
    const auto us =
        std::chrono::duration_cast<std::chrono::microseconds>(entry.time.time_since_epoch());
    const Json json{{"time_us", us.count()},
                    {"act", entry.act},
                    {"subject", entry.subject},
                    {"cause", entry.cause},
                    {"result", entry.result},
                    {"took_ms", entry.took.count()}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool parse(const std::string& line, JournalEntry& entry) {
    const Json json = Json::parse(line, nullptr, false);
    const auto text = [&](const char* name) {
        return json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : "";
    };
    const auto number = [&](const char* name) {
        return json.contains(name) && json[name].is_number_integer()
                   ? json[name].get<std::int64_t>()
                   : 0;
    };
    if (!json.is_object()) {
        return false;
    }
    entry = {
        .time = std::chrono::system_clock::time_point(std::chrono::microseconds(number("time_us"))),
        .act = text("act"),
        .subject = text("subject"),
        .cause = text("cause"),
        .result = text("result"),
        .took = std::chrono::milliseconds(number("took_ms"))};
    return true;
}

Diagnostic unwritable(const std::filesystem::path& file, int error) {
    return make_error(
        "file-unwritable",
        fmt::format("cannot write {}: {}", file.string(), std::generic_category().message(error)),
        "make room on the disk, or mend the file's mode");
}

/// Open for appending, and locked; closed at its end.
class LockedFile {
  public:
    explicit LockedFile(const std::filesystem::path& file)
        : descriptor_(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {
        if (descriptor_ >= 0) {
            (void)::flock(descriptor_, LOCK_EX);
        }
    }
    LockedFile(const LockedFile&) = delete;
    LockedFile& operator=(const LockedFile&) = delete;
    ~LockedFile() {
        if (descriptor_ >= 0) {
            ::close(descriptor_);
        }
    }
    [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
    /// Whether the name is still that of this file: another process may have put it aside
    /// meanwhile.
    [[nodiscard]] bool is_at(const std::filesystem::path& file) const {
        struct stat mine {};
        struct stat named {};
        return ::fstat(descriptor_, &mine) == 0 && ::stat(file.c_str(), &named) == 0 &&
               mine.st_ino == named.st_ino;
    }
    [[nodiscard]] bool append(const std::string& line) const {
        return ::write(descriptor_, line.data(), line.size()) == static_cast<ssize_t>(line.size());
    }

  private:
    int descriptor_;
};

} // namespace

Expected<bool> Journal::add(const JournalEntry& entry) const {
    if (directory_.empty()) {
        return true;
    }
    const std::filesystem::path file = directory_ / "journal.jsonl";
    const std::string line = line_of(entry);
    for (;;) {
        const LockedFile open(file);
        if (!open.is_open()) {
            return tl::make_unexpected(unwritable(file, errno));
        }
        if (!open.is_at(file)) {
            continue;
        }
        std::error_code error;
        const std::uintmax_t size = std::filesystem::file_size(file, error);
        if (!error && size > 0 && size + line.size() > bytes_max_) {
            std::filesystem::rename(file, directory_ / "journal.1.jsonl", error);
            if (!error) {
                continue;
            }
        }
        return open.append(line) ? Expected<bool>(true)
                                 : tl::make_unexpected(unwritable(file, errno));
    }
}

std::vector<JournalEntry> Journal::last(std::size_t count) const {
    std::vector<JournalEntry> entries;
    for (const char* name : {"journal.1.jsonl", "journal.jsonl"}) {
        std::ifstream file(directory_ / name);
        JournalEntry entry;
        for (std::string line; std::getline(file, line);) {
            if (parse(line, entry)) {
                entries.push_back(std::move(entry));
            }
        }
    }
    entries.erase(entries.begin(),
                  entries.end() - static_cast<std::ptrdiff_t>(std::min(count, entries.size())));
    return entries;
}

} // namespace authex::deployer
