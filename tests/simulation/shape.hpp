#pragma once
// An application of a simulated world: drawn from a seed.

#include <string>
#include <vector>

#include "descriptor/model.hpp"
#include "simulation/random.hpp"

namespace authex::simulation {

constexpr std::uint16_t control_port = 6000; ///< of the first node; the others follow
constexpr std::uint16_t events_port = 7000;

struct Shape {
    descriptor::Descriptor descriptor;
    /// Of direct connections, by what they end at.
    std::vector<std::string> direct_inputs;
    std::vector<std::string> direct_handlers;

    [[nodiscard]] const descriptor::Connection* connection(std::uint16_t channel) const;
    /// The name of the program that a module is.
    [[nodiscard]] std::string program_of(const std::string& module) const;
};

/// Two or three nodes and two to four modules: one time in four the application of
/// examples/button-led, else mixers (modules/mixer.cpp) without cycles. Half of the modules keep
/// their state.
Shape draw_shape(Random& random);

} // namespace authex::simulation
