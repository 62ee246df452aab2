#include "tee/process/process_record.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace authex::tee::process {
namespace {

constexpr std::array<std::uint8_t, 8> magic = {'A', 'X', 'P', 'R', 'O', 'C', '0', '1'};

/// Reads the front of a file. @return bytes read; 0 where it cannot be opened
std::size_t read_front(const char* path, Bytes into) {
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return 0;
    }
    const ssize_t count = ::read(file, into.data(), into.size());
    ::close(file);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
}

} // namespace

std::array<std::uint8_t, record_bytes> encode(const ProcessRecord& record) {
    std::array<std::uint8_t, record_bytes> bytes{};
    Writer(bytes)
        .bytes(magic)
        .bytes(record.boot)
        .bytes(record.image)
        .u32(record.supervisor)
        .u64(record.started)
        .u32(record.module)
        .u8(static_cast<std::uint8_t>(record.state))
        .u8(record.code)
        .u16(0);
    return bytes;
}

std::optional<ProcessRecord> decode(ByteView bytes) {
    Reader reader(bytes);
    const ByteView found = reader.take(magic.size());
    const ByteView boot = reader.take(boot_bytes);
    const ByteView image = reader.take(32);
    ProcessRecord record;
    record.supervisor = reader.u32();
    record.started = reader.u64();
    record.module = reader.u32();
    const std::uint8_t state = reader.u8();
    record.code = reader.u8();
    const std::uint16_t zero = reader.u16();
    if (!reader.done() || zero != 0 || !std::equal(magic.begin(), magic.end(), found.begin()) ||
        state > static_cast<std::uint8_t>(State::signalled)) {
        return std::nullopt;
    }
    record.state = static_cast<State>(state);
    std::copy(boot.begin(), boot.end(), record.boot.begin());
    std::copy(image.begin(), image.end(), record.image.begin());
    return record;
}

bool write_record(int file, const ProcessRecord& record) {
    const auto bytes = encode(record);
    return ::pwrite(file, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
}

std::optional<ProcessRecord> read_record(int file) {
    std::array<std::uint8_t, record_bytes + 1> bytes{};
    const ssize_t count = ::pread(file, bytes.data(), bytes.size(), 0);
    if (count < 0) {
        return std::nullopt;
    }
    return decode(ByteView(bytes).first(static_cast<std::size_t>(count)));
}

Boot this_boot() {
    Boot boot{};
    read_front("/proc/sys/kernel/random/boot_id", boot);
    return boot;
}

std::uint64_t stat_in(ByteView text, StatField field) {
    constexpr unsigned name_field = 2;
    auto at = std::find(text.rbegin(), text.rend(), ')').base();
    for (unsigned skipped = name_field; skipped < static_cast<unsigned>(field); ++skipped) {
        at = std::find(at, text.end(), ' ');
        if (at == text.end()) {
            return 0;
        }
        ++at;
    }
    std::uint64_t value = 0;
    for (; at != text.end() && *at >= '0' && *at <= '9'; ++at) {
        value = value * 10 + static_cast<std::uint64_t>(*at - '0');
    }
    return value;
}

std::uint64_t stat_of(pid_t process, StatField field) {
    // That of its first thread, which has the same fields: an emulator of another processor writes
    // /proc/<pid>/stat itself, with a start time of its own.
    std::array<char, 64> path{};
    const auto id = static_cast<long>(process);
    std::snprintf(path.data(), path.size(), "/proc/%ld/task/%ld/stat", id, id);
    std::array<std::uint8_t, 1024> text{};
    return stat_in(ByteView(text).first(read_front(path.data(), text)), field);
}

} // namespace authex::tee::process
