#pragma once
// Who runs a module and how it ended: one small file in the module's folder, written in place by
// the module's supervisor, so that a full disk does not hide an end. No allocation, no exceptions.
//
//   offset size field          little-endian
//        0    8 magic          "AXPROC01"
//        8   36 boot           /proc/sys/kernel/random/boot_id of the machine's run
//       44   32 image          SHA-256 of the image that was checked and started
//       76    4 supervisor     process id
//       80    8 started        its start time, field 22 of /proc/<pid>/stat, in clock ticks: with
//       the
//                              id and the boot it names one process for ever
//       88    4 module         process id
//       92    1 state          0 running, 1 exited, 2 ended by a signal
//       93    1 code           exit status or number of the signal
//       94    2 zero

#include <array>
#include <cstdint>
#include <optional>

#include <sys/types.h>

#include "base/bytes.hpp"

namespace authex::tee::process {

constexpr std::size_t record_bytes = 96;
constexpr std::size_t boot_bytes = 36;

enum class State : std::uint8_t { running = 0, exited = 1, signalled = 2 };

using Boot = std::array<std::uint8_t, boot_bytes>;

struct ProcessRecord {
    Boot boot{};
    std::array<std::uint8_t, 32> image{};
    std::uint32_t supervisor = 0;
    std::uint64_t started = 0;
    std::uint32_t module = 0;
    State state = State::running;
    std::uint8_t code = 0;
};

std::array<std::uint8_t, record_bytes> encode(const ProcessRecord& record);
/// Empty optional: not such a record.
std::optional<ProcessRecord> decode(ByteView bytes);

/// Overwrites the file. @return false: errno says why
bool write_record(int file, const ProcessRecord& record);
std::optional<ProcessRecord> read_record(int file);

/// Of this machine's run; zeros where /proc does not tell.
Boot this_boot();
/// Fields of /proc/<pid>/stat that are numbers. (proc(5))
enum class StatField : unsigned { parent = 4, start_time = 22 };
/// 0 where there is no such process.
std::uint64_t stat_of(pid_t process, StatField field);
/// The same from the file's text: the name in brackets may hold anything.
std::uint64_t stat_in(ByteView text, StatField field);

} // namespace authex::tee::process
