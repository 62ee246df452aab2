#pragma once
// A module's frames as they are recorded: taken at the manager's end of its rings, kept until who
// reads them has them.

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tee/loader.hpp"

namespace authex::em {

/// Thread-safe.
class Recorder {
  public:
    using Entropy = std::array<std::uint8_t, 32>;
    struct Outside {
        std::function<std::uint64_t()> unix_time_us;
        /// Something came. Called with no lock held, on the thread that brought it.
        std::function<void()> wake;
    };
    /// Frames, one after another, as the module took or gave them together.
    struct Entry {
        bool out = false; ///< from the module
        std::uint64_t time_us = 0;
        std::vector<std::uint8_t> frames;
    };
    /// What a reader that is slow may leave lying.
    static constexpr std::size_t waiting_bytes_max = std::size_t{64} << 20U;

    Recorder(const Entropy& entropy, Outside outside)
        : entropy_(entropy), outside_(std::move(outside)) {}
    ~Recorder() { wipe(entropy_); }
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    /// What the module starts with.
    [[nodiscard]] const Entropy& entropy() const { return entropy_; }

    void add(bool out, ByteView frames);
    /// The module has ended, and how; what comes later is not recorded.
    void end(std::string how);
    /// Nobody reads any more.
    void close();

    /// The next entry, or none: nothing more now.
    std::optional<Entry> take();
    /// How the module ended, once all before it was taken.
    [[nodiscard]] std::optional<std::string> ended() const;
    /// More came than fits: what was recorded has a hole.
    [[nodiscard]] bool overflowed() const;

  private:
    Entropy entropy_;
    Outside outside_;
    mutable std::mutex mutex_;
    std::deque<Entry> entries_;
    std::size_t waiting_bytes_ = 0;
    std::optional<std::string> ended_;
    bool closed_ = false;
    bool overflowed_ = false;
};

/// The link, and the recorder is told of all that passes.
std::unique_ptr<tee::ModuleLink> recorded(std::unique_ptr<tee::ModuleLink> link,
                                          std::shared_ptr<Recorder> recorder);

} // namespace authex::em
