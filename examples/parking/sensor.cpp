// Tells whether one space is taken. `PLACE` (a definition in the descriptor) is the number of the
// space; `car` stands for the physical sensor: 1 a car came, 0 it left.
#include <authex/module.hpp>

AUTHEX_OUTPUT(changed);

AUTHEX_INPUT(car, event) {
    const std::uint8_t taken = event.reader().u8();
    const std::uint8_t message[] = {PLACE, static_cast<std::uint8_t>(taken != 0)};
    changed(message);
}
