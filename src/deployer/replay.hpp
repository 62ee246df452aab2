#pragma once
// A recording, run again: the image in a host of its own is given the frames that it was given, and
// what it gives is compared with what it gave. Native images only.            (docs/debugging.md)

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "deployer/recording.hpp"

namespace authex::deployer {

/// What an image did with the frames of a recording.
struct ReplayRun {
    /// For each frame that it was given, in order, the frames that came of it. Fewer than were to
    /// be given: the process ended over the next one.
    std::vector<std::vector<std::uint8_t>> outputs;
    std::string ended; ///< how; empty: it took all
};

/// Numbers of frames count the recording's from 1, those to the module and those from it.
struct Difference {
    std::size_t frame = 0;
    std::string text; ///< "the recording has an event of channel 3 …, the replay …"
};

struct Comparison {
    std::uint64_t given = 0;    ///< frames to the module
    std::uint64_t compared = 0; ///< frames from it that are as recorded
    std::uint64_t acks = 0;     ///< of them
    /// Frames that came after the last one that is in the recording: it ended before they did.
    std::uint64_t later = 0;
    std::string ended; ///< how the module ended, in both
    std::optional<Difference> difference;
};

/// All frames but acks must be as recorded, and in that order. An ack speaks for all that the
/// module took together, which depends on how fast frames came: those of the recording must be
/// among those of the replay, connection by connection and in their order.
[[nodiscard]] Comparison compare(const Recording& recording, const ReplayRun& run);

/// The files that a host is given (tee/native/host/replay.hpp), in a folder that goes with this.
class ReplayFolder {
  public:
    /// @error host-missing | file-unwritable
    static Expected<std::unique_ptr<ReplayFolder>> make(const Recording& recording);
    ~ReplayFolder();
    ReplayFolder(const ReplayFolder&) = delete;
    ReplayFolder& operator=(const ReplayFolder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// What is to be run there.
    [[nodiscard]] std::vector<std::string> host(bool debugged) const;
    /// With symbols; empty: the recording has none.
    [[nodiscard]] const std::filesystem::path& symbols() const { return symbols_; }

  private:
    explicit ReplayFolder(std::filesystem::path path) : path_(std::move(path)) {}

    std::filesystem::path path_;
    std::filesystem::path symbols_;
    std::filesystem::path host_;
    std::string identity_;
    std::uint32_t stack_bytes_ = 0;
};

/// Blocks until the image has taken all or ended. @error as ReplayFolder::make() | what the host
/// says, e.g. image-malformed
[[nodiscard]] Expected<ReplayRun> run_replay(const Recording& recording);

} // namespace authex::deployer
