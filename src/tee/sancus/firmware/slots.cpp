#include "tee/sancus/firmware/slots.hpp"

namespace authex::tee::sancus::firmware {

std::uint16_t find_room(const Slots& slots, Area Slot::*of, Area within, std::uint16_t bytes) {
    std::uint16_t begin = within.begin;
    for (bool moved = true; moved;) {
        if (begin > within.end || within.end - begin < bytes) {
            return 0;
        }
        moved = false;
        for (const Slot& slot : slots) {
            const Area& taken = slot.*of;
            if (taken.begin < begin + bytes && begin < taken.end) {
                begin = taken.end;
                moved = true;
            }
        }
    }
    return begin;
}

} // namespace authex::tee::sancus::firmware
