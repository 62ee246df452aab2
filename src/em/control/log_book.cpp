#include "em/control/log_book.hpp"

#include <algorithm>

namespace authex::em {
namespace {

std::size_t cost(const LogEntry& line) {
    return sizeof(LogEntry) + line.text.size() + line.module.name.size();
}

} // namespace

void LogBook::drop_oldest(Ring& ring) {
    const std::size_t bytes = cost(ring.lines.front());
    ring.bytes -= bytes;
    bytes_ -= bytes;
    ring.lines.pop_front();
}

void LogBook::drop_oldest_of_all() {
    Ring* oldest = nullptr;
    for (auto& [name, ring] : rings_) {
        if (!ring.lines.empty() &&
            (oldest == nullptr || ring.lines.front().sequence < oldest->lines.front().sequence)) {
            oldest = &ring;
        }
    }
    drop_oldest(*oldest);
}

void LogBook::add(const ModuleName& module,
                  std::uint8_t level,
                  std::string text,
                  std::uint64_t time_us) {
    std::vector<std::shared_ptr<Listener>> woken;
    {
        const std::lock_guard lock(mutex_);
        if (text.size() > limits_.line_bytes) {
            text.resize(limits_.line_bytes);
        }
        Ring& ring = rings_[module];
        ring.lines.push_back({.sequence = ++sequence_,
                              .time_us = time_us,
                              .level = level,
                              .module = module,
                              .text = std::move(text)});
        const std::size_t bytes = cost(ring.lines.back());
        ring.bytes += bytes;
        bytes_ += bytes;
        while (ring.bytes > limits_.module_bytes && ring.lines.size() > 1) {
            drop_oldest(ring);
        }
        while (bytes_ > limits_.total_bytes && bytes_ > bytes) {
            drop_oldest_of_all();
        }
        std::erase_if(listeners_, [&](const std::weak_ptr<Listener>& weak) {
            const std::shared_ptr<Listener> listener = weak.lock();
            if (listener != nullptr && listener->filter.takes(module)) {
                woken.push_back(listener);
            }
            return listener == nullptr;
        });
    }
    for (const auto& listener : woken) {
        listener->wake();
    }
}

std::optional<LogEntry> LogBook::after(std::uint64_t sequence, const LogFilter& filter) const {
    const std::lock_guard lock(mutex_);
    const LogEntry* first = nullptr;
    for (const auto& [name, ring] : rings_) {
        if (!filter.takes(name)) {
            continue;
        }
        const auto at = std::upper_bound(
            ring.lines.begin(),
            ring.lines.end(),
            sequence,
            [](std::uint64_t seen, const auto& line) { return seen < line.sequence; });
        if (at != ring.lines.end() && (first == nullptr || at->sequence < first->sequence)) {
            first = &*at;
        }
    }
    return first == nullptr ? std::nullopt : std::optional(*first);
}

std::uint64_t LogBook::before_last(std::size_t count, const LogFilter& filter) const {
    if (count == 0) {
        return 0;
    }
    const std::lock_guard lock(mutex_);
    std::vector<std::uint64_t> sequences;
    for (const auto& [name, ring] : rings_) {
        if (filter.takes(name)) {
            for (const LogEntry& line : ring.lines) {
                sequences.push_back(line.sequence);
            }
        }
    }
    if (sequences.empty()) {
        return sequence_;
    }
    std::sort(sequences.begin(), sequences.end());
    return sequences[sequences.size() - std::min(count, sequences.size())] - 1;
}

std::vector<std::string> LogBook::last(const ModuleName& module, std::size_t count) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> texts;
    const auto ring = rings_.find(module);
    if (ring != rings_.end()) {
        const auto& lines = ring->second.lines;
        const std::size_t skipped = lines.size() - std::min(count, lines.size());
        for (std::size_t i = skipped; i < lines.size(); ++i) {
            texts.push_back(lines[i].text);
        }
    }
    return texts;
}

void LogBook::forget(const ModuleName& module) {
    const std::lock_guard lock(mutex_);
    const auto ring = rings_.find(module);
    if (ring != rings_.end()) {
        bytes_ -= ring->second.bytes;
        rings_.erase(ring);
    }
}

LogBook::Follower LogBook::follow(LogFilter filter, std::function<void()> wake) {
    auto listener = std::make_shared<Listener>(Listener{std::move(filter), std::move(wake)});
    const std::lock_guard lock(mutex_);
    listeners_.emplace_back(listener);
    return listener;
}

std::size_t LogBook::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

} // namespace authex::em
