// authex: build, deploy, attest and connect applications.
#include <csignal>
#include <cstdlib>

#include <sys/prctl.h>

#include "cli/arguments.hpp"
#include "cli/commands.hpp"

int main(int argc, char** argv) {
    // gRPC's own complaints would only repeat what is said here.
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet
    ::setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
    (void)std::signal(SIGPIPE, SIG_IGN);
    // It holds the keys of the application: no core dump, and no other process of the user looks
    // in.
    (void)::prctl(PR_SET_DUMPABLE, 0);
    const auto parsed = authex::cli::parse_arguments(argc, argv);
    if (const int* status = std::get_if<int>(&parsed)) {
        return *status;
    }
    return authex::cli::run_command(std::get<authex::cli::Arguments>(parsed));
}
