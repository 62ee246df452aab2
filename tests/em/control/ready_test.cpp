#include "em/control/ready.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "support/temporary_folder.hpp"

namespace authex::em {
namespace {

/// The socket of a service manager.
class ServiceManager {
  public:
    /// @param name a path, or `@` and an abstract name
    explicit ServiceManager(const std::string& name)
        : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name.data(), name.size());
        if (name[0] == '@') {
            address.sun_path[0] = '\0';
        }
        EXPECT_EQ(::bind(socket_,
                         reinterpret_cast<const sockaddr*>(&address),
                         static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())),
                  0);
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    }
    ~ServiceManager() {
        ::unsetenv("NOTIFY_SOCKET");
        ::close(socket_);
    }
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;

    [[nodiscard]] std::string heard() const {
        std::array<char, 256> text{};
        const ssize_t size = ::recv(socket_, text.data(), text.size(), 0);
        return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
    }

  private:
    int socket_;
};

TEST(ServiceManagerIsTold, AtAPath) {
    const test::TemporaryFolder folder;
    const ServiceManager manager(folder.path() / "notify");
    EXPECT_EQ(tell_service_manager("READY=1").value(), true);
    EXPECT_EQ(manager.heard(), "READY=1");
}

TEST(ServiceManagerIsTold, AtAnAbstractName) {
    const ServiceManager manager("@authex-ready-test-" + std::to_string(::getpid()));
    EXPECT_EQ(tell_service_manager("READY=1").value(), true);
    EXPECT_EQ(manager.heard(), "READY=1");
}

TEST(ServiceManagerIsTold, NothingWhereThereIsNone) {
    ::unsetenv("NOTIFY_SOCKET");
    EXPECT_EQ(tell_service_manager("READY=1").value(), false);
    ::setenv("NOTIFY_SOCKET", "", 1);
    EXPECT_EQ(tell_service_manager("READY=1").value(), false);
}

TEST(ServiceManagerIsTold, OrTheErrorIs) {
    const test::TemporaryFolder folder;
    const std::string too_long(200, 'x');
    for (const std::string& address :
         {folder.path().string() + "/absent", std::string("relative"), "/" + too_long}) {
        ::setenv("NOTIFY_SOCKET", address.c_str(), 1);
        EXPECT_FALSE(tell_service_manager("READY=1")) << address;
    }
    ::unsetenv("NOTIFY_SOCKET");
}

} // namespace
} // namespace authex::em
