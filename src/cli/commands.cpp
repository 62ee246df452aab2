#include "cli/commands.hpp"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "cli/completion.hpp"
#include "cli/delegated.hpp"
#include "cli/roles.hpp"
#include "cli/run.hpp"
#include "cli/views.hpp"
#include "deployer/credentials.hpp"
#include "descriptor/schema.hpp"

namespace authex::cli {

using deployer::Application;

int Run::fail(const std::vector<Diagnostic>& diagnostics) {
    progress_.clear();
    if (arguments_.json) {
        print(diagnostics_json(diagnostics));
    }
    for (const Diagnostic& diagnostic : diagnostics) {
        std::cerr << diagnostic_text(diagnostic, err_) << '\n';
    }
    // What stands at a place in the descriptor is the descriptor's error, whenever it was found;
    // but evidence that was refused says no more than which module it is of.
    const bool descriptor =
        std::any_of(diagnostics.begin(), diagnostics.end(), [this](const Diagnostic& diagnostic) {
            return (diagnostic.where.file == arguments_.file.string() &&
                    !diagnostic.code.starts_with("evidence-")) ||
                   diagnostic.code.starts_with("payload-");
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

void Run::print(nlohmann::json json) {
    if (arguments_.timing && json.is_object()) {
        json["timing"] = timing_.json(timing_.since_begin());
        timing_printed_ = true;
    }
    std::cout << json.dump(2) << '\n';
}

int Run::operate(Application& application) {
    switch (arguments_.command) {
    case Command::build:
        return build(application);
    case Command::plan:
        return plan(application);
    case Command::up:
        return up(application);
    case Command::update:
        return update(application);
    case Command::deploy:
        return apply(application,
                     {.attest = false,
                      .connect = false,
                      .register_periodic = false,
                      .modules = arguments_.modules});
    case Command::attest:
        if (!open_webhook()) {
            return exit_failed;
        }
        return arguments_.attest_every.empty() ? attest(application) : attest_every(application);
    case Command::connect:
        return apply(application,
                     {.load = false,
                      .attest = false,
                      .register_periodic = false,
                      .remove_stale = false,
                      .connections = arguments_.connections,
                      .turn_epoch = arguments_.again,
                      .turn_keys = arguments_.turn});
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
    case Command::record:
        return record(application);
    case Command::export_state:
        return export_state(application);
    default:
        return trust(application);
    }
}

int Run::with_application() {
    return with_application(arguments_.file);
}

int Run::with_application(const std::filesystem::path& file) {
    // A delegate has the descriptor in its state.
    if (!deployer::is_delegate(state_directory())) {
        std::vector<Diagnostic> warnings;
        const auto descriptor = Application::check(file, warnings);
        if (!descriptor) {
            fail(descriptor.error());
            return exit_usage;
        }
    }
    deployer::Options options;
    options.descriptor = file;
    options.state_directory = arguments_.state_directory;
    options.insecure = arguments_.insecure;
    options.timeout = arguments_.timeout;
    options.progress = [this](const deployer::Progress& progress) {
        progress_.show(progress);
        timing_.take(progress);
        alert(progress);
    };
    options.warn = [this](const Diagnostic& warning) { warn(warning); };
    const auto application = Application::open(std::move(options));
    return application ? operate(**application) : fail(application.error());
}

int Run::choose() {
    if (!is_for_delegates(arguments_) && deployer::is_delegate(state_directory())) {
        return fail(make_error("owners-alone",
                               "this is a delegate's folder: it heals and attests what is deployed",
                               "the owner does the rest; authex delegate --take-back DIR in his "
                               "folder gives him the state"));
    }
    switch (arguments_.command) {
    case Command::init:
        return init();
    case Command::check:
        return check();
    case Command::dev:
        return dev();
    case Command::update:
        return update();
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
    case Command::delegate:
        return delegate();
    case Command::graph:
        return graph();
    case Command::doctor:
        return doctor();
    case Command::replay:
        return replay();
    case Command::watch:
        return watch();
    case Command::journal:
        return journal();
    case Command::schema:
        std::cout << descriptor::schema();
        return exit_done;
    case Command::restore:
        return restore();
    case Command::export_state:
        return arguments_.out.empty() ? with_application() : export_file();
    case Command::completion:
        std::cout << completion_script(arguments_.subject);
        return exit_done;
    case Command::verify:
        return verify_quote(
            arguments_.verify, arguments_.json, arguments_.explain || arguments_.verbose);
    case Command::enclave:
        return show_enclave(arguments_.enclave, arguments_.json);
    case Command::version:
        return version();
    default:
        return with_application();
    }
}

int Run::dispatch() {
    if (arguments_.follow || arguments_.watch || arguments_.command == Command::record ||
        arguments_.command == Command::watch ||
        (arguments_.command == Command::attest && !arguments_.attest_every.empty())) {
        interrupt_.emplace();
    }
    const int status = choose();
    if (arguments_.timing && !timing_printed_) {
        progress_.clear();
        std::cout << std::flush;
        std::cerr << '\n' << timing_.text(timing_.since_begin(), err_);
    }
    return status;
}

int run_command(const Arguments& arguments) {
    return Run(arguments).dispatch();
}

} // namespace authex::cli
