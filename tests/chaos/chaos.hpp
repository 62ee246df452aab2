#pragma once
// The application `counted` on two nodes and a microcontroller, and what happens to them, as a seed
// says.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "board_books.hpp"
#include "books.hpp"
#include "counted.hpp"
#include "machine_clock.hpp"
#include "powered_board.hpp"
#include "support/namespaces.hpp"

namespace authex::test {

enum class Faults : std::uint8_t {
    of_others, ///< of all but modules' processes, whose states end with them
    updates,   ///< none but new code and other nodes
    all,       ///< modules keep their states (`persist: true`), and there is a board
};

class Chaos {
  public:
    Chaos(std::uint64_t seed, Faults faults);

    /// Something goes wrong, and is mended by `up`, or by a watch that runs beside. Meanwhile more
    /// is put in. @return what it was
    std::string fault();
    /// Until all has come out that was put in.
    [[nodiscard]] bool arrives();
    /// What went in and came out, in words.
    [[nodiscard]] std::string account() const;

  private:
    // program_faults.cpp
    std::string kill_manager();
    std::string end_manager();
    std::string stop_manager();
    std::string stop_module();
    std::string give_new_code();
    std::string move();
    std::string kill_deployer();
    std::string kill_module();
    std::string kill_supervisor();
    std::string kill_node();
    std::string kill_all();
    std::string storm();
    std::string kill_watch();
    std::string change_healer();
    std::string turn_keys();
    std::string fill_disk();
    // wire_faults.cpp
    std::string cut_wire();
    std::string deafen();
    std::string cut_wire_in_update();
    std::string cut_wire_while_a_module_dies();
    // board_faults.cpp
    std::string pull_cable();
    std::string disturb_cable();
    std::string stop_board();
    std::string lose_board_while_others_die();
    std::string reset_board();
    std::string reset_board_while_others_die();

    // clock_faults.cpp
    std::string jump_clock();
    std::string jump_clock_while_others_die();

    std::string set_clock();
    void start_world();
    void start_board();
    void look();
    void look_beyond();
    void heal();
    void run_up();
    void settle();
    [[nodiscard]] bool is_well();
    void kill(pid_t process) const;
    void kill_module(const std::string& module);
    void kill_supervisor(const std::string& module);
    std::string kill_several();
    void kill_at_once(const std::vector<std::string>& nodes);
    void restart(const std::string& node);
    void stop_for_a_while(pid_t process);
    void change(const std::string& source);
    void set_wire(bool up);
    void pause_while_cut();
    void reset_or_cut_power();
    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    bool maybe() { return below(2) == 0; }
    void pause(std::uint64_t ms_max);
    std::string some_node() { return maybe() ? "left" : "right"; }
    std::string some_manager();
    std::string some_module();

    Faults faults_;
    std::string descriptor_ = faults_ == Faults::all ? "sancus.yaml" : "native.yaml";
    Counted world_{AUTHEX_E2E_DIR "/counted", descriptor_};
    TemporaryFolder board_folder_;
    MachineClock clock_left_{board_folder_.path() / "clock-left"};
    MachineClock clock_right_{board_folder_.path() / "clock-right"};
    std::unique_ptr<PrivateNetwork> network_; ///< null: not permitted here
    std::unique_ptr<PrivateDisk> disk_;       ///< of the node right; null: not permitted here
    std::unique_ptr<PoweredBoard> board_;     ///< of the node field; null: there is none
    std::unique_ptr<Process> watch_;          ///< beside; null: `up` mends
    std::mt19937_64 random_;
    Books books_;
    Books beyond_; ///< of what is sent beside, over the board if there is one
    BoardBooks presses_;
    std::map<std::string, unsigned> epochs_; ///< of the connections to the board
    bool was_reset_ = false;                 ///< the board, so that they have to begin anew
    unsigned changes_ = 0;
    unsigned repeated_ = 0; ///< how often `up` had to be run again before all was well
};

} // namespace authex::test
