#pragma once
// An emulated board with a power of its own, in real time, at the end of a serial cable; and who
// stands beside it, presses its buttons and sees its light.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "serial_cable.hpp"
#include "support/process.hpp"

namespace authex::test {

class PoweredBoard {
  public:
    /// @param folder for its sockets and the cable's device; @param board as `--board`
    PoweredBoard(std::filesystem::path folder, std::string board);

    /// The device at the manager's end of the cable.
    [[nodiscard]] std::filesystem::path device() const { return folder_ / "tty"; }
    [[nodiscard]] std::filesystem::path control_socket() const { return folder_ / "control"; }
    [[nodiscard]] SerialCable& cable() { return *cable_; }
    [[nodiscard]] pid_t pid() const { return board_->pid(); }

    /// `authex-sancus control`
    [[nodiscard]] Result control(const std::vector<std::string>& words) const;
    /// @return whether it was pressed, and released again
    [[nodiscard]] bool press(const std::string& button) const;
    /// Its power goes, and comes back.
    void power_cut();
    /// All that was seen on it and done to it, in that order, as `authex-sancus control … watch`
    /// says it. A cut of its power is a press of `reset`.
    [[nodiscard]] std::vector<nlohmann::json> seen() const;

  private:
    void power_on();

    std::filesystem::path folder_;
    std::string kind_;
    std::unique_ptr<Process> board_;
    std::unique_ptr<Process> watcher_;
    std::unique_ptr<SerialCable> cable_;
    std::vector<nlohmann::json> seen_before_; ///< the last cut of its power
};

} // namespace authex::test
