#pragma once
// What a module was given and gave, from its start on, and all that it takes to run it again.
//
//   offset  size   little-endian
//        0     8   "AXRECORD"
//        8     2   version: 1
//       10    32   SHA-256 of the image, which is its identity
//       42    32   entropy that the module started with: with it, who has the file has all its keys
//       74     4   bytes of its stack, 0: the TEE's default
//       78   1+n   u8 length, name of the module
//        …   4+n   u32 length, the image
//        …   4+n   u32 length, the image with its symbols; may be empty
//        …         records:
//                    u8 1 (to the module) or 2 (from it), u64 Unix time in µs, one frame
//                    u8 3 (the end), u64 Unix time in µs, u8 length, how the module ended; once,
//                    last
//        …    32   SHA-256 of all before
//
// It is written under another name until it is whole.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::deployer {

struct RecordingHead {
    std::array<std::uint8_t, 32> identity{};
    std::array<std::uint8_t, 32> entropy{};
    std::uint32_t stack_bytes = 0;
    std::string module; ///< at most 255 bytes
    std::vector<std::uint8_t> image;
    std::vector<std::uint8_t> symbols;
};

struct RecordedFrame {
    bool out = false; ///< from the module
    std::uint64_t time_us = 0;
    std::vector<std::uint8_t> bytes; ///< one whole frame
};

struct Recording {
    RecordingHead head;
    std::vector<RecordedFrame> frames;
    std::uint64_t end_us = 0;
    std::string ended; ///< "killed by signal 11 (SIGSEGV)"; empty: it ran on
};

/// Of the format above, the last 32 bytes excepted. @pre the limits of the fields
[[nodiscard]] std::vector<std::uint8_t> encode(const Recording& recording);
/// The inverse. @error recording-malformed | recording-newer | recording-image: the image is not
/// the one of that identity
[[nodiscard]] Expected<Recording> decode(ByteView content);

/// The time came to the module from its process, not its manager. Puts each frame that told it
/// where the module took it, as it has said itself.
void put_back_times(Recording& recording);

/// A whole file, with its times put back. @error file-unreadable | file-readable-by-others |
/// recording-damaged: the checksum is wrong | as decode()
[[nodiscard]] Expected<Recording> read_recording(const std::filesystem::path& file);

/// A file that grows. Without finish() nothing is left of it. Not thread-safe.
class RecordingWriter {
  public:
    /// Mode 0600. @error file-exists | file-unwritable
    static Expected<std::unique_ptr<RecordingWriter>> create(std::filesystem::path file,
                                                             const RecordingHead& head);
    virtual ~RecordingWriter() = default;
    /// @param frames whole ones, one after another. @error malformed-frames | file-unwritable
    virtual Expected<bool> add(bool out, std::uint64_t time_us, ByteView frames) = 0;
    /// Gives the file its name. @error file-exists | file-unwritable
    virtual Expected<bool> finish(std::uint64_t time_us, const std::string& ended) = 0;
    /// Frames to the module until now, and from it.
    [[nodiscard]] std::uint64_t given() const { return given_; }
    [[nodiscard]] std::uint64_t gave() const { return gave_; }

  protected:
    std::uint64_t given_ = 0;
    std::uint64_t gave_ = 0;
};

} // namespace authex::deployer
