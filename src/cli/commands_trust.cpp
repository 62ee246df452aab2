// Who may do what, and what modules alone may know: secrets, roles, the recovery key.
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/payload.hpp"
#include "cli/run.hpp"
#include "deployer/recovery.hpp"
#include "deployer/role_certificates.hpp"

namespace authex::cli {

using deployer::Application;

int Run::secret_set(Application& application) {
    const PayloadSource& source = arguments_.payload;
    const bool given = source.hex || source.text || source.file || source.u8 || source.u16 ||
                       source.u32 || source.u64;
    auto payload = read_payload(source);
    if (!payload) {
        return fail(payload.error());
    }
    const auto set =
        application.set_secret(arguments_.subject,
                               arguments_.entry,
                               given ? std::optional<ByteView>(*payload) : std::nullopt);
    wipe(*payload);
    if (!set) {
        return fail(set.error());
    }
    return done(*set ? fmt::format("{} has the new {}\n", arguments_.subject, arguments_.entry)
                     : fmt::format("{} is not deployed: authex up gives it\n", arguments_.subject));
}

int Run::say(const Expected<Said>& said) {
    if (!said) {
        return fail(said.error());
    }
    if (arguments_.json) {
        print(said->json);
    } else {
        std::cout << said->text;
    }
    return exit_done;
}

/// The descriptor first: without it nothing would be found on the nodes.
int Run::recover() {
    std::vector<Diagnostic> warnings;
    const auto descriptor = Application::check(arguments_.file, warnings);
    if (!descriptor) {
        fail(descriptor.error());
        return exit_usage;
    }
    const auto used = deployer::use_recovery_key(state_directory(), arguments_.recovery_file);
    return used ? with_application() : fail(used.error());
}

int Run::revoke_role() {
    const auto revoked = deployer::revoke_role(state_directory(), arguments_.subject);
    return revoked ? with_application() : fail(revoked.error());
}

int Run::trust(Application& application) {
    switch (arguments_.command) {
    case Command::secret_set:
        return secret_set(application);
    case Command::recover:
        return done_plan(application.recover(arguments_.deployment),
                         "nothing to do: the application is yours");
    case Command::role_revoke: {
        const auto told = application.tell_revoked();
        return told ? done(fmt::format("no node takes the certificate of {} any more\n",
                                       arguments_.subject))
                    : fail(told.error());
    }
    case Command::restart: {
        const auto restarted = application.restart(arguments_.subject);
        return restarted ? done(fmt::format("{} runs, and has no keys: authex up by the owner\n",
                                            arguments_.subject))
                         : fail(restarted.error());
    }
    default:
        return exit_usage; // needs no application
    }
}

} // namespace authex::cli
