#include "simulation/program.hpp"

#include <map>

namespace authex::simulation {
namespace {

std::map<std::string, const Program*>& registry() {
    static std::map<std::string, const Program*> all;
    return all;
}

} // namespace

Program::Program(std::string name, std::span<const authex_endpoint> records, Bytes state)
    : name_(std::move(name)), records_(records), state_(state),
      initial_(state.begin(), state.end()) {
    registry()[name_] = this;
}

const Program& Program::named(const std::string& name) {
    return *registry().at(name);
}

} // namespace authex::simulation
