#include "chaos.hpp"

#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include <fmt/format.h>

namespace authex::test {
namespace {

std::uint32_t word(const std::string& bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i > 0; --i) {
        value = value << 8U | static_cast<std::uint8_t>(bytes[at + i - 1]);
    }
    return value;
}

/// Between two faults.
constexpr std::uint32_t inputs = 1000;
constexpr std::uint32_t inputs_beside = 30;
constexpr std::size_t disk_bytes = std::size_t{64} << 20U;
/// Other work on the machine may keep all of it waiting.
constexpr auto patience = std::chrono::minutes(10);

} // namespace

Chaos::Chaos(std::uint64_t seed, Faults faults) : faults_(faults), random_(seed) {
    if (faults != Faults::updates) {
        std::string why;
        network_ = PrivateNetwork::make(why);
    }
    if (faults == Faults::all) {
        start_board();
    }
    start_world();
}

void Chaos::start_board() {
    board_ = std::make_unique<PoweredBoard>(board_folder_.path(), world_.folder() / "board.yaml");
    world_.set_line("field", board_->device());
}

/// The machine on the left has the node left, and the deployer; all else is on the right.
void Chaos::start_world() {
    std::vector<std::string> options;
    std::vector<std::string> on_the_left;
    std::vector<std::string> on_the_right;
    if (network_ != nullptr) {
        on_the_left = network_->on(0);
        on_the_right = network_->on(1);
        world_.set_host("left", PrivateNetwork::addresses[0]);
        for (const char* node : {"right", "field"}) {
            world_.set_host(node, PrivateNetwork::addresses[1]);
        }
        world_.allow_plaintext();
        options = {"--insecure"};
    }
    const auto with_clock = [](std::vector<std::string> words, const MachineClock& clock) {
        const std::vector<std::string> more = clock.words();
        words.insert(words.end(), more.begin(), more.end());
        return words;
    };
    world_.run_authex_in(with_clock(on_the_left, clock_left_));
    world_.run_manager_in("left", with_clock(on_the_left, clock_left_));
    world_.run_manager_in("field", with_clock(on_the_right, clock_right_));
    if (faults_ == Faults::all) {
        std::string why;
        disk_ = PrivateDisk::mount(world_.state("right"), disk_bytes, why, on_the_right);
    }
    if (disk_ != nullptr) {
        const std::vector<std::string> inside = disk_->inside("/");
        on_the_right.insert(on_the_right.end(), inside.begin(), inside.end());
    }
    world_.run_manager_in("right", with_clock(on_the_right, clock_right_));
    if (maybe()) {
        options.emplace_back("--durable");
    }
    world_.start_managers(options);
    world_.must({"up"});
    for (const char* connection : {"beside", "light"}) {
        epochs_[connection] =
            board_ ? world_.connection(connection).at("epoch").get<unsigned>() : 0;
    }
}

