#include "cli/commands.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/completion.hpp"
#include "cli/dev.hpp"
#include "cli/init.hpp"
#include "cli/metrics_view.hpp"
#include "cli/payload.hpp"
#include "cli/roles.hpp"
#include "cli/views.hpp"
#include "deployer/application.hpp"
#include "deployer/credentials.hpp"
#include "deployer/recovery.hpp"
#include "deployer/role_certificates.hpp"

namespace authex::cli {
namespace {

using deployer::Application;
using deployer::Selection;
using Bytes = std::vector<std::uint8_t>;

/// One run of the program: its arguments, and where its words go.
class Run {
  public:
    explicit Run(const Arguments& arguments)
        : arguments_(arguments), progress_(Terminal(STDERR_FILENO),
                                           arguments.verbose ? Talk::all
                                           : arguments.json  ? Talk::nothing
                                                             : Talk::changes) {}

    int dispatch();

  private:
    int init();
    int check();
    int version();
    int node_bundle();
    int dev();
    int build(Application& application);
    int plan(Application& application);
    int apply(Application& application, const Selection& selection);
    int up(Application& application);
    int send(Application& application);
    int request(Application& application);
    int call(Application& application);
    int status(Application& application);
    int metrics(Application& application);
    int logs(Application& application);
    int export_state(Application& application);
    int secret_set(Application& application);
    int recover();
    int revoke_role();
    int trust(Application& application);
    int say(const Expected<Said>& said);
    int with_application();
    int operate(Application& application);

    int fail(const std::vector<Diagnostic>& diagnostics);
    int fail(const Diagnostic& diagnostic) { return fail(std::vector<Diagnostic>{diagnostic}); }
    int done(const std::string& text);
    int done_plan(const deployer::Outcome<deployer::Plan>& outcome, const std::string& nothing);
    int print_reply(const Bytes& reply);
    void print(const nlohmann::json& json) { std::cout << json.dump(2) << '\n'; }
    void warn(const Diagnostic& diagnostic);
    [[nodiscard]] std::filesystem::path state_directory() const;

