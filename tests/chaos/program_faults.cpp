// Programs are killed, stopped and started: managers, modules, the deployer, the watch. Modules get
// new code and other nodes.
#include <csignal>

#include <fmt/format.h>

#include "chaos.hpp"

namespace authex::test {

std::string Chaos::kill_manager() {
    const std::string node = some_manager();
    kill(world_.manager(node).pid());
    pause(200);
    restart(node);
    return "kill the manager " + node;
}

std::string Chaos::end_manager() {
    const std::string node = some_manager();
    world_.manager(node).signal(SIGTERM);
    restart(node);
    return "restart the manager " + node;
}

std::string Chaos::stop_manager() {
    const std::string node = some_manager();
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
    std::filesystem::remove(world_.folder() / (descriptor_ + ".moved"));
    run_up();
    return "kill the deployer " + what;
}

std::string Chaos::kill_module() {
    const std::string module = some_module();
    kill_module(module);
    heal();
    return "kill the module " + module;
}

std::string Chaos::kill_supervisor() {
    const std::string module = some_module();
    kill_supervisor(module);
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
    std::vector<std::string> nodes = {"left", "right"};
    if (board_ != nullptr) {
        nodes.emplace_back("field");
    }
    kill_at_once(nodes);
    for (const std::string& node : nodes) {
        restart(node);
    }
    heal();
    return "kill everything";
}

std::string Chaos::storm() {
    const std::string what = kill_several();
    heal();
    return "storm: kill" + what;
}

/// Within 100 ms.
std::string Chaos::kill_several() {
    const std::uint64_t kills = 3 + below(4);
    std::set<std::string> without_manager;
    std::string what;
    for (std::uint64_t i = 0; i < kills; ++i) {
        const std::string module = some_module();
        switch (below(4)) {
        case 0: {
            const std::string node = some_node();
            what += " manager " + node;
            if (without_manager.insert(node).second) {
                kill(world_.manager(node).pid());
            }
            break;
        }
        case 1:
            what += " supervisor of " + module;
            kill_supervisor(module);
            break;
        default:
            what += " module " + module;
            kill_module(module);
        }
        pause(100 / kills);
    }
    for (const std::string& node : without_manager) {
        restart(node);
    }
    return what;
}

/// In the middle of what it mends.
std::string Chaos::kill_watch() {
    if (watch_ == nullptr) {
        watch_ = world_.start_authex({"watch"});
        pause(500);
    }
    const std::string module = some_module();
    kill_module(module);
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
        kill_module(module);
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
    kill_module(module);
    if (watch_ == nullptr) {
        (void)world_.authex({"up"});
    }
    pause(500);
    look();
    disk_->make_room();
    heal();
    return fmt::format("kill the module {} while the disk of right is full", module);
}

} // namespace authex::test