std::string Chaos::fault() {
    using Fault = std::string (Chaos::*)();
    static constexpr std::array<Fault, 30> faults = {
        // Updates.
        &Chaos::give_new_code,
        &Chaos::move,
        // Of others than modules' processes.
        &Chaos::kill_deployer,
        &Chaos::kill_manager,
        &Chaos::end_manager,
        &Chaos::stop_manager,
        &Chaos::stop_module,
        &Chaos::cut_wire,
        &Chaos::deafen,
        &Chaos::cut_wire_in_update,
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
        &Chaos::cut_wire_while_a_module_dies,
        &Chaos::pull_cable,
        &Chaos::disturb_cable,
        &Chaos::stop_board,
        &Chaos::lose_board_while_others_die,
        &Chaos::reset_board,
        &Chaos::reset_board,
        &Chaos::reset_board_while_others_die,
        &Chaos::jump_clock,
        &Chaos::jump_clock_while_others_die,
    };
    const std::size_t kinds = faults_ == Faults::updates     ? 2U
                              : faults_ == Faults::of_others ? 10U
                                                             : faults.size();
    world_.begin({.events = inputs, .bytes = 64, .batch = 4, .pause_us = 400});
    books_.made(inputs);
    world_.begin_beside({.events = inputs_beside, .bytes = 8, .batch = 1, .pause_us = 10'000});
    beyond_.made(inputs_beside);
    if (board_ != nullptr) {
        presses_.pressed();
        EXPECT_TRUE(board_->press("button0"));
    }
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
    if (watch_ != nullptr) {
        heal(); // nobody else changes anything while it acts
    }
    settle();
    reap_orphans();
    return what;
}

/// What the board had in its hands is lost, or has come, when something new has come through all
/// of it.
void Chaos::settle() {
    if (!was_reset_) {
        return;
    }
    for (auto& each : epochs_) {
        const auto epoch = [&] {
            return world_.connection(each.first).at("epoch").get<unsigned>();
        };
        EXPECT_TRUE(eventually([&] { return epoch() > each.second; }, patience)) << each.first;
        each.second = epoch();
    }
    world_.begin_beside({.events = 1, .bytes = 8, .batch = 1, .pause_us = 0});
    beyond_.made(1);
    presses_.marked();
    EXPECT_TRUE(board_->press("button1"));
    EXPECT_TRUE(eventually(
        [&] {
            look_beyond();
            return (beyond_.is_complete() && presses_.is_marked()) || ::testing::Test::HasFailure();
        },
        patience));
    beyond_.settle();
    presses_.settle();
    was_reset_ = false;
}

bool Chaos::arrives() {
    if (watch_ == nullptr) {
        run_up();
    }
    const bool arrived = eventually(
        [&] {
            look();
            look_beyond();
            return (books_.is_complete() && beyond_.is_complete() && presses_.is_complete()) ||
                   ::testing::Test::HasFailure();
        },
        patience);
    EXPECT_TRUE(arrived) << world_.authex({"status"}).out << world_.authex({"plan"}).out
                         << (watch_ == nullptr ? "" : watch_->out() + watch_->err());
    if (board_ != nullptr) {
        const std::string level = presses_.light_shines() ? "on" : "off";
        EXPECT_EQ(board_->control({"wait", "led0", level, "--timeout", "60"}).status, 0)
            << "the light is not what was counted";
        BoardBooks::expect_light_explained(board_->seen());
    }
    return arrived;
}

std::string Chaos::account() const {
    return fmt::format(
        "{} inputs, {} outputs; beside {} inputs, {} outputs, {} lost in {} gaps; {} "
        "presses, {} counted; up was run again {} times",
        books_.at_least(),
        books_.shown(),
        beyond_.at_least(),
        beyond_.shown(),
        beyond_.missing(),
        beyond_.gaps(),
        presses_.presses(),
        presses_.counted(),
        repeated_);
}

/// The display is asked; where its node is away it shows nothing.
void Chaos::look() {
    if (const std::optional<Taken> taken = world_.display()) {
        books_.shows(*taken);
    }
}

void Chaos::look_beyond() {
    if (const std::optional<Taken> taken = world_.display("across")) {
        beyond_.shows(*taken);
    }
    if (board_ == nullptr) {
        return;
    }
    const Result counted = world_.authex({"call", "lamp", "display", "--raw"});
    if (counted.status == 0 && counted.out.size() == 8) {
        presses_.counts(word(counted.out, 0), word(counted.out, 4));
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

/// All modules run and have proved what they are, and all connections have their keys.
bool Chaos::is_well() {
    const auto status =
        nlohmann::json::parse(world_.authex({"--json", "status"}).out, nullptr, false);
    if (!status.is_object() || !status.contains("modules")) {
        return false; // somebody is changing the application
    }
    bool well = true;
    for (const auto& module : status.at("modules")) {
        well = well && module.at("state") == "running" && !module.at("attested_at").is_null();
    }
    for (const auto& connection : status.at("connections")) {
        well = well && connection.at("epoch") > 0;
    }
    return well;
}

/// A program of Authex: one that has ended meanwhile may have left its number to any other.
void Chaos::kill(pid_t process) const {
    std::string name;
    std::getline(std::ifstream("/proc/" + std::to_string(process) + "/comm"), name);
    if (process > 0 && name.starts_with("authex")) {
        ::kill(process, SIGKILL);
    }
}

void Chaos::kill_module(const std::string& module) {
    kill(world_.module_process(module));
}

void Chaos::kill_supervisor(const std::string& module) {
    kill(world_.module_supervisor(module));
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

std::string Chaos::some_manager() {
    return board_ != nullptr && below(3) == 0 ? "field" : some_node();
}

std::string Chaos::some_module() {
    static constexpr std::array modules = {"source", "relay", "sink", "beside", "across", "lamp"};
    return modules.at(below(board_ == nullptr ? 5U : modules.size()));
}

} // namespace authex::test
