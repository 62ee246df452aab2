// Made, checked, built, brought up.
#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "cli/completion.hpp"
#include "cli/dev.hpp"
#include "cli/init.hpp"
#include "cli/run.hpp"
#include "cli/views.hpp"
#include "deployer/credentials.hpp"
#include "deployer/recovery.hpp"

namespace authex::cli {

using deployer::Application;
using deployer::Selection;

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
        "{}"
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
        arguments_.subject == "." ? "" : fmt::format("  cd {}\n", arguments_.subject)));
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
    return show_plan(application.plan({}));
}

int Run::show_plan(const deployer::Outcome<deployer::Plan>& plan) {
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

int Run::attest(Application& application) {
    const auto outcome = application.up({.load = false,
                                         .connect = false,
                                         .register_periodic = false,
                                         .remove_stale = false,
                                         .modules = arguments_.modules,
                                         .attest_again = true});
    if (!outcome || !arguments_.explain) {
        return done_plan(outcome, "nothing to do");
    }
    progress_.clear();
    if (arguments_.json) {
        nlohmann::json json = plan_json(*outcome);
        json["attestations"] = attestations_json(outcome->attestations);
        print(std::move(json));
        return exit_done;
    }
    for (const deployer::Attestation& attestation : outcome->attestations) {
        std::cout << '\n' << attestation_text(attestation, out_);
    }
    return exit_done;
}

int Run::up(Application& application) {
    const std::vector<std::string>& afresh = arguments_.afresh;
    const bool all = std::find(afresh.begin(), afresh.end(), "") != afresh.end();
    Selection selection{.afresh = {.all = all}};
    if (!all) {
        selection.afresh.modules = afresh;
    }
    if (arguments_.dry_run) {
        return show_plan(application.plan(selection));
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto outcome = application.up(selection);
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

} // namespace authex::cli
