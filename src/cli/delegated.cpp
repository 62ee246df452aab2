#include "cli/delegated.hpp"

namespace authex::cli {

bool is_for_delegates(const Arguments& arguments) {
    switch (arguments.command) {
    case Command::status:
    case Command::metrics:
    case Command::logs:
    case Command::journal:
    case Command::doctor:
    case Command::graph:
    case Command::watch:
    case Command::attest:
    case Command::connect:
    case Command::restart:
    case Command::output:
    case Command::request:
    case Command::call:
    case Command::check:
    case Command::replay:
    case Command::schema:
    case Command::completion:
    case Command::verify:
    case Command::enclave:
    case Command::version:
        return true;
    case Command::export_state:
        return arguments.out.empty(); // shown, not given away
    default:
        return false;
    }
}

} // namespace authex::cli
