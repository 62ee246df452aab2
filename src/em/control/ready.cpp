#include "em/control/ready.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace authex::em {

Expected<bool> tell_service_manager(std::string_view state) {
    const char* const name =
        std::getenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe): nobody writes it
    if (name == nullptr || *name == '\0') {
        return false;
    }
    const std::string path = name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if ((path[0] != '/' && path[0] != '@') || path.size() >= sizeof address.sun_path) {
        return failure("ready", fmt::format("NOTIFY_SOCKET is no address: {}", path));
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const ssize_t sent =
        descriptor < 0
            ? -1
            : ::sendto(descriptor,
                       state.data(),
                       state.size(),
                       MSG_NOSIGNAL,
                       reinterpret_cast<const sockaddr*>(&address),
                       static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size()));
    const int error = errno;
    if (descriptor >= 0) {
        ::close(descriptor);
    }
    if (sent != static_cast<ssize_t>(state.size())) {
        return failure(
            "ready",
            fmt::format("NOTIFY_SOCKET {}: {}", path, std::generic_category().message(error)),
            "the service manager set it; is it still there?");
    }
    return true;
}

} // namespace authex::em
