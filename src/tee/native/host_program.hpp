#pragma once
// The program that runs native images.

#include "tee/process/host_program.hpp"

namespace authex::tee::native {

constexpr process::HostProgram host_program = {.variable = "AUTHEX_HOST_PROGRAM",
                                               .name = "authex-host"};

} // namespace authex::tee::native
