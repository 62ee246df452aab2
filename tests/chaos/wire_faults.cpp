// The two machines do not hear each other for a while.
#include <fmt/format.h>

#include "chaos.hpp"

namespace authex::test {
namespace {

constexpr auto no_wire = "no wire to be cut";

} // namespace

void Chaos::set_wire(bool up) {
    EXPECT_TRUE(network_->set_wire(up));
}

/// Seldom longer than the other end takes for patience.
void Chaos::pause_while_cut() {
    pause(below(8) == 0 ? 6000 : 2000);
}

std::string Chaos::cut_wire() {
    if (network_ == nullptr) {
        return no_wire;
    }
    set_wire(false);
    pause_while_cut();
    set_wire(true);
    return "cut the wire for a while";
}

std::string Chaos::deafen() {
    if (network_ == nullptr) {
        return no_wire;
    }
    const std::size_t machine = below(2);
    EXPECT_TRUE(network_->set_hearing(machine, false));
    pause_while_cut();
    EXPECT_TRUE(network_->set_hearing(machine, true));
    return fmt::format("{} hears nothing for a while", machine == 0 ? "left" : "right");
}

/// What cannot be finished, or taken back, is when the wire is there again.
std::string Chaos::cut_wire_in_update() {
    if (network_ == nullptr) {
        return no_wire;
    }
    std::string what = "new code is given";
    std::vector<std::string> command = {"--timeout", "1", "up"};
    if (maybe()) {
        change("relay.cpp");
        world_.must({"build"});
    } else {
        const std::string module = some_module();
        const std::string node = some_node();
        what = fmt::format("{} moves to {}", module, node);
        command = {"--timeout", "1", "update", module, "--node", node};
    }
    const auto authex = world_.start_authex(command);
    pause(300);
    set_wire(false);
    pause_while_cut();
    set_wire(true);
    if (authex->wait() != 0) {
        what += ", which fails";
        std::filesystem::remove(world_.folder() / (descriptor_ + ".moved"));
        run_up();
    }
    return "cut the wire while " + what;
}

std::string Chaos::cut_wire_while_a_module_dies() {
    if (network_ == nullptr) {
        return no_wire;
    }
    const std::string module = some_module();
    const bool before = maybe();
    if (before) {
        set_wire(false);
    }
    kill_module(module);
    pause(200);
    set_wire(false);
    if (watch_ == nullptr) {
        (void)world_.authex({"--timeout", "1", "up"});
    }
    pause_while_cut();
    set_wire(true);
    heal();
    return fmt::format(
        "kill the module {} {} the wire is cut", module, before ? "after" : "before");
}

} // namespace authex::test
