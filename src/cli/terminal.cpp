#include "cli/terminal.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>

namespace authex::cli {
namespace {

/// What a text takes on the screen: UTF-8 continuation bytes and colour sequences take nothing.
std::size_t width_of(const std::string& text) {
    std::size_t width = 0;
    bool in_sequence = false;
    for (const char c : text) {
        if (c == '\033') {
            in_sequence = true;
        } else if (in_sequence) {
            in_sequence = c != 'm';
        } else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
            ++width;
        }
    }
    return width;
}

std::size_t columns() {
    winsize size{};
    constexpr std::size_t otherwise = 80;
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                             : otherwise;
}

const char* sequence(Colour colour) {
    switch (colour) {
    case Colour::none:
        return "";
    case Colour::red:
        return "\033[31m";
    case Colour::green:
        return "\033[32m";
    case Colour::yellow:
        return "\033[33m";
    case Colour::blue:
        return "\033[34m";
    case Colour::dim:
        return "\033[2m";
    case Colour::bold:
        return "\033[1m";
    }
    return "";
}

} // namespace

std::string harmless(std::string text) {
    const auto byte = [&text](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (byte(i) < 0x20 || byte(i) == 0x7F) {
            text[i] = ' ';
        } else if (byte(i) == 0xC2 && i + 1 < text.size() && byte(i + 1) >= 0x80 &&
                   byte(i + 1) < 0xA0) {
            text[i] = text[i + 1] = ' ';
        }
    }
    return text;
}

Terminal::Terminal(int fd) {
    const char* const term = std::getenv("TERM"); // NOLINT(concurrency-mt-unsafe): nobody writes it
    const char* const no_colour =
        std::getenv("NO_COLOR"); // NOLINT(concurrency-mt-unsafe): nobody writes it
    is_terminal_ = ::isatty(fd) == 1 && term != nullptr && std::string(term) != "dumb";
    colours_ = is_terminal_ && (no_colour == nullptr || *no_colour == '\0');
}

std::string Terminal::paint(Colour colour, const std::string& text) const {
    return colours_ && colour != Colour::none ? sequence(colour) + text + "\033[0m" : text;
}

std::string Table::text(const Terminal& terminal) const {
    std::vector<std::size_t> widths(rows_.front().size());
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
            widths[i] = std::max(widths[i], width_of(row[i]));
        }
    }
    std::string text;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
        std::string line;
        for (std::size_t i = 0; i < rows_[r].size(); ++i) {
            const std::string& cell = rows_[r][i];
            line += r == 0 ? terminal.paint(Colour::dim, cell) : cell;
            if (i + 1 < rows_[r].size()) {
                line += std::string(widths[i] - width_of(cell) + 2, ' ');
            }
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += "  " + line + "\n";
    }
    return text;
}

void ProgressPrinter::show(const deployer::Progress& progress) {
    const std::lock_guard lock(mutex_);
    const std::string key = progress.action + " " + progress.subject;
    const bool failed = progress.what == deployer::Progress::What::failed;
    switch (progress.what) {
    case deployer::Progress::What::started:
        running_.insert(key);
        break;
    case deployer::Progress::What::advanced:
        break;
    case deployer::Progress::What::done:
    case deployer::Progress::What::failed:
        running_.erase(key);
        if (talk_ == Talk::all || (talk_ == Talk::changes && !progress.aside &&
                                   (failed || progress.detail != "cached"))) {
            print_done(progress);
        }
        break;
    }
    draw();
}

void ProgressPrinter::print_done(const deployer::Progress& progress) {
    if (drawn_) {
        std::cerr << "\r\033[K";
        drawn_ = false;
    }
    const bool failed = progress.what == deployer::Progress::What::failed;
    const std::string mark =
        failed ? terminal_.paint(Colour::red, "✗") : terminal_.paint(Colour::green, "✓");
    std::string line = fmt::format("{} {:<10} {:<14}", mark, progress.action, progress.subject);
    std::vector<std::string> remarks;
    if (!progress.node.empty()) {
        remarks.push_back("on " + progress.node);
    }
    if (!progress.detail.empty()) {
        remarks.push_back(talk_ == Talk::all ? progress.detail
                                             : shorten_identities(progress.detail));
    }
    if (!failed && progress.took.count() > 0) {
        remarks.push_back(duration_text(progress.took));
    }
    if (!remarks.empty()) {
        line += terminal_.paint(Colour::dim, fmt::format("  {}", fmt::join(remarks, ", ")));
    } else {
        line.erase(line.find_last_not_of(' ') + 1);
    }
    std::cerr << line << '\n';
}

void ProgressPrinter::draw() {
    if (!terminal_.is_terminal() || talk_ == Talk::nothing || running_.empty()) {
        return;
    }
    constexpr std::size_t shown_max = 3;
    std::vector<std::string> shown;
    for (const std::string& key : running_) {
        if (shown.size() == shown_max) {
            break;
        }
        shown.push_back(key);
    }
    std::string line = fmt::format("… {}", fmt::join(shown, ", "));
    if (running_.size() > shown_max) {
        line += fmt::format(" and {} more", running_.size() - shown_max);
    }
    // Only a line that does not wrap can be taken away again; the dots are three bytes wide.
    std::cerr << "\r\033[K" << terminal_.paint(Colour::dim, line.substr(0, columns() + 1))
              << std::flush;
    drawn_ = true;
}

void ProgressPrinter::clear() {
    const std::lock_guard lock(mutex_);
    if (drawn_) {
        std::cerr << "\r\033[K" << std::flush;
        drawn_ = false;
    }
}

std::string shorten_identities(const std::string& text) {
    constexpr std::size_t digits_max = 20;
    constexpr std::size_t digits_shown = 16;
    constexpr auto digits = "0123456789abcdef";
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find_first_not_of(digits, at), text.size());
        const std::size_t length = end - at;
        result += text.substr(at, length > digits_max ? digits_shown : length);
        result += text.substr(end, 1);
        at = end + 1;
    }
    return result;
}

std::string duration_text(std::chrono::microseconds duration) {
    constexpr std::int64_t second = 1'000'000;
    if (duration.count() >= second) {
        return fmt::format("{:.1f} s", static_cast<double>(duration.count()) / second);
    }
    return duration.count() >= 1000 ? fmt::format("{} ms", duration.count() / 1000)
                                    : fmt::format("{} µs", duration.count());
}

std::string size_text(std::uint64_t bytes) {
    constexpr std::uint64_t kib = 1024;
    if (bytes < kib) {
        return fmt::format("{} B", bytes);
    }
    return bytes < kib * kib ? fmt::format("{:.1f} KiB", static_cast<double>(bytes) / kib)
                             : fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (kib * kib));
}

} // namespace authex::cli
