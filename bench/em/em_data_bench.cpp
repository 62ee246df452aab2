// Two data planes joined over TCP loopback, native modules in processes of their own: round trip
// and one-way rate of 64-byte events, beside a raw TCP loopback round trip of the same run.
//
//   em_data_bench [--json FILE] [--spin US] [--module-spin US] [--rounds N] [--events N]
#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <iostream>
#include <thread>
#include <unistd.h>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/socket.h>

#include "em/data_plane.hpp"
#include "support/owner.hpp"
#include "tee/native/native_modules.hpp"

namespace authex {
namespace {

using Clock = std::chrono::steady_clock;
using Bytestring = std::vector<std::uint8_t>;

constexpr std::size_t payload_bytes = 64;

/// Endpoints in order of their declaration.
enum Source : std::uint16_t {
    source_ball,
    source_events,
    source_ball_back,
    source_play,
    source_flood,
    source_more
};
constexpr const char* source_module =
    "#include <authex/module.hpp>\n"
    "static std::uint32_t left; static std::uint64_t next; static std::uint8_t data[64];\n"
    "AUTHEX_OUTPUT(ball);\n"
    "AUTHEX_OUTPUT(events);\n"
    "AUTHEX_INPUT(ball_back, event) { if (left > 0) { --left; ball(event.data); } }\n"
    "AUTHEX_ENTRY(play, call) { left = call.reader().u32(); ball(data); }\n"
    "static void flood_on();\n"
    "AUTHEX_ENTRY(flood, call) { left = call.reader().u32(); flood_on(); }\n"
    "AUTHEX_TIMER(more, timer) { flood_on(); }\n"
    "static void flood_on() {\n"
    "    for (std::uint32_t i = 0; left > 0; ++i) {\n"
    "        authex::Writer(data).u64(next);\n"
    "        if (i == 2000 || events(data) != AUTHEX_OK) { (void)more.after_us(0); return; }\n"
    "        ++next; --left;\n"
    "    }\n"
    "}\n";

enum Sink : std::uint16_t { sink_ball_back, sink_ball, sink_events, sink_report };
constexpr const char* sink_module =
    "#include <authex/module.hpp>\n"
    "static std::uint64_t taken; static std::uint64_t wrong;\n"
    "AUTHEX_OUTPUT(ball_back);\n"
    "AUTHEX_INPUT(ball, event) { ball_back(event.data); }\n"
    "AUTHEX_INPUT(events, event) { if (event.reader().u64() != taken) { ++wrong; } ++taken; }\n"
    "AUTHEX_ENTRY(report, call) { call.result.u64(taken).u64(wrong); }\n";

struct Quiet final : em::Observer {
    void log_line(const em::ModuleName& module, std::uint8_t, std::string text) override {
        std::cerr << module.name << ": " << text << "\n";
    }
    void module_ended(const em::ModuleName& module, const tee::Exit& exit) override {
        std::cerr << module.name << " ended: " << tee::to_text(exit) << "\n";
    }
    void module_misbehaved(const em::ModuleName& module, const std::string& reason) override {
        std::cerr << module.name << ": " << reason << "\n";
    }
};

/// Notes when frames were handed to the module.
class TimedLink final : public tee::ModuleLink {
  public:
    TimedLink(std::unique_ptr<tee::ModuleLink> inner, std::vector<Clock::time_point>& commits)
        : inner_(std::move(inner)), commits_(commits) {}
    std::optional<ByteView> readable() override { return inner_->readable(); }
    void consume(std::size_t count) override { inner_->consume(count); }
    std::optional<Bytes> writable() override { return inner_->writable(); }
    void commit(std::size_t count) override {
        if (count >= payload_bytes) { // not an acknowledgement alone
            commits_.push_back(Clock::now());
        }
        inner_->commit(count);
    }
    void notify() override { inner_->notify(); }
    bool prepare_sleep(bool want_room) override { return inner_->prepare_sleep(want_room); }
    [[nodiscard]] int doorbell_fd() const override { return inner_->doorbell_fd(); }
    void drain_doorbell() override { inner_->drain_doorbell(); }
    [[nodiscard]] int exit_fd() const override { return inner_->exit_fd(); }
    std::optional<tee::Exit> exit() override { return inner_->exit(); }
    void kill() override { inner_->kill(); }

