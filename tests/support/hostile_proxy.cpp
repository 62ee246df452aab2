#include "support/hostile_proxy.hpp"

#include <array>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <random>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace authex::test {
namespace {

int listen_on_loopback(std::uint16_t& port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    (void)::listen(fd, 16);
    socklen_t size = sizeof address;
    (void)::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    return fd;
}

int connect_to(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd);
        return -1;
    }
    return fd;
}

} // namespace

struct HostileProxy::Impl {
    struct Pair {
        int ends[2];
        std::vector<char> held[2]; ///< overtaken by the next piece
    };

    std::uint16_t target = 0;
    std::uint16_t port = 0;
    int listener = -1;
    std::mt19937_64 random;
    std::mutex mutex;
    Harm harm;
    bool frozen = false;
    bool cut_now = false;
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> accepted{0};
    std::vector<Pair> pairs;
    std::thread thread;

    bool chance(unsigned percent) { return percent != 0 && random() % 100 < percent; }

    static void close_pair(Pair& pair) {
        ::close(pair.ends[0]);
        ::close(pair.ends[1]);
        pair.ends[0] = -1;
    }

    static bool send_all(int fd, const std::vector<char>& piece) {
        std::size_t at = 0;
        while (at < piece.size()) {
            const ssize_t sent = ::send(fd, piece.data() + at, piece.size() - at, MSG_NOSIGNAL);
            if (sent <= 0) {
                return false;
            }
            at += static_cast<std::size_t>(sent);
        }
        return true;
    }

    bool pass(Pair& pair, int side, std::vector<char> piece, const Harm& now) {
        const int to = pair.ends[1 - side];
        if (chance(now.drop)) {
            return true;
        }
        if (chance(now.corrupt)) {
            piece[random() % piece.size()] ^= static_cast<char>(1U << (random() % 8));
        }
        if (chance(now.reorder) && pair.held[side].empty()) {
            pair.held[side] = std::move(piece);
            return true;
        }
        if (chance(now.delay)) {
            std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
        }
        bool sent = send_all(to, piece);
        if (sent && chance(now.duplicate)) {
            sent = send_all(to, piece);
        }
        const std::vector<char> held = std::exchange(pair.held[side], {});
        return sent && send_all(to, held);
    }

    void serve(Pair& pair, int side, const Harm& now) {
        std::vector<char> piece(32 * 1024);
        const ssize_t count = ::recv(pair.ends[side], piece.data(), piece.size(), MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN) {
            return;
        }
        if (count <= 0 || chance(now.cut)) {
            close_pair(pair);
            return;
        }
        piece.resize(static_cast<std::size_t>(count));
        if (!pass(pair, side, std::move(piece), now)) {
            close_pair(pair);
        }
    }

    void run() {
        while (!stop) {
            Harm now;
            bool still = false;
            {
                const std::scoped_lock lock(mutex);
                now = harm;
                still = frozen;
                if (std::exchange(cut_now, false)) {
                    for (Pair& pair : pairs) {
                        close_pair(pair);
                    }
                }
            }
            std::erase_if(pairs, [](const Pair& pair) { return pair.ends[0] < 0; });
            std::vector<pollfd> waits{{listener, POLLIN, 0}};
            for (const Pair& pair : pairs) {
                waits.push_back({pair.ends[0], POLLIN, 0});
                waits.push_back({pair.ends[1], POLLIN, 0});
            }
            (void)::poll(waits.data(), still ? 1 : waits.size(), 5);
            for (std::size_t i = 0; !still && i < pairs.size(); ++i) {
                for (int side = 0; side < 2 && pairs[i].ends[0] >= 0; ++side) {
                    if (waits[1 + 2 * i + static_cast<std::size_t>(side)].revents != 0) {
                        serve(pairs[i], side, now);
                    }
                }
            }
            const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            if (client >= 0) {
                const int server = connect_to(target);
                if (server < 0) {
                    ::close(client);
                } else {
                    ++accepted;
                    pairs.push_back({{client, server}, {}});
                }
            }
        }
        for (Pair& pair : pairs) {
            close_pair(pair);
        }
    }
};

HostileProxy::HostileProxy(std::uint16_t port, std::uint64_t seed)
    : impl_(std::make_unique<Impl>()) {
    impl_->target = port;
    impl_->random.seed(seed);
    impl_->listener = listen_on_loopback(impl_->port);
    impl_->thread = std::thread([this] { impl_->run(); });
}

HostileProxy::~HostileProxy() {
    impl_->stop = true;
    impl_->thread.join();
    ::close(impl_->listener);
}

std::string HostileProxy::address() const {
    return "127.0.0.1:" + std::to_string(impl_->port);
}

void HostileProxy::set_harm(const Harm& harm) {
    const std::scoped_lock lock(impl_->mutex);
    impl_->harm = harm;
}

void HostileProxy::set_frozen(bool frozen) {
    const std::scoped_lock lock(impl_->mutex);
    impl_->frozen = frozen;
}

void HostileProxy::cut_all() {
    const std::scoped_lock lock(impl_->mutex);
    impl_->cut_now = true;
}

std::uint64_t HostileProxy::connections() const {
    return impl_->accepted;
}

} // namespace authex::test
