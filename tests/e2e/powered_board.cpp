#include "powered_board.hpp"

#include <csignal>
#include <sstream>
#include <stdexcept>

#include "world.hpp"

namespace authex::test {

PoweredBoard::PoweredBoard(std::filesystem::path folder, std::string board)
    : folder_(std::move(folder)), kind_(std::move(board)) {
    power_on();
    cable_ = std::make_unique<SerialCable>(device(), folder_ / "line");
}

void PoweredBoard::power_on() {
    // A board whose power was cut has left the names of its sockets.
    std::filesystem::remove(folder_ / "line");
    std::filesystem::remove(control_socket());
    board_ = std::make_unique<Process>(
        Command{.words = {program("authex-sancus"),
                          AUTHEX_BINARY_DIR "/lib/authex/sancus/event-manager.elf",
                          "--board",
                          kind_,
                          "--serial",
                          "uart1=unix:" + (folder_ / "line").string(),
                          "--control",
                          control_socket(),
                          "--hz",
                          "board"},
                .folder = {},
                .input = {}});
    if (!eventually([&] {
            // A socket has its name before anybody listens on it.
            return !board_->running() ||
                   (std::filesystem::exists(folder_ / "line") && control({"list"}).status == 0);
        }) ||
        !board_->running()) {
        throw std::runtime_error("the board does not start: " + board_->err());
    }
    watcher_ = std::make_unique<Process>(
        Command{.words = {program("authex-sancus"), "control", control_socket(), "watch"},
                .folder = {},
                .input = {}});
    if (!watcher_->says("led0")) {
        throw std::runtime_error("nobody sees the board: " + watcher_->err());
    }
}

void PoweredBoard::power_cut() {
    board_->signal(SIGKILL);
    (void)board_->wait();
    (void)watcher_->wait(); // it says all that it has seen
    seen_before_ = seen();
    seen_before_.push_back({{"direction", "input"}, {"device", "reset"}, {"value", "pressed"}});
    cable_->pull();
    power_on();
    cable_->plug_in();
}

Result PoweredBoard::control(const std::vector<std::string>& words) const {
    std::vector<std::string> all = {program("authex-sancus"), "control", control_socket()};
    all.insert(all.end(), words.begin(), words.end());
    return run({.words = all, .folder = {}, .input = {}});
}

bool PoweredBoard::press(const std::string& button) const {
    return control({"press", button}).status == 0 && control({"release", button}).status == 0;
}

std::vector<nlohmann::json> PoweredBoard::seen() const {
    std::vector<nlohmann::json> events = seen_before_;
    std::istringstream lines(watcher_->out());
    for (std::string line; std::getline(lines, line);) {
        auto event = nlohmann::json::parse(line, nullptr, false); // what the devices are is text
        if (event.is_object()) {
            events.push_back(std::move(event));
        }
    }
    return events;
}

} // namespace authex::test
