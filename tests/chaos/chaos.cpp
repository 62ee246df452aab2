#include "chaos.hpp"

#include <chrono>
#include <csignal>
#include <iostream>
#include <thread>

#include <fmt/format.h>

namespace authex::test {
namespace {

constexpr std::array modules = {"source", "relay", "sink"};
constexpr std::uint32_t inputs = 1000; ///< between two faults
constexpr std::size_t disk_bytes = std::size_t{64} << 20U;
/// Other work on the machine may keep all of it waiting.
constexpr auto patience = std::chrono::minutes(10);

} // namespace

Chaos::Chaos(std::uint64_t seed, Faults faults) : random_(seed), faults_(faults) {
    if (faults == Faults::all) {
        for (const char* place :
             {"source: { node: left,  ", "relay:  { node: right, ", "sink:   { node: left,  "}) {
            world_.replace("native.yaml", place, std::string(place) + "persist: true, ");
        }
        std::string why;
        disk_ = PrivateDisk::mount(world_.state("right"), disk_bytes, why);
        if (disk_ != nullptr) {
            world_.run_manager_in("right", disk_->inside("/"));
        }
    }
    const bool durable = maybe();
    world_.start_managers(durable ? std::vector<std::string>{"--durable"}
                                  : std::vector<std::string>());
    world_.must({"up"});
}

std::string Chaos::fault() {
    using Fault = std::string (Chaos::*)();
    static constexpr std::array<Fault, 17> faults = {
        // Updates.
        &Chaos::give_new_code,
        &Chaos::move,
        // Of others than modules' processes.
        &Chaos::kill_deployer,
        &Chaos::kill_manager,
        &Chaos::end_manager,
        &Chaos::stop_manager,
        &Chaos::stop_module,
        // All others.
        &Chaos::kill_module,
        &Chaos::kill_module,
        &Chaos::kill_supervisor,
        &Chaos::kill_node,
        &Chaos::kill_all,
        &Chaos::storm,
        &Chaos::kill_watch,
        &Chaos::change_healer,
        &Chaos::turn_keys,
        &Chaos::fill_disk,
    };
    const std::size_t kinds = faults_ == Faults::updates     ? 2U
                              : faults_ == Faults::of_others ? 7U
                                                             : faults.size();
    world_.begin({.events = inputs, .bytes = 64, .batch = 4, .pause_us = 400});
    books_.made(inputs);
    world_.must({"call", "source", "press"});
    books_.made(1);
    look();
    const auto press = world_.start_authex({"call", "source", "press"});
    std::string what = (this->*faults.at(below(kinds)))();
    if (press->wait() == 0) {
        books_.made(1);
    } else {
        books_.attempted();
    }
    look();
    reap_orphans();
    return what;
}

bool Chaos::arrives() {
    if (watch_ == nullptr) {
        run_up();
    }
    const bool arrived = eventually(
        [&] {
            look();
            return books_.shown() >= books_.at_least() || ::testing::Test::HasFailure();
        },
        patience);
    EXPECT_TRUE(arrived) << world_.authex({"status"}).out << world_.authex({"plan"}).out
                         << (watch_ == nullptr ? "" : watch_->out() + watch_->err());
    return arrived;
}

/// The display is asked; where its node is away it shows nothing.
void Chaos::look() {
    if (const std::optional<Taken> taken = world_.display()) {
        books_.shows(*taken);
    }
}

/// Whoever looks after the application has made it well.
void Chaos::heal() {
    if (watch_ == nullptr) {
        run_up();
    } else {
        EXPECT_TRUE(eventually([&] { return is_well(); }, patience))
            << world_.authex({"plan"}).out << watch_->out() << watch_->err();
    }
}

/// What hangs together waits for each other, and may need more than one attempt.
void Chaos::run_up() {
    Result up;
    const bool done = eventually(
        [&] {
            up = world_.authex({"up"});
            repeated_ += up.status == 0 ? 0U : 1U;
            return up.status == 0;
        },
        patience);
    EXPECT_TRUE(done) << up.out << up.err << world_.authex({"status"}).out;
}

bool Chaos::is_well() {
    const auto plan = nlohmann::json::parse(world_.authex({"--json", "plan"}).out, nullptr, false);
    return plan.is_object() && plan.contains("steps") && plan.at("steps").empty();
}

std::string Chaos::kill_manager() {
    const std::string node = some_node();
    kill(world_.manager(node).pid());
    pause(200);
    restart(node);
    return "kill the manager " + node;
}

std::string Chaos::end_manager() {
    const std::string node = some_node();
    world_.manager(node).signal(SIGTERM);
    restart(node);
    return "restart the manager " + node;
}

std::string Chaos::stop_manager() {
    const std::string node = some_node();
    stop_for_a_while(world_.manager(node).pid());
    return "stop the manager " + node + " for a while";
}

std::string Chaos::stop_module() {
    const std::string module = some_module();
    stop_for_a_while(world_.module_process(module));
    return "stop the module " + module + " for a while";
}

std::string Chaos::give_new_code() {
    const std::string source = maybe() ? "relay.cpp" : "sink.cpp";
    change(source);
    run_up();
    return "new code of " + source;
}

std::string Chaos::move() {
    const std::string module = some_module();
    const std::string node = some_node();
    world_.must({"update", module, "--node", node});
    return "move " + module + " to " + node;
}

std::string Chaos::kill_deployer() {
    std::string what = "while it gives new code";
    std::unique_ptr<Process> authex;
    if (maybe()) {
        change("relay.cpp");
        world_.must({"build"});
        authex = world_.start_authex({"up"});
    } else {
        const std::string module = some_module();
        const std::string node = some_node();
        what = fmt::format("while it moves {} to {}", module, node);
        authex = world_.start_authex({"update", module, "--node", node});
    }
    pause(150);
    authex->signal(SIGKILL);
    (void)authex->wait();
    pause(100);
    // What a move that was killed may leave, its operator removes.            (docs/updates.md)
    std::filesystem::remove(world_.folder() / "native.yaml.moved");
    run_up();
    return "kill the deployer " + what;
}

std::string Chaos::kill_module() {
    const std::string module = some_module();
    kill(world_.module_process(module));
    heal();
    return "kill the module " + module;
}

std::string Chaos::kill_supervisor() {
    const std::string module = some_module();
    kill(world_.module_supervisor(module));
    heal();
    return "kill the supervisor of " + module;
}

std::string Chaos::kill_node() {
    const std::string node = some_node();
    kill_at_once({node});
    pause(200);
    restart(node);
    heal();
    return "kill the node " + node;
}

std::string Chaos::kill_all() {
    kill_at_once({"left", "right"});
    restart("left");
    restart("right");
    heal();
    return "kill everything";
}

/// Several within 100 ms.
std::string Chaos::storm() {
    const std::uint64_t kills = 3 + below(4);
    std::string what;
    for (std::uint64_t i = 0; i < kills; ++i) {
        const std::string module = some_module();
        switch (below(4)) {
        case 0: {
            const std::string node = some_node();
            what += " manager " + node;
            kill(world_.manager(node).pid());
            break;
        }
        case 1:
            what += " supervisor of " + module;
            kill(world_.module_supervisor(module));
            break;
        default:
            what += " module " + module;
            kill(world_.module_process(module));
        }
        pause(100 / kills);
    }
    for (const char* node : {"left", "right"}) {
        if (!world_.manager(node).running()) {
            restart(node);
        }
    }
    heal();
    return "storm: kill" + what;
}

/// In the middle of what it mends.
std::string Chaos::kill_watch() {
    if (watch_ == nullptr) {
        watch_ = world_.start_authex({"watch"});
        pause(500);
    }
    const std::string module = some_module();
    kill(world_.module_process(module));
    pause(300);
    watch_->signal(SIGKILL);
    (void)watch_->wait();
    watch_ = maybe() ? world_.start_authex({"watch"}) : nullptr;
    heal();
    return fmt::format(
        "kill the watch while it mends {}; {} goes on", module, watch_ ? "another" : "up");
}

std::string Chaos::change_healer() {
    if (watch_ == nullptr) {
        watch_ = world_.start_authex({"watch"});
        return "from here on a watch mends";
    }
    watch_->signal(SIGTERM);
    EXPECT_EQ(watch_->wait(), 0) << watch_->err();
    watch_ = nullptr;
    return "from here on up mends";
}

std::string Chaos::turn_keys() {
    const std::string module = some_module();
    const auto turning = world_.start_authex({"connect", "--turn"});
    pause(150);
    const bool dies = maybe();
    if (dies) {
        kill(world_.module_process(module));
    }
    (void)turning->wait(); // what it could not finish is finished by whoever heals
    heal();
    return dies ? "kill the module " + module + " while keys are turned" : "turn the keys";
}

/// What is kept has its room; what begins anew needs some.
std::string Chaos::fill_disk() {
    const std::string module = some_module();
    if (disk_ == nullptr) {
        return "no disk to be filled";
    }
    disk_->fill();
    kill(world_.module_process(module));
    if (watch_ == nullptr) {
        (void)world_.authex({"up"});
    }
    pause(500);
    look();
    disk_->make_room();
    heal();
    return fmt::format("kill the module {} while the disk of right is full", module);
}

void Chaos::kill(pid_t process) {
    if (process > 0) {
        ::kill(process, SIGKILL);
    }
}

/// The managers stop first: what modules say until they die, nobody has taken.
void Chaos::kill_at_once(const std::vector<std::string>& nodes) {
    std::vector<pid_t> processes;
    const nlohmann::json status = world_.json({"status"});
    for (const std::string& node : nodes) {
        processes.push_back(world_.manager(node).pid());
        for (const auto& module : status.at("modules")) {
            if (module.at("node") == node) {
                processes.push_back(world_.module_supervisor(module.at("name")));
                processes.push_back(world_.module_process(module.at("name")));
            }
        }
    }
    for (const std::string& node : nodes) {
        world_.manager(node).signal(SIGSTOP);
    }
    pause(20);
    for (const pid_t process : processes) {
        kill(process);
    }
}

void Chaos::restart(const std::string& node) {
    (void)world_.manager(node).wait();
    world_.restart_manager(node);
}

void Chaos::stop_for_a_while(pid_t process) {
    const bool there = process > 0;
    if (there) {
        ::kill(process, SIGSTOP);
    }
    pause(400);
    if (there) {
        ::kill(process, SIGCONT);
    }
}

/// The code is another, its endpoints have other numbers, and there are never too many.
void Chaos::change(const std::string& source) {
    const std::string text = world_.read(source);
    const std::size_t begin = text.find("AUTHEX_ENTRY(change_");
    if (begin != std::string::npos) {
        const std::size_t end = text.find('\n', begin) + 1;
        world_.write(source, text.substr(0, begin) + text.substr(end));
    }
    world_.replace(source,
                   "#include <authex/module.hpp>\n",
                   fmt::format("#include <authex/module.hpp>\nAUTHEX_ENTRY(change_{}, call) {{}}\n",
                               ++changes_));
}

void Chaos::pause(std::uint64_t ms_max) {
    std::this_thread::sleep_for(std::chrono::milliseconds(below(ms_max)));
}

std::string Chaos::some_module() {
    return modules.at(below(modules.size()));
}

} // namespace authex::test
