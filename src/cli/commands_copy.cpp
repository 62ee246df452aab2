// The application's keys and state, for another machine.
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/passphrase.hpp"
#include "cli/run.hpp"
#include "deployer/backup.hpp"

namespace authex::cli {

using deployer::Application;

int Run::export_state(Application& application) {
    const auto text = application.export_state(arguments_.with_secrets);
    if (!text) {
        return fail(text.error());
    }
    std::cout << *text << '\n';
    return exit_done;
}

int Run::export_file() {
    std::vector<Diagnostic> warnings;
    const auto descriptor = Application::check(arguments_.file, warnings);
    if (!descriptor) {
        fail(descriptor.error());
        return exit_usage;
    }
    const auto passphrase = read_passphrase(arguments_.passphrase_file, true);
    if (!passphrase) {
        return fail(passphrase.error());
    }
    const auto written = deployer::write_backup({.state_directory = state_directory(),
                                                 .file = arguments_.out,
                                                 .application = descriptor->application,
                                                 .passphrase = *passphrase,
                                                 .move = arguments_.move});
    if (!written) {
        return fail(written.error());
    }
    return done(fmt::format(
        "{} has the owner key and the state of {}, for who knows the passphrase.\n"
        "There, beside a copy of the descriptor:  authex restore {} && authex up\n{}",
        arguments_.out.string(),
        descriptor->application,
        arguments_.out.filename().string(),
        arguments_.move ? "This machine has given the application up.\n"
                        : "From then on this machine's state is of no use any more.\n"));
}

int Run::restore() {
    std::vector<Diagnostic> warnings;
    const auto descriptor = Application::check(arguments_.file, warnings);
    if (!descriptor) {
        fail(descriptor.error());
        return exit_usage;
    }
    const auto passphrase = read_passphrase(arguments_.passphrase_file, false);
    if (!passphrase) {
        return fail(passphrase.error());
    }
    const auto restored = deployer::restore_backup({.state_directory = state_directory(),
                                                    .file = arguments_.subject,
                                                    .passphrase = *passphrase,
                                                    .replace = arguments_.replace},
                                                   *descriptor);
    if (!restored) {
        return fail(restored.error());
    }
    return done(fmt::format("{} is this machine's now. Next:\n\n"
                            "  authex up      # attests all modules and makes the keys of direct "
                            "connections anew\n",
                            *restored));
}

} // namespace authex::cli
