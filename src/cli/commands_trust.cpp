// Who may do what, and what modules alone may know: secrets, roles, the recovery key.
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/payload.hpp"
#include "cli/run.hpp"
#include "deployer/recovery.hpp"
#include "deployer/role_certificates.hpp"
#include "tee/trustzone/device_public_key.hpp"

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

/// Nothing is kept that nobody vouches for.
int Run::enroll(Application& application) {
    namespace trustzone = tee::trustzone;
    const std::string& name = arguments_.subject;
    const auto key = application.device_key(name);
    if (!key) {
        return fail(key.error());
    }
    const std::string found = trustzone::fingerprint_of(*key);
    if (!arguments_.trust_on_first_use && arguments_.fingerprint.empty()) {
        return done(fmt::format("{} shows the device key {}\n\n"
                                "Compare it with what the device itself says, then:\n\n"
                                "  authex node enroll {} --fingerprint {}\n",
                                name,
                                found,
                                name,
                                found));
    }
    if (!arguments_.trust_on_first_use && arguments_.fingerprint != found) {
        return fail(make_error("device-key-differs",
                               fmt::format("{} shows the device key {}, not this one", name, found),
                               "it may be another machine; look at the device itself"));
    }
    const descriptor::Descriptor& descriptor = application.descriptor();
    const descriptor::Node& node = *descriptor.find_node(name);
    const std::filesystem::path file =
        node.device_key.value_or(std::filesystem::path("keys") / (name + ".device.pem"));
    const auto written = trustzone::write_device_key(descriptor.directory / file, *key);
    if (!written) {
        return fail(written.error());
    }
    return done(fmt::format("{} has the device key {}\n{}",
                            file.string(),
                            found,
                            node.device_key ? std::string()
                                            : fmt::format("Say so of {} in the descriptor: "
                                                          "device-key: {}\n",
                                                          name,
                                                          file.string())));
}

int Run::trust(Application& application) {
    switch (arguments_.command) {
    case Command::node_enroll:
        return enroll(application);
    case Command::secret_set:
        return secret_set(application);
    case Command::recover:
        return done_plan(application.recover(arguments_.deployment),
                         "nothing to do: the application is yours");
    case Command::delegate:
        return give_to_delegate(application);
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
