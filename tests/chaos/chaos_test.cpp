// Managers are killed, stopped and started, deployers killed in the middle of what they do, modules
// given new code and other nodes, in an order that a seed says, while numbered events flow. Whoever
// takes them counts: none is lost, none comes twice, none out of order.
//
//   AUTHEX_CHAOS_FAULTS how many faults (default 20); AUTHEX_CHAOS_SEED which ones
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "counted.hpp"

namespace authex::test {
namespace {

using namespace std::chrono_literals;

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
    const char* said = std::getenv(variable); // NOLINT(concurrency-mt-unsafe): one thread
    return said == nullptr ? otherwise : std::strtoull(said, nullptr, 10);
}

class Chaos {
  public:
    explicit Chaos(std::uint64_t seed) : random_(seed) {
        world_.start_managers();
        world_.must({"up"});
    }

    /// @return its name
    std::string fault() {
        const std::string node = below(2) == 0 ? "left" : "right";
        switch (below(7)) {
        case 0:
            world_.manager(node).signal(SIGKILL);
            (void)world_.manager(node).wait();
            pause(200);
            world_.restart_manager(node);
            return "kill the manager " + node;
        case 1:
            world_.manager(node).signal(SIGTERM);
            (void)world_.manager(node).wait();
            world_.restart_manager(node);
            return "restart the manager " + node;
        case 2:
            stop(world_.manager(node).pid());
            return "stop the manager " + node + " for a while";
        case 3: {
            const std::string module = some_module();
            if (const pid_t process = world_.module_process(module)) {
                stop(process);
            }
            return "stop the module " + module + " for a while";
        }
        case 4:
            change(below(2) == 0 ? "relay.cpp" : "sink.cpp");
            world_.must({"up"});
            return "new code";
        case 5: {
            const std::string module = some_module();
            world_.must({"update", module, "--node", node});
            return "move " + module + " to " + node;
        }
        default:
            return kill_deployer(node);
        }
    }

    void more(std::uint32_t events) {
        world_.begin({.events = events, .bytes = 64, .batch = 4, .pause_us = 400});
        sent_ += events;
    }
    [[nodiscard]] bool arrives() {
        world_.must({"up"});
        return world_.arrives(sent_);
    }
    [[nodiscard]] std::uint32_t sent() const { return sent_; }

  private:
    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    void pause(std::uint64_t ms_max) {
        std::this_thread::sleep_for(std::chrono::milliseconds(below(ms_max)));
    }
    void stop(pid_t process) {
        ::kill(process, SIGSTOP);
        pause(400);
        ::kill(process, SIGCONT);
    }
    std::string some_module() {
        constexpr std::array names = {"source", "relay", "sink"};
        return names.at(below(names.size()));
    }
    /// The code is another, its endpoints have other numbers, and there are never too many.
    void change(const std::string& source) {
        const std::string text = world_.read(source);
        const std::size_t begin = text.find("AUTHEX_ENTRY(change_");
        if (begin != std::string::npos) {
            const std::size_t end = text.find('\n', begin) + 1;
            world_.write(source, text.substr(0, begin) + text.substr(end));
        }
        world_.replace(
            source,
            "#include <authex/module.hpp>\n",
            fmt::format("#include <authex/module.hpp>\nAUTHEX_ENTRY(change_{}, call) {{}}\n",
                        ++changes_));
    }
    std::string kill_deployer(const std::string& node) {
        std::string what = "while it gives new code";
        std::unique_ptr<Process> authex;
        if (below(2) == 0) {
            change("relay.cpp");
            world_.must({"build"});
            authex = world_.start_authex({"up"});
        } else {
            const std::string module = some_module();
            what = fmt::format("while it moves {} to {}", module, node);
            authex = world_.start_authex({"update", module, "--node", node});
        }
        pause(150);
        authex->signal(SIGKILL);
        (void)authex->wait();
        pause(100);
        world_.must({"up"});
        return "kill the deployer " + what;
    }

    Counted world_{AUTHEX_E2E_DIR "/counted"};
    std::mt19937_64 random_;
    std::uint32_t sent_ = 0;
    int changes_ = 0;
};

TEST(Chaos, LosesDoublesAndReordersNothing) {
    const std::uint64_t seed = number_of("AUTHEX_CHAOS_SEED", std::random_device()());
    const std::uint64_t faults = number_of("AUTHEX_CHAOS_FAULTS", 20);
    std::cout << "AUTHEX_CHAOS_SEED=" << seed << std::endl;
    Chaos chaos(seed);
    for (std::uint64_t i = 1; i <= faults && !::testing::Test::HasFailure(); ++i) {
        chaos.more(3000);
        const std::string what = chaos.fault();
        SCOPED_TRACE(fmt::format("fault {}: {}", i, what));
        if (number_of("AUTHEX_CHAOS_FAULTS", 0) != 0) {
            std::cout << i << ' ' << what << std::endl;
        }
        if (i % 10 == 0 || i == faults) {
            ASSERT_TRUE(chaos.arrives());
        }
    }
    std::cout << faults << " faults, " << chaos.sent() << " events" << std::endl;
}

} // namespace
} // namespace authex::test
