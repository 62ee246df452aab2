#pragma once
// What was done to an application without its owner at the keyboard, and why.
//
//   <state directory>/journal.jsonl      a JSON object a line, the latest last
//   <state directory>/journal.1.jsonl    what was written before; together about 1 MiB at most

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::deployer {

struct JournalEntry {
    std::chrono::system_clock::time_point time;
    std::string act; ///< "heal", "attest", "turn", "quarantine", "disconnect"; or "broken", "well"
    std::string subject; ///< "module relay", "node left"
    std::string cause;
    std::string result; ///< "done", or why not; empty where nothing was tried
    std::chrono::milliseconds took{0};
};

/// Thread-safe, also between processes.
class Journal {
  public:
    /// @param directory empty: nothing is kept
    explicit Journal(std::filesystem::path directory, std::uintmax_t bytes_max = 512 << 10U)
        : directory_(std::move(directory)), bytes_max_(bytes_max) {}

    /// @error file-unwritable
    [[nodiscard]] Expected<bool> add(const JournalEntry& entry) const;
    /// The last so many, oldest first; lines that are none are left out.
    [[nodiscard]] std::vector<JournalEntry> last(std::size_t count) const;

  private:
    std::filesystem::path directory_;
    std::uintmax_t bytes_max_; ///< of one of the two files
};

} // namespace authex::deployer
