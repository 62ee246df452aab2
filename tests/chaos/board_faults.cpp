// The microcontroller, its cable and its power fail.
#include <csignal>

#include <fmt/format.h>

#include "chaos.hpp"

namespace authex::test {

std::string Chaos::pull_cable() {
    board_->cable().pull();
    pause(1500);
    board_->cable().plug_in();
    return "pull the cable of the board for a while";
}

std::string Chaos::disturb_cable() {
    const auto bytes = static_cast<unsigned>(30 + below(1000));
    board_->cable().set_noise(bytes);
    pause(2000);
    board_->cable().set_noise(0);
    return fmt::format("noise on the cable of the board, on one of {} bytes", bytes);
}

std::string Chaos::stop_board() {
    ::kill(board_->pid(), SIGSTOP);
    pause(below(4) == 0 ? 4000 : 1000);
    ::kill(board_->pid(), SIGCONT);
    return "stop the board for a while";
}

std::string Chaos::lose_board_while_others_die() {
    const bool pull = maybe();
    if (pull) {
        board_->cable().pull();
    } else {
        ::kill(board_->pid(), SIGSTOP);
    }
    const std::string what = kill_several();
    if (watch_ == nullptr) {
        (void)world_.authex({"--timeout", "1", "up"});
    } else {
        pause(1000);
    }
    if (pull) {
        board_->cable().plug_in();
    } else {
        ::kill(board_->pid(), SIGCONT);
    }
    heal();
    return (pull ? "pull the cable of the board, and kill" : "stop the board, and kill") + what;
}

/// All that it knows is gone.
void Chaos::reset_or_cut_power() {
    if (maybe()) {
        EXPECT_EQ(board_->control({"reset"}).status, 0);
    } else {
        board_->power_cut();
    }
    beyond_.may_lose();
    was_reset_ = true;
    if (watch_ == nullptr) { // until its manager has seen that
        EXPECT_TRUE(eventually([&] { return world_.module("echo").at("state") == "failed"; }));
    }
}

std::string Chaos::reset_board() {
    reset_or_cut_power();
    heal();
    return "reset the board";
}

std::string Chaos::reset_board_while_others_die() {
    const std::string what = kill_several();
    reset_or_cut_power();
    heal();
    return "reset the board, and kill" + what;
}

} // namespace authex::test
