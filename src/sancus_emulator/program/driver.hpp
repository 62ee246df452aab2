#pragma once
// Who lets the machine run: nobody in particular, or a debugger.

#include <optional>

#include "sancus_emulator/machine.hpp"

namespace authex::sancus_emulator {

class Driver {
  public:
    virtual ~Driver() = default;
    /// Lets the machine run up to `cycle`. Called again and again between the inputs from outside,
    /// on the thread of the session.
    /// @return why the machine stands; nullopt: the driver holds it until something comes in
    virtual std::optional<Stop> run(Machine& machine, std::uint64_t cycle) = 0;
};

} // namespace authex::sancus_emulator
