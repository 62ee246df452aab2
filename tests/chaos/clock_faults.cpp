// The date of a machine is set, to where it was or to another: its clock was wrong, or is.
#include <fmt/format.h>

#include "chaos.hpp"

namespace authex::test {

std::string Chaos::set_clock() {
    constexpr std::int64_t day = 24 * 60 * 60;
    struct Place {
        const char* name;
        std::int64_t seconds;
    };
    static constexpr std::array<Place, 7> places = {{{"right", 0},
                                                     {"an hour behind", -60 * 60},
                                                     {"an hour ahead", 60 * 60},
                                                     {"a day ahead", day},
                                                     {"a week behind", -7 * day},
                                                     {"ten years ahead", 3652 * day},
                                                     {"in 1976", -18262 * day}}};
    const bool left = maybe();
    const Place& place = places.at(below(places.size()));
    (left ? clock_left_ : clock_right_).set(place.seconds);
    return fmt::format("the clock of {} is {}", left ? "left" : "right", place.name);
}

std::string Chaos::jump_clock() {
    const std::string what = set_clock();
    pause(300);
    heal();
    return what;
}

std::string Chaos::jump_clock_while_others_die() {
    const std::string what = set_clock();
    const std::string others = kill_several();
    heal();
    return what + ", and kill" + others;
}

} // namespace authex::test
