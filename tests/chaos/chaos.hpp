#pragma once
// The application `counted` on two nodes, and what happens to it, as a seed says.

#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "books.hpp"
#include "counted.hpp"
#include "support/namespaces.hpp"

namespace authex::test {

enum class Faults : std::uint8_t {
    of_others, ///< of all but modules' processes, whose states end with them
    updates,   ///< none but new code and other nodes
    all,       ///< modules keep their states (`persist: true`)
};

class Chaos {
  public:
    Chaos(std::uint64_t seed, Faults faults);

    /// Something goes wrong, and is mended by `up`, or by a watch that runs beside. Meanwhile more
    /// is put in. @return what it was
    std::string fault();
    /// Until all has come out that was put in.
    [[nodiscard]] bool arrives();
    [[nodiscard]] const Books& books() const { return books_; }
    /// How often `up` had to be run again before all was well.
    [[nodiscard]] unsigned repeated() const { return repeated_; }

  private:
    using Victims = std::vector<std::string>;

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

    void look();
    void heal();
    void run_up();
    [[nodiscard]] bool is_well();
    [[nodiscard]] Victims modules_of(const std::string& node);
    void kill(pid_t process);
    void kill_at_once(const std::vector<std::string>& nodes);
    void restart(const std::string& node);
    void stop_for_a_while(pid_t process);
    void change(const std::string& source);
    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    bool maybe() { return below(2) == 0; }
    void pause(std::uint64_t ms_max);
    std::string some_node() { return maybe() ? "left" : "right"; }
    std::string some_module();

    Counted world_{AUTHEX_E2E_DIR "/counted"};
    std::unique_ptr<PrivateDisk> disk_; ///< of the node right; null: not permitted here
    std::unique_ptr<Process> watch_;    ///< beside; null: `up` mends
    std::mt19937_64 random_;
    Faults faults_;
    Books books_;
    unsigned changes_ = 0;
    unsigned repeated_ = 0;
};

} // namespace authex::test
