#include "serial_cable.hpp"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <random>
#include <stdexcept>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "support/process.hpp"

namespace authex::test {
namespace {

int connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        throw std::runtime_error(path + ": too long for a socket");
    }
    std::memcpy(address.sun_path, path.c_str(), path.size());
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // Its socket has a name a moment before it is listened at.
    if (!eventually([&] {
            return ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                   0;
        })) {
        throw std::runtime_error(path + ": the board is not there");
    }
    return socket;
}

/// What one end has for the other; of `noise` bytes one is damaged. @return false: it is gone
bool pass(int from, int to, unsigned noise, std::minstd_rand& random) {
    std::array<char, 512> bytes{};
    const ssize_t count = ::read(from, bytes.data(), bytes.size());
    for (ssize_t i = 0; noise != 0 && i < count; ++i) {
        if (random() % noise == 0) {
            bytes[static_cast<std::size_t>(i)] ^= static_cast<char>(1U << random() % 8U);
        }
    }
    // Nobody has the device open: as a line to which nothing is connected.
    if (count < 0 && errno == EIO) {
        return true;
    }
    return count > 0 && ::write(to, bytes.data(), static_cast<std::size_t>(count)) == count;
}

} // namespace

SerialCable::SerialCable(std::filesystem::path device, const std::string& board)
    : device_(std::move(device)), board_(board) {
    plug_in();
}

SerialCable::~SerialCable() {
    pull();
}

void SerialCable::plug_in() {
    const int device = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (device < 0 || ::grantpt(device) != 0 || ::unlockpt(device) != 0) {
        throw std::runtime_error("no pseudo terminal");
    }
    const int board = connect_to(board_);
    termios settings{};
    ::tcgetattr(device, &settings);
    ::cfmakeraw(&settings);
    ::tcsetattr(device, TCSANOW, &settings);
    plugged_ = true;
    thread_ = std::thread([this, device, board] { carry(device, board); });
    std::filesystem::create_symlink(::ptsname(device), device_);
}

void SerialCable::pull() {
    if (thread_.joinable()) {
        std::filesystem::remove(device_);
        plugged_ = false;
        thread_.join();
    }
}

void SerialCable::carry(int device, int board) const {
    std::array<pollfd, 2> ends = {{{device, POLLIN, 0}, {board, POLLIN, 0}}};
    std::minstd_rand random; // which bytes noise damages
    while (plugged_) {
        (void)::poll(ends.data(), ends.size(), 10);
        if (((ends[0].revents & POLLIN) != 0 && !pass(device, board, noise_, random)) ||
            ((ends[1].revents & POLLIN) != 0 && !pass(board, device, noise_, random))) {
            break;
        }
        if ((ends[0].revents & POLLHUP) != 0) {
            ::usleep(1000); // until the manager opens it
        }
    }
    ::close(device);
    ::close(board);
}

} // namespace authex::test
