#include "tee/process/exit.hpp"

#include <cstring>

#include <fmt/format.h>

#include "tee/loader.hpp"

namespace authex::tee {

std::string to_text(const Exit& exit) {
    if (!exit.signalled && exit.code == process::exit_enclave_exception) {
        return fmt::format("exit status {}: an exception inside the enclave", exit.code);
    }
    if (!exit.signalled && exit.code == process::exit_state_not_kept) {
        return fmt::format("exit status {}: the disk did not take its state", exit.code);
    }
    if (!exit.signalled) {
        return fmt::format("exit status {}", exit.code);
    }
    const char* name = ::sigabbrev_np(exit.code);
    return name == nullptr ? fmt::format("killed by signal {}", exit.code)
                           : fmt::format("killed by signal {} (SIG{})", exit.code, name);
}

} // namespace authex::tee