  private:
    std::unique_ptr<tee::ModuleLink> inner_;
    std::vector<Clock::time_point>& commits_;
};

struct Options {
    std::string json;
    std::uint64_t spin_us = em::DataPlaneOptions{}.spin_us;
    std::uint32_t module_spin_us = tee::native::LoaderOptions{}.spin_us;
    std::uint32_t rounds = 50'000;
    std::uint32_t events = 1'000'000;
};

tee::Image build(const std::string& source) {
    const test::TemporaryFolder folder;
    folder.write("module.cpp", source);
    const auto builder = tee::native::make_builder(
        {.home = AUTHEX_SOURCE_DIR,
         .cache = std::filesystem::path(AUTHEX_BINARY_DIR) / "bench-cache"});
    tee::BuildSpec spec{.module = "m", .sources = {"module.cpp"}, .root = folder.path()};
    spec.owner_key = test::owner_public();
    return test::require(builder->build(spec));
}

/// A manager's data plane with one module.
struct Node {
    Node(const std::string& name, const char* source, const Options& options)
        : module{1, name}, owner(1, [this](ByteView frame) { return control(frame); }) {
        commits.reserve(2'000'000);
        const tee::Image image = build(source);
        loader = test::require(tee::native::NativeLoader::open(
            {.state_directory = folder.path(),
             .host_program = std::filesystem::path(AUTHEX_BINARY_DIR) / "bin/authex-host",
             .spin_us = options.module_spin_us}));
        auto link = test::require(loader->start(test::spec_of(image, name),
                                                test::module_folder(folder, name, image.path)));
        plane = test::require(em::DataPlane::open(
            {.state_directory = folder.path() / "outboxes", .spin_us = options.spin_us}, quiet));
        std::promise<Expected<bool>> added;
        plane->add_module(module,
                          std::make_unique<TimedLink>(std::move(link), commits),
                          soon(),
                          [&](Expected<bool> done) { added.set_value(std::move(done)); });
        test::require(added.get_future().get());
        owner.attest();
    }
    ~Node() {
        if (const auto link = plane->remove_module(module)) {
            link->kill();
            test::wait_exit(*link);
        }
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    static Clock::time_point soon() { return Clock::now() + std::chrono::seconds(60); }
    Bytestring control(ByteView frame) {
        std::promise<Expected<Bytestring>> answer;
        plane->control(module,
                       Bytestring(frame.begin(), frame.end()),
                       1,
                       soon(),
                       [&](Expected<Bytestring> done) { answer.set_value(std::move(done)); });
        return test::require(answer.get_future().get());
    }
    Bytestring call(std::uint16_t entry, std::uint32_t argument = 0) {
        Bytestring data(4);
        Writer(data).u32(argument);
        std::promise<Expected<Bytestring>> answer;
        plane->call(module, entry, data, soon(), [&](Expected<Bytestring> done) {
            answer.set_value(std::move(done));
        });
        return test::require(answer.get_future().get());
    }

    test::TemporaryFolder folder;
    Quiet quiet;
    em::ModuleName module;
    std::vector<Clock::time_point> commits;
    std::unique_ptr<tee::native::NativeLoader> loader;
    std::unique_ptr<em::DataPlane> plane;
    test::Owner owner;
};

void join(Node& from, Node& to, std::uint16_t channel, std::uint16_t output, std::uint16_t input) {
    test::require(to.plane->connect({.deployment = 1,
                                     .channel = channel,
                                     .epoch = 1,
                                     .destination_module = to.module.name,
                                     .source_address = from.plane->events_address()}));
    test::require(from.plane->connect({.deployment = 1,
                                       .channel = channel,
                                       .epoch = 1,
                                       .source_module = from.module.name,
                                       .destination_address = to.plane->events_address()}));
    to.owner.connect(channel, input, false, 1);
    from.owner.connect(channel, output, true, 1);
}

double percentile(std::vector<double>& values, double part) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

std::vector<double> tcp_round_trips(std::size_t rounds) {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    (void)::bind(listener, reinterpret_cast<sockaddr*>(&address), size);
    (void)::listen(listener, 1);
    (void)::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    std::thread echo([listener] {
        const int fd = ::accept(listener, nullptr, nullptr);
        const int one = 1;
        (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        char buffer[payload_bytes];
        while (::recv(fd, buffer, sizeof buffer, MSG_WAITALL) == sizeof buffer) {
            (void)::send(fd, buffer, sizeof buffer, MSG_NOSIGNAL);
        }
        ::close(fd);
    });
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    (void)::connect(fd, reinterpret_cast<sockaddr*>(&address), size);
    const int one = 1;
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    std::vector<double> times;
    char buffer[payload_bytes] = {};
    for (std::size_t i = 0; i < rounds; ++i) {
        const auto begin = Clock::now();
        (void)::send(fd, buffer, sizeof buffer, MSG_NOSIGNAL);
        (void)::recv(fd, buffer, sizeof buffer, MSG_WAITALL);
        times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    }
    ::close(fd);
    echo.join();
    ::close(listener);
    return times;
}

double processor_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int run(const Options& options) {
    nlohmann::json results;
    const auto row = [&](const char* name, double value, const char* unit, double reference) {
        const double ratio = reference == 0 ? 0 : value / reference;
        results[name] = {
            {"value", value}, {"unit", unit}, {"reference", reference}, {"ratio", ratio}};
        std::cout << fmt::format(
            "{:24} {:12.2f} {:10} {:6.2f} x reference\n", name, value, unit, ratio);
    };
    std::vector<double> tcp = tcp_round_trips(20'000);
    const double tcp_p50 = percentile(tcp, 0.5);
    row("tcp_rtt_p50", tcp_p50, "us", 0);
    row("tcp_rtt_p99", percentile(tcp, 0.99), "us", 0);

    Node a("a", source_module, options);
    Node b("b", sink_module, options);
    join(a, b, 1, source_ball, sink_ball);
    join(b, a, 2, sink_ball_back, source_ball_back);
    join(a, b, 3, source_events, sink_events);

    a.commits.clear();
    a.call(source_play, options.rounds);
    std::uint64_t rounds = 0;
    while (rounds < options.rounds) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        rounds = 0;
        for (const em::ConnectionCounters& connection : a.plane->snapshot().connections) {
            rounds = std::max(rounds, connection.channel == 2 ? connection.forwarded : 0);
        }
    }
    std::vector<double> trips;
    for (std::size_t i = a.commits.size() / 10; i + 1 < a.commits.size(); ++i) {
        trips.push_back(
            std::chrono::duration<double, std::micro>(a.commits[i + 1] - a.commits[i]).count());
    }
    row("native_rtt_p50", percentile(trips, 0.5), "us", tcp_p50);
    row("native_rtt_p99", percentile(trips, 0.99), "us", tcp_p50);

    const auto begin = Clock::now();
    const double processor = processor_seconds();
    a.call(source_flood, options.events);
    std::uint64_t taken = 0;
    std::uint64_t wrong = 0;
    while (taken < options.events && Clock::now() - begin < std::chrono::seconds(60)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        const Bytestring report = b.call(sink_report);
        Reader reader(report);
        taken = reader.u64();
        wrong = reader.u64();
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    row("native_oneway_rate", static_cast<double>(taken) / seconds, "1/s", 0);
    row("native_oneway_lost", static_cast<double>(options.events - taken + wrong), "events", 0);
    row("native_oneway_em_cpu", (processor_seconds() - processor) / seconds, "cores", 0);
    const double idle_from = processor_seconds();
    std::this_thread::sleep_for(std::chrono::seconds(2));
    row("native_idle_em_cpu", (processor_seconds() - idle_from) / 2, "cores", 0);
    if (!options.json.empty()) {
        std::ofstream(options.json) << results.dump(2) << "\n";
    }
    return taken == options.events && wrong == 0 ? 0 : 1;
}

} // namespace
} // namespace authex

int main(int argc, char** argv) {
    authex::Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        if (name == "--json") {
            options.json = argv[i + 1];
        } else if (name == "--spin") {
            options.spin_us = std::stoull(argv[i + 1]);
        } else if (name == "--module-spin") {
            options.module_spin_us = static_cast<std::uint32_t>(std::stoul(argv[i + 1]));
        } else if (name == "--rounds") {
            options.rounds = static_cast<std::uint32_t>(std::stoul(argv[i + 1]));
        } else if (name == "--events") {
            options.events = static_cast<std::uint32_t>(std::stoul(argv[i + 1]));
        } else {
            std::cerr << "unknown option " << name << "\n";
            return 2;
        }
    }
    return authex::run(options);
}
