#pragma once
// What a terminal can show: colours, and a line that changes while work goes on.

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "deployer/application.hpp"

namespace authex::cli {

enum class Colour : std::uint8_t { none, red, green, yellow, blue, dim, bold };

/// Text of a module or node as it may be shown: a space in the place of each control character,
/// also those of two bytes (U+0080 … U+009F), which terminals obey.
[[nodiscard]] std::string harmless(std::string text);

class Terminal {
  public:
    /// @param fd the descriptor that is written to: 1 or 2. Colours only on a terminal and without
    /// NO_COLOR in the environment.
    explicit Terminal(int fd);
    /// Without a terminal, for tests.
    Terminal() = default;

    [[nodiscard]] bool is_terminal() const { return is_terminal_; }
    [[nodiscard]] std::string paint(Colour colour, const std::string& text) const;

  private:
    bool is_terminal_ = false;
    bool colours_ = false;
};

/// Columns of equal width, for people. Colours do not count.
class Table {
  public:
    explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    [[nodiscard]] bool empty() const { return rows_.size() == 1; }
    [[nodiscard]] std::string text(const Terminal& terminal) const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

/// What is told of the steps: nothing, what changes something (and identities are shortened), or
/// all.
enum class Talk : std::uint8_t { nothing, changes, all };

/// Prints steps as they are done on standard error; on a terminal the last line shows what is going
/// on. Thread-safe.
class ProgressPrinter {
  public:
    ProgressPrinter(Terminal terminal, Talk talk) : terminal_(terminal), talk_(talk) {}
    ProgressPrinter(const ProgressPrinter&) = delete;
    ProgressPrinter& operator=(const ProgressPrinter&) = delete;
    ~ProgressPrinter() { clear(); }

    void show(const deployer::Progress& progress);
    /// Takes the changing line away, for other output.
    void clear();

  private:
    void print_done(const deployer::Progress& progress);
    void draw();

    std::mutex mutex_;
    Terminal terminal_;
    Talk talk_;
    std::set<std::string> running_;
    bool drawn_ = false;
};

/// The text with hexadecimal numbers of more than 20 digits cut to their first 16.
[[nodiscard]] std::string shorten_identities(const std::string& text);
/// "3 ms", "1.2 s".
[[nodiscard]] std::string duration_text(std::chrono::microseconds duration);
/// "812 B", "12.5 KiB".
[[nodiscard]] std::string size_text(std::uint64_t bytes);

} // namespace authex::cli
