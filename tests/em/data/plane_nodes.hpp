#pragma once
// Data planes with modules in memory, for tests.
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "em/data_plane.hpp"
#include "support/memory_module.hpp"

namespace authex::em::plane_test {

using namespace std::chrono_literals;
using test::MemoryLink;
using test::MemoryModule;
using Bytestring = std::vector<std::uint8_t>;

struct Watcher final : Observer {
    void log_line(const ModuleName&, std::uint8_t, std::string text) override {
        const std::scoped_lock lock(mutex);
        lines.push_back(std::move(text));
    }
    void module_ended(const ModuleName& module, const tee::Exit&) override {
        const std::scoped_lock lock(mutex);
        ended.push_back(module.name);
    }
    void module_misbehaved(const ModuleName&, const std::string& reason) override {
        const std::scoped_lock lock(mutex);
        misbehaved.push_back(reason);
    }
    std::mutex mutex;
    std::vector<std::string> lines;
    std::vector<std::string> ended;
    std::vector<std::string> misbehaved;
};

inline DataPlane::Deadline soon(std::chrono::milliseconds delay = 20s) {
    return std::chrono::steady_clock::now() + delay;
}

template <typename Condition>
bool eventually(Condition condition, std::chrono::seconds limit = 30s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

/// One manager's data plane with modules in memory.
struct Node {
    explicit Node(DataPlaneOptions options = {}) {
        auto opened = DataPlane::open(options, watcher);
        if (!opened) {
            throw std::runtime_error(to_text(opened.error()));
        }
        plane = std::move(*opened);
    }
    static std::shared_ptr<MemoryModule> attested() {
        auto module = std::make_shared<MemoryModule>(1);
        module->attest();
        return module;
    }
    MemoryLink* add(const std::string& name,
                    std::shared_ptr<MemoryModule> module,
                    std::optional<tee::OwnClock> clock = {}) {
        auto link = std::make_unique<MemoryLink>(std::move(module), clock);
        MemoryLink* raw = link.get();
        std::promise<Expected<bool>> added;
        plane->add_module({1, name}, std::move(link), soon(), [&](Expected<bool> done) {
            added.set_value(std::move(done));
        });
        const Expected<bool> result = added.get_future().get();
        EXPECT_TRUE(result.has_value());
        return raw;
    }
    Expected<Bytestring> call(const std::string& module,
                              std::uint16_t entry,
                              Bytestring data = {},
                              DataPlane::Deadline deadline = soon()) {
        std::promise<Expected<Bytestring>> answer;
        plane->call({1, module}, entry, std::move(data), deadline, [&](Expected<Bytestring> done) {
            answer.set_value(std::move(done));
        });
        return answer.get_future().get();
    }
    test::Report report(const std::string& module) {
        const Expected<Bytestring> data = call(module, test::endpoint_report);
        return data ? test::parse_report(*data) : test::Report{};
    }
    void emit(const std::string& module, std::uint32_t count) {
        Bytestring data(4);
        Writer(data).u32(count);
        EXPECT_TRUE(call(module, test::endpoint_emit, data).has_value());
    }
    Expected<DirectResult> deliver(std::uint16_t channel, Bytestring frames, bool wait_reply) {
        std::promise<Expected<DirectResult>> answer;
        plane->deliver(1,
                       {.channel = channel, .frames = std::move(frames), .wait_reply = wait_reply},
                       soon(),
                       [&](Expected<DirectResult> done) { answer.set_value(std::move(done)); });
        return answer.get_future().get();
    }
    std::uint16_t port() const {
        const std::string address = plane->events_address();
        return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    }

    Watcher watcher;
    std::unique_ptr<DataPlane> plane;
};

/// a.out on one → b.in on the other, reached by `address`.
inline void join(Node& from, Node& to, const std::string& address) {
    auto a = Node::attested();
    auto b = Node::attested();
    b->connect(7, test::endpoint_in, false, 1);
    a->connect(7, test::endpoint_out, true, 1);
    from.add("a", a);
    to.add("b", b);
    ASSERT_TRUE(from.plane->connect({.deployment = 1,
                                     .channel = 7,
                                     .epoch = 1,
                                     .source_module = "a",
                                     .destination_address = address}));
    ASSERT_TRUE(to.plane->connect({.deployment = 1,
                                   .channel = 7,
                                   .epoch = 1,
                                   .destination_module = "b",
                                   .source_address = from.plane->events_address()}));
}

inline void expect_arrives(Node& from, Node& to, std::uint64_t count) {
    const std::uint64_t before = to.report("b").taken_in;
    from.emit("a", static_cast<std::uint32_t>(count));
    EXPECT_TRUE(eventually([&] { return to.report("b").taken_in >= before + count; }));
    const test::Report report = to.report("b");
    EXPECT_EQ(report.taken_in, before + count);
    EXPECT_EQ(report.out_of_order, 0U);
}

inline int connect_to(std::uint16_t port) {
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

} // namespace authex::em::plane_test