    const Arguments& arguments_;
    Terminal out_{STDOUT_FILENO};
    Terminal err_{STDERR_FILENO};
    ProgressPrinter progress_;
};

int Run::fail(const std::vector<Diagnostic>& diagnostics) {
    progress_.clear();
    if (arguments_.json) {
        print(diagnostics_json(diagnostics));
    }
    for (const Diagnostic& diagnostic : diagnostics) {
        std::cerr << diagnostic_text(diagnostic, err_) << '\n';
    }
    // What stands at a place in the descriptor is the descriptor's error, whenever it was found.
    const bool descriptor =
        std::any_of(diagnostics.begin(), diagnostics.end(), [this](const Diagnostic& diagnostic) {
            return diagnostic.where.file == arguments_.file.string() ||
                   diagnostic.code.rfind("payload-", 0) == 0;
        });
    return descriptor ? exit_usage : exit_failed;
}

int Run::done(const std::string& text) {
    progress_.clear();
    if (arguments_.json) {
        print({{"done", true}});
    } else {
        std::cout << text;
    }
    return exit_done;
}

void Run::warn(const Diagnostic& diagnostic) {
    progress_.clear();
    std::cerr << diagnostic_text(diagnostic, err_) << '\n';
}

std::filesystem::path Run::state_directory() const {
    return arguments_.state_directory.empty() ? arguments_.file.parent_path() / ".authex"
                                              : arguments_.state_directory;
}

int Run::init() {
    const auto name = make_application(arguments_.subject);
    if (!name) {
        return fail(name.error());
    }
    if (!arguments_.recovery_file.empty()) {
        const auto made = deployer::make_recovery_key(
            std::filesystem::path(arguments_.subject) / ".authex", arguments_.recovery_file);
        if (!made) {
            return fail(made.error());
        }
    }
    return done(fmt::format(
        "{} is ready: authex.yaml, button.cpp, counter.cpp, and an owner key in .authex\n"
        "(whoever has the key owns the application: keep a copy in a safe place)\n{}\n"
        "  cd {}\n"
        "  authex dev --up          # starts both nodes and deploys; leave it running\n\n"
        "and in another terminal, in the same folder:\n\n"
        "  authex output press      # press the button\n"
        "  authex request total     # read the counter\n"
        "  authex status\n",
        *name,
        arguments_.recovery_file.empty()
            ? ""
            : fmt::format("the recovery key is in {}: move it to a place that is offline\n",
                          arguments_.recovery_file.string()),
        arguments_.subject));
}

int Run::check() {
    std::vector<Diagnostic> warnings;
    const auto descriptor = Application::check(arguments_.file, warnings);
    for (const Diagnostic& warning : warnings) {
        warn(warning);
    }
    if (!descriptor) {
        fail(descriptor.error());
        return exit_usage;
    }
    if (arguments_.json) {
        print(diagnostics_json(warnings));
        return exit_done;
    }
    return done(fmt::format("{}: {} nodes, {} modules, {} connections, {} periodic events: sound\n",
                            arguments_.file.string(),
                            descriptor->nodes.size(),
                            descriptor->modules.size(),
                            descriptor->connections.size(),
                            descriptor->periodic.size()));
}

int Run::version() {
    if (arguments_.json) {
        print({{"version", AUTHEX_VERSION}});
    } else {
        std::cout << "authex " AUTHEX_VERSION "\n";
    }
    return exit_done;
}

int Run::dev() {
    std::vector<Diagnostic> warnings;
    const auto descriptor = Application::check(arguments_.file, warnings);
    if (!descriptor) {
        fail(descriptor.error());
        return exit_usage;
    }
    return run_dev(arguments_, *descriptor);
}

int Run::node_bundle() {
    std::vector<Diagnostic> warnings;
    const auto descriptor = Application::check(arguments_.file, warnings);
    if (!descriptor) {
        fail(descriptor.error());
        return exit_usage;
    }
    const descriptor::Node* node = descriptor->find_node(arguments_.subject);
    if (node == nullptr) {
        return fail(make_error(
            "unknown-node",
            fmt::format("{} has no node \"{}\"", arguments_.file.string(), arguments_.subject)));
    }
    std::vector<std::string> hosts = arguments_.hosts;
    hosts.push_back(node->address.host);
    if (node->events && node->events->host != node->address.host) {
        hosts.push_back(node->events->host);
    }
    const std::filesystem::path folder =
        arguments_.out.empty() ? std::filesystem::path(node->name + ".tls") : arguments_.out;
    const auto bundle = deployer::make_node_bundle(state_directory(), node->name, hosts, folder);
    if (!bundle) {
        return fail(bundle.error());
    }
    return done(fmt::format("{}: node.crt, node.key, ca.crt. Bring the folder to the node by a "
                            "safe way, then there:\n\n"
                            "  authex-em --tee {} --listen {} --tls {}\n",
                            folder.string(),
                            to_string(node->tee),
                            to_string(node->address),
                            folder.filename().string()));
}

int Run::build(Application& application) {
    const auto modules = application.build(arguments_.modules);
    if (!modules) {
        return fail(modules.error());
    }
    progress_.clear();
    if (arguments_.json) {
        print(modules_json(*modules));
    } else {
        std::cout << modules_text(*modules, out_);
    }
    return exit_done;
}

int Run::done_plan(const deployer::Outcome<deployer::Plan>& outcome, const std::string& nothing) {
    if (!outcome) {
        return fail(outcome.error());
    }
    progress_.clear();
    if (arguments_.json) {
        print(plan_json(*outcome));
    } else if (outcome->empty()) {
        std::cout << nothing << '\n';
    }
    return exit_done;
}

int Run::plan(Application& application) {
    const auto plan = application.plan({});
    if (!plan) {
        return fail(plan.error());
    }
    progress_.clear();
    if (arguments_.json) {
        print(plan_json(*plan));
    } else {
        std::cout << plan_text(*plan, out_);
    }
    return exit_done;
}

int Run::apply(Application& application, const Selection& selection) {
    return done_plan(application.up(selection), "nothing to do");
}

int Run::up(Application& application) {
    const auto begin = std::chrono::steady_clock::now();
    const auto outcome = application.up({});
    const int status = done_plan(outcome, "nothing to do: the nodes run what the descriptor says");
    if (status == exit_done && !arguments_.json && !outcome->empty()) {
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
            std::chrono::steady_clock::now() - begin);
        const descriptor::Descriptor& descriptor = application.descriptor();
        std::cout << fmt::format("{} is up: {} modules, {} connections, in {}\n",
                                 descriptor.application,
                                 descriptor.modules.size(),
                                 descriptor.connections.size(),
                                 duration_text(took));
    }
    return status;
}

int Run::send(Application& application) {
    const auto payload = read_payload(arguments_.payload);
    if (!payload) {
        return fail(payload.error());
    }
    const auto sent = application.output(arguments_.subject, *payload);
    return sent ? done("the module has taken it\n") : fail(sent.error());
}

int Run::print_reply(const Bytes& reply) {
    progress_.clear();
    if (!arguments_.out.empty()) {
        std::ofstream file(arguments_.out, std::ios::binary | std::ios::trunc);
        file.write(reinterpret_cast<const char*>(reply.data()),
                   static_cast<std::streamsize>(reply.size()));
        file.close();
        if (!file) {
            return fail(make_error("file-unwritable",
                                   fmt::format("cannot write {}", arguments_.out.string())));
        }
        return done(fmt::format("{} in {}\n", size_text(reply.size()), arguments_.out.string()));
    }
    if (arguments_.raw) {
        std::cout.write(reinterpret_cast<const char*>(reply.data()),
                        static_cast<std::streamsize>(reply.size()));
    } else if (arguments_.json) {
        print({{"reply", to_hex(reply)}});
    } else {
        std::cout << describe_bytes(reply) << '\n';
    }
    return exit_done;
}

int Run::request(Application& application) {
    const auto payload = read_payload(arguments_.payload);
    if (!payload) {
        return fail(payload.error());
    }
    const auto reply = application.request(arguments_.subject, *payload);
    return reply ? print_reply(*reply) : fail(reply.error());
}

int Run::call(Application& application) {
    const auto payload = read_payload(arguments_.payload);
    if (!payload) {
        return fail(payload.error());
    }
    const auto reply = application.call(arguments_.subject, arguments_.entry, *payload);
    return reply ? print_reply(*reply) : fail(reply.error());
}

int Run::status(Application& application) {
    const auto status = application.status();
    if (!status) {
        return fail(status.error());
    }
    progress_.clear();
    if (arguments_.json) {
        print(status_json(*status));
    } else {
        std::cout << status_text(*status, arguments_.verbose, out_);
    }
    return exit_done;
}

int Run::metrics(Application& application) {
    const auto status = application.status();
    if (!status) {
        return fail(status.error());
    }
    progress_.clear();
    std::cout << authex::metrics::to_text(application_metrics(*status));
    return exit_done;
}

int Run::logs(Application& application) {
    if (arguments_.follow) {
        // Ctrl-C is how following ends; there is nothing to put in order.
        (void)std::signal(SIGINT, [](int) { std::_Exit(exit_done); });
    }
    const auto take = [this](const deployer::LogEntry& entry) {
        std::cout << (arguments_.json ? log_json(entry).dump() : log_text(entry, out_))
                  << std::endl;
        return static_cast<bool>(std::cout);
    };
    const auto outcome = application.logs(
        {.module = arguments_.subject, .follow = arguments_.follow, .last = arguments_.last}, take);
    return outcome ? exit_done : fail(outcome.error());
}

int Run::export_state(Application& application) {
    const auto text = application.export_state(arguments_.with_secrets);
    if (!text) {
        return fail(text.error());
    }
    std::cout << *text << '\n';
    return exit_done;
}

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

int Run::operate(Application& application) {
    switch (arguments_.command) {
    case Command::build:
        return build(application);
    case Command::plan:
        return plan(application);
    case Command::up:
        return up(application);
    case Command::deploy:
        return apply(application,
                     {.attest = false,
                      .connect = false,
                      .register_periodic = false,
                      .modules = arguments_.modules});
    case Command::attest:
        return apply(application,
                     {.load = false,
                      .connect = false,
                      .register_periodic = false,
                      .remove_stale = false,
                      .modules = arguments_.modules,
                      .attest_again = true});
    case Command::connect:
        return apply(application,
                     {.load = false,
                      .attest = false,
                      .register_periodic = false,
                      .remove_stale = false,
                      .connections = arguments_.connections,
                      .turn_epoch = arguments_.again});
    case Command::register_periodic:
        return apply(application,
                     {.load = false,
                      .attest = false,
                      .connect = false,
                      .remove_stale = false,
                      .periodic = arguments_.periodic});
    case Command::status:
        return status(application);
    case Command::metrics:
        return metrics(application);
    case Command::output:
        return send(application);
    case Command::request:
        return request(application);
    case Command::call:
        return call(application);
    case Command::disable: {
        const auto disabled = application.disable(arguments_.subject);
        return disabled
                   ? done(fmt::format("{} takes and sends nothing any more\n", arguments_.subject))
                   : fail(disabled.error());
    }
    case Command::reset:
        return done_plan(application.reset(),
                         "nothing to do: the nodes hold nothing of this application");
    case Command::down:
        return done_plan(application.down(),
                         "nothing to do: the nodes hold nothing of this application");
    case Command::logs:
        return logs(application);
    case Command::export_state:
        return export_state(application);
    default:
        return trust(application);
    }
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

int Run::with_application() {
    std::vector<Diagnostic> warnings;
    const auto descriptor = Application::check(arguments_.file, warnings);
    if (!descriptor) {
        fail(descriptor.error());
        return exit_usage;
    }
    deployer::Options options;
    options.descriptor = arguments_.file;
    options.state_directory = arguments_.state_directory;
    options.insecure = arguments_.insecure;
    options.timeout = arguments_.timeout;
    options.progress = [this](const deployer::Progress& progress) { progress_.show(progress); };
    options.warn = [this](const Diagnostic& warning) { warn(warning); };
    const auto application = Application::open(std::move(options));
    return application ? operate(**application) : fail(application.error());
}

int Run::dispatch() {
    switch (arguments_.command) {
    case Command::init:
        return init();
    case Command::check:
        return check();
    case Command::dev:
        return dev();
    case Command::node_bundle:
        return node_bundle();
    case Command::role_add:
        return say(add_role(arguments_, state_directory()));
    case Command::role_list:
        return say(list_roles(state_directory()));
    case Command::role_revoke:
        return revoke_role();
    case Command::recovery_key:
        return say(make_recovery_key(arguments_.recovery_file, state_directory()));
    case Command::recover:
        return recover();
    case Command::completion:
        std::cout << completion_script(arguments_.subject);
        return exit_done;
    case Command::version:
        return version();
    default:
        return with_application();
    }
}

} // namespace

int run_command(const Arguments& arguments) {
    return Run(arguments).dispatch();
}

} // namespace authex::cli
