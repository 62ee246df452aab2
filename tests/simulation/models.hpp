#pragma once
// What the sources of simulated modules say, written a second time and without their SDK.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/taps.hpp"

namespace authex::simulation {

class Model {
  public:
    struct Given {
        std::string_view endpoint;
        ByteView data;
        std::uint64_t id = 0;
        std::uint8_t status = 0;
    };
    struct Sent {
        Sending::What what = Sending::What::output;
        std::string endpoint; ///< empty: a log line
        std::vector<std::uint8_t> data;
    };
    virtual ~Model() = default;
    /// With all that it has taken.
    [[nodiscard]] virtual std::unique_ptr<Model> copy() const = 0;
    /// @param sent   what the module sends, in order
    /// @param answer what a handler or an entry answers
    /// @return false: it answers that it fails
    virtual bool
    take(const Given& given, std::vector<Sent>& sent, std::vector<std::uint8_t>& answer) = 0;
};

/// Of a freshly started module. @pre there is such a program
std::unique_ptr<Model> make_model(const std::string& program);

} // namespace authex::simulation
