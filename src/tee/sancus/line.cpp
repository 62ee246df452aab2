#include "tee/sancus/line.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <system_error>
#include <termios.h>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace authex::tee::sancus {
namespace {

namespace fs = std::filesystem;
using process::Descriptor;

struct Speed {
    std::uint32_t baud;
    speed_t code;
};
constexpr std::array<Speed, 9> speeds = {{{9600, B9600},
                                          {19'200, B19200},
                                          {38'400, B38400},
                                          {57'600, B57600},
                                          {115'200, B115200},
                                          {230'400, B230400},
                                          {460'800, B460800},
                                          {921'600, B921600},
                                          {1'000'000, B1000000}}};

std::optional<speed_t> code_of(std::uint32_t baud) {
    for (const Speed& speed : speeds) {
        if (speed.baud == baud) {
            return speed.code;
        }
    }
    return std::nullopt;
}

tl::unexpected<Diagnostic> cannot(const fs::path& path, const std::string& why, std::string fix) {
    return failure("serial", fmt::format("{}: {}", path.string(), why), std::move(fix));
}

std::string system_word() {
    return std::generic_category().message(errno);
}

/// A socket's name has room for 107 bytes; its folder's descriptor shortens any.
Expected<Descriptor> connect_socket(const fs::path& path) {
    const Descriptor folder(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name =
        fmt::format("/proc/self/fd/{}/{}", folder.get(), path.filename().string());
    if (!folder.open() || !socket.open() || name.size() >= sizeof address.sun_path) {
        return cannot(path, "not a socket that can be reached", "give it a shorter name");
    }
    std::memcpy(address.sun_path, name.c_str(), name.size());
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return cannot(path, system_word(), "is the emulator running?");
    }
    return socket;
}

Expected<Descriptor> open_device(const fs::path& path, speed_t speed) {
    Descriptor device(::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    termios settings{};
    if (!device.open() || ::tcgetattr(device.get(), &settings) != 0) {
        return cannot(path, system_word(), "name the device that the board is on");
    }
    if (::flock(device.get(), LOCK_EX | LOCK_NB) != 0) {
        return cannot(path, "another program has it", "one manager serves one board");
    }
    ::cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_cflag &= ~static_cast<tcflag_t>(CRTSCTS | CSTOPB);
    if (::cfsetspeed(&settings, speed) != 0 || ::tcsetattr(device.get(), TCSANOW, &settings) != 0) {
        return cannot(path, system_word(), "does the device know this speed?");
    }
    ::tcflush(device.get(), TCIFLUSH);
    return device;
}

} // namespace

bool is_baud(std::uint32_t baud) {
    return code_of(baud).has_value();
}

Expected<Descriptor> open_line(const fs::path& path, std::uint32_t baud) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        return cannot(path, system_word(), "name the device that the board is on");
    }
    if (S_ISSOCK(status.st_mode)) {
        return connect_socket(fs::absolute(path));
    }
    const std::optional<speed_t> speed = code_of(baud);
    if (!speed) {
        return failure("baud",
                       fmt::format("a serial device is not driven at {} baud", baud),
                       "57600 is what the board begins with");
    }
    return open_device(path, *speed);
}

} // namespace authex::tee::sancus
