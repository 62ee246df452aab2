#include "sancus_emulator/devices/core_buttons.hpp"

namespace authex::sancus_emulator {

void ResetButton::reset(std::uint64_t cycle) {
    (void)cycle;
    pressed_ = false;
}

Expected<bool> ResetButton::input(std::string_view value, std::uint64_t cycle) {
    if (value != "pressed") {
        return failure("input-unknown", "a reset is «pressed», and over at once");
    }
    pressed_ = true;
    if (world_ != nullptr) {
        world_->happened({cycle, false, name_, "pressed"});
    }
    return true;
}

NmiButton::NmiButton(std::string name, Watchdog& core, PhysicalWorld* world)
    : name_(std::move(name)), core_(core), world_(world) {
    core_.connect_nmi();
}

Expected<bool> NmiButton::input(std::string_view value, std::uint64_t cycle) {
    if (value != "pressed" && value != "released") {
        return failure("input-unknown", "a button is «pressed» or «released»");
    }
    const bool pressed = value == "pressed";
    if (pressed != core_.nmi().high()) {
        core_.nmi().set_level(pressed, cycle);
        if (world_ != nullptr) {
            world_->happened({cycle, false, name_, shown()});
        }
    }
    return true;
}

std::string NmiButton::shown() const {
    return core_.nmi().high() ? "pressed" : "released";
}

} // namespace authex::sancus_emulator
