#include "cli/arguments.hpp"

#include <algorithm>
#include <iostream>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "descriptor/findings.hpp"

namespace authex::cli {
namespace {

constexpr auto group_make = "Make";
constexpr auto group_run = "Run";
constexpr auto group_use = "Use";
constexpr auto group_trust = "Trust";
constexpr auto group_look = "Look";
constexpr auto group_end = "End";

/// Declares commands one after the other; remembers which one was named.
class Declarer {
  public:
    Declarer(CLI::App& app, Arguments& arguments) : app_(app), arguments_(arguments) {}

    CLI::App* command(CLI::App& parent,
                      const std::string& name,
                      Command command,
                      const std::string& group,
                      const std::string& text) {
        CLI::App* sub = parent.add_subcommand(name, text);
        sub->group(group);
        sub->fallthrough();
        sub->footer("-f FILE, --state DIR, --json, -v and what else is common to all commands: "
                    "authex --help");
        sub->parse_complete_callback([this, command] { arguments_.command = command; });
        return sub;
    }
    CLI::App* command(const std::string& name,
                      Command command,
                      const std::string& group,
                      const std::string& text) {
        return this->command(app_, name, command, group, text);
    }

    void modules(CLI::App* sub) {
        sub->add_option("modules", arguments_.modules, "modules; none: all")->type_name("MODULE");
    }
    void module_option(CLI::App* sub) {
        sub->add_option("--module", arguments_.modules, "only this module (may be repeated)")
            ->type_name("NAME");
    }
    void webhook_option(CLI::App* sub) {
        sub->add_option("--webhook",
                        arguments_.webhook,
                        "POST a JSON object to this address when a module is cut off")
            ->type_name("URL");
    }
    void connection_option(CLI::App* sub) {
        sub->add_option(
               "--connection", arguments_.connections, "only this connection (may be repeated)")
            ->type_name("NAME");
    }
    void subject(CLI::App* sub, const std::string& name, const std::string& text) {
        sub->add_option(name, arguments_.subject, text)->required()->option_text(" ");
    }
    void payload(CLI::App* sub);
    void reply(CLI::App* sub) {
        sub->add_option("--out", arguments_.out, "write the reply to this file")->type_name("FILE");
        sub->add_flag(
            "--raw", arguments_.raw, "write the reply's bytes as they are to standard output");
    }

  private:
    CLI::App& app_;
    Arguments& arguments_;
};

void Declarer::payload(CLI::App* sub) {
    CLI::Option_group* group =
        sub->add_option_group("Payload", "one at most; none: an empty payload");
    PayloadSource& payload = arguments_.payload;
    group->add_option("--hex", payload.hex, "hexadecimal digits")->type_name("DIGITS");
    group->add_option("--text", payload.text, "text as it stands, UTF-8")->type_name("TEXT");
    group->add_option("--file", payload.file, "the bytes of a file; -: standard input")
        ->type_name("FILE");
    group->add_option("--u8", payload.u8, "an integer of 1 byte")
        ->check(CLI::Range(0U, 0xFFU))
        ->option_text("N");
    group->add_option("--u16", payload.u16, "an integer of 2 bytes, little-endian")
        ->check(CLI::Range(0U, 0xFFFFU))
        ->option_text("N");
    group->add_option("--u32", payload.u32, "an integer of 4 bytes, little-endian")
        ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{0xFFFFFFFF}))
        ->option_text("N");
    group->add_option("--u64", payload.u64, "an integer of 8 bytes, little-endian")->type_name("N");
    group
        ->add_option_function<std::string>(
            "input",
            [&payload](const std::string&) { payload.file = "-"; },
            "a dash: the bytes of standard input")
        ->check(CLI::IsMember(std::vector<std::string>{"-"}))
        ->option_text("-");
    group->require_option(0, 1);
    group->fallthrough();
}

void declare_globals(CLI::App& app, Arguments& arguments) {
    app.set_version_flag("--version", "authex " AUTHEX_VERSION);
    app.add_option("-f,--file", arguments.file, "the application's descriptor")
        ->type_name("FILE")
        ->capture_default_str();
    app.add_option("--state",
                   arguments.state_directory,
                   "keys and state (default: .authex beside the descriptor)")
        ->type_name("DIR");
    app.add_flag("--json", arguments.json, "print data and errors as JSON");
    app.add_flag("-v,--verbose", arguments.verbose, "say more");
    app.add_flag("--timing", arguments.timing, "say at the end how long each step took");
    app.add_flag("--insecure",
                 arguments.insecure,
                 "speak without TLS also to nodes that are not on this machine");
    app.add_option_function<std::uint32_t>(
           "--timeout",
           [&arguments](std::uint32_t seconds) {
               arguments.timeout = std::chrono::seconds(seconds);
           },
           "seconds that a node may take to answer (default: 10)")
        ->check(CLI::Range(1U, 3600U))
        ->option_text("S");
}

void declare_make(Declarer& declarer, Arguments& arguments, CLI::App& app) {
    CLI::App* init =
        declarer.command("init", Command::init, group_make, "make a new application that runs");
    declarer.subject(init, "dir", "folder of the application, empty or not there yet");
    init->add_option("--recovery-key",
                     arguments.recovery_file,
                     "also make a second owner key, to be kept offline, in this file")
        ->type_name("FILE");
    declarer.command("check", Command::check, group_make, "check the descriptor");
    declarer.modules(
        declarer.command("build", Command::build, group_make, "build the modules' images"));
    CLI::App* node = app.add_subcommand("node", "prepare nodes");
    node->group(group_make);
    node->require_subcommand(1);
    node->fallthrough();
    CLI::App* bundle = declarer.command(*node,
                                        "bundle",
                                        Command::node_bundle,
                                        "",
                                        "make a node's certificate, for authex-em --tls");
    declarer.subject(bundle, "node", "name of the node in the descriptor");
    bundle->add_option("--host", arguments.hosts, "further names and addresses of the node")
        ->type_name("HOST");
    bundle->add_option("--out", arguments.out, "folder for the files (default: NODE.tls)")
        ->type_name("DIR");
    CLI::App* enroll =
        declarer.command(*node,
                         "enroll",
                         Command::node_enroll,
                         "",
                         "keep the device key of a TrustZone node, or show its fingerprint");
    declarer.subject(enroll, "node", "name of the node in the descriptor");
    CLI::Option* fingerprint = enroll->add_option("--fingerprint",
                                                  arguments.fingerprint,
                                                  "keep the key that has it: SHA-256 in hex, as it "
                                                  "was seen on the device itself");
    fingerprint->type_name("HEX");
    enroll
        ->add_flag("--trust-on-first-use",
                   arguments.trust_on_first_use,
                   "keep whatever key the node shows now")
        ->excludes(fingerprint);
}

void declare_run(Declarer& declarer, Arguments& arguments) {
    CLI::App* dev = declarer.command("dev",
                                     Command::dev,
                                     group_run,
                                     "start the descriptor's nodes on this machine, until Ctrl-C");
    dev->add_flag("--up", arguments.up, "deploy the application as soon as they are ready");
    declarer.command("plan", Command::plan, group_run, "show what up would do");
    CLI::App* up =
        declarer.command("up",
                         Command::up,
                         group_run,
                         "build, deploy, attest and connect whatever differs from the descriptor");
    const auto dry_run = [&](CLI::App* command) {
        return command->add_flag(
            "--dry-run", arguments.dry_run, "show what would be done, and do nothing");
    };
    dry_run(up);
    up->add_option(
          "--afresh",
          arguments.afresh,
          "these modules, or all whose code changed or that have died, begin anew, without "
          "their state; events that wait for them are lost")
        ->option_text("[MODULE...]")
        ->expected(0, -1);
    CLI::App* update = declarer.command("update",
                                        Command::update,
                                        group_run,
                                        "let the new code of a module take over from what runs, "
                                        "state and connections included");
    declarer.subject(update, "module", "name of the module");
    update
        ->add_option(
            "--node", arguments.node, "move it to this node; the descriptor says so from then on")
        ->type_name("NAME");
    dry_run(update);
}

void declare_steps(Declarer& declarer, Arguments& arguments) {
    declarer.module_option(declarer.command(
        "deploy", Command::deploy, group_run, "the first step of up: build and load modules"));
    CLI::App* attest =
        declarer.command("attest",
                         Command::attest,
                         group_run,
                         "the second step: attest modules; again also those that are attested");
    attest->add_option("modules,--module", arguments.modules, "modules; none: all")
        ->type_name("MODULE");
    attest
        ->add_option("--every",
                     arguments.attest_every,
                     "go on until Ctrl-C, and attest again after so long: 30s, 5m, 2h, 1d")
        ->type_name("TIME");
    attest->add_flag("--explain",
                     arguments.explain,
                     "show each fact of the evidence, and what it proves and does not");
    declarer.webhook_option(attest);
    CLI::App* connect = declarer.command(
        "connect", Command::connect, group_run, "the third step: connect endpoints");
    declarer.connection_option(connect);
    CLI::Option* again = connect->add_flag(
        "--again",
        arguments.again,
        "begin anew also with what is connected: fresh keys, and what waits is lost");
    connect
        ->add_flag("--turn",
                   arguments.turn,
                   "fresh keys also for what is connected, and nothing waits or is lost")
        ->excludes(again);
    CLI::App* periodic = declarer.command("register",
                                          Command::register_periodic,
                                          group_run,
                                          "the last step: register periodic events");
    periodic->add_option("--event", arguments.periodic, "only this one (may be repeated)")
        ->type_name("NAME");
}

void declare_watch(Declarer& declarer, Arguments& arguments) {
    CLI::App* watch = declarer.command(
        "watch", Command::watch, group_run, "mend what breaks of what was deployed, until Ctrl-C");
    watch
        ->add_option("--every",
                     arguments.look_every_s,
                     "seconds after which nodes are asked that say nothing by themselves "
                     "(default: 10)")
        ->check(CLI::Range(0.1, 3600.0))
        ->option_text("S");
    watch
        ->add_option("--attest-every",
                     arguments.attest_every,
                     "attest each module again after so long: 30s, 5m, 2h, 1d (default: only when "
                     "it starts anew)")
        ->type_name("TIME");
    watch
        ->add_option("--turn-keys-every",
                     arguments.turn_every,
                     "give each connection another key after so long: 30s, 5m, 2h, 1d, never "
                     "(default: 1d)")
        ->type_name("TIME");
    watch
        ->add_option("--metrics",
                     arguments.metrics,
                     "serve metrics for Prometheus at http://HOST:PORT/metrics; the port alone: on "
                     "127.0.0.1 (default: not served)")
        ->type_name("[HOST:]PORT");
    declarer.webhook_option(watch);
    CLI::App* journal = declarer.command(
        "journal", Command::journal, group_look, "show what authex watch has done, and why");
    journal->add_option("-n,--last", arguments.last, "how many entries")
        ->type_name("N")
        ->capture_default_str();
}

void declare_trust(Declarer& declarer, Arguments& arguments, CLI::App& app) {
    const auto folder = [&app](const char* name, const char* text) {
        CLI::App* parent = app.add_subcommand(name, text);
        parent->group(group_trust);
        parent->require_subcommand(1);
        parent->fallthrough();
        return parent;
    };
    CLI::App* secret = folder("secret", "secrets of modules");
    CLI::App* set =
        declarer.command(*secret,
                         "set",
                         Command::secret_set,
                         "",
                         "give a module a new value of a secret, or a new generated one");
    declarer.subject(set, "module", "name of the module");
    set->add_option("secret", arguments.entry, "name of the secret")->required()->type_name("");
    declarer.payload(set);
    CLI::App* role = folder("role", "certificates for those who work beside the owner");
    CLI::App* add =
        declarer.command(*role, "add", Command::role_add, "", "make a certificate for a name");
    declarer.subject(add, "name", "who gets it");
    add->add_option("--role", arguments.role, "observer, operator or owner")
        ->required()
        ->check(CLI::IsMember(std::vector<std::string>{"observer", "operator", "owner"}))
        ->type_name("ROLE");
    add->add_option("--days", arguments.days, "how long it is valid (default: 90)")
        ->check(CLI::Range(1U, 825U))
        ->option_text("N");
    add->add_option("--out", arguments.out, "folder for the files (default: NAME.role)")
        ->type_name("DIR");
    declarer.command(*role, "list", Command::role_list, "", "show who has one");
    CLI::App* revoke = declarer.command(
        *role, "revoke", Command::role_revoke, "", "take a certificate back, on all nodes");
    declarer.subject(revoke, "name", "who had it");
    CLI::App* key = declarer.command("recovery-key",
                                     Command::recovery_key,
                                     group_trust,
                                     "make a second owner key, to be kept offline; modules are "
                                     "built anew with it");
    key->add_option("file", arguments.recovery_file, "file that must not be there yet")
        ->required()
        ->type_name("");
    CLI::App* recover = declarer.command("recover",
                                         Command::recover,
                                         group_trust,
                                         "take the application over with the recovery key, where "
                                         "the deployer's folder is lost");
    recover->add_option("file", arguments.recovery_file, "file of the recovery key")
        ->required()
        ->type_name("");
    recover
        ->add_option("--deployment", arguments.deployment, "which one, if the nodes have several")
        ->check(CLI::Range(1U, 65535U))
        ->option_text("N");
}

void declare_delegate(Declarer& declarer, Arguments& arguments) {
    CLI::App* delegate = declarer.command(
        "delegate",
        Command::delegate,
        group_trust,
        "let another machine heal and attest what is deployed, without the owner key");
    CLI::Option_group* what = delegate->add_option_group("What", "one of these");
    what->add_option("dir",
                     arguments.subject,
                     "give the state to a delegate: its folder, empty or not there yet")
        ->option_text(" ");
    what->add_option("--take-back", arguments.take_back, "take the state of its folder back")
        ->type_name("DIR");
    what->add_flag(
        "--revoke", arguments.revoke, "go on without it: its folder is lost, or not to be trusted");
    what->require_option(1);
    what->fallthrough();
    delegate->add_option("--name", arguments.name, "who it is (default: delegate)")
        ->type_name("NAME");
    delegate->add_option("--days", arguments.days, "how long it may work (default: 90)")
        ->check(CLI::Range(1U, 825U))
        ->option_text("N");
}

void declare_use(Declarer& declarer, Arguments& arguments) {
    CLI::App* output = declarer.command(
        "output", Command::output, group_use, "send an event on a direct connection");
    declarer.subject(output, "connection", "name of the connection");
    declarer.payload(output);
    CLI::App* request = declarer.command("request",
                                         Command::request,
                                         group_use,
                                         "send a request on a direct connection, print the reply");
    declarer.subject(request, "connection", "name of the connection");
    declarer.payload(request);
    declarer.reply(request);
    CLI::App* call = declarer.command("call",
                                      Command::call,
                                      group_use,
                                      "call an entry; neither call nor result is authenticated");
    declarer.subject(call, "module", "name of the module");
    call->add_option("entry", arguments.entry, "name or number of the entry")
        ->required()
        ->type_name("");
    declarer.payload(call);
    declarer.reply(call);
}

void declare_logs(Declarer& declarer, Arguments& arguments) {
    CLI::App* logs =
        declarer.command("logs", Command::logs, group_look, "show what modules have logged");
    logs->add_option("modules,--module", arguments.modules, "only these modules")
        ->type_name("MODULE");
    logs->add_option("--node", arguments.nodes, "only of this node (may be repeated)")
        ->type_name("NAME");
    logs->add_option("--level", arguments.level, "error, warning, info or debug: this and worse")
        ->check(CLI::IsMember(std::vector<std::string>{"error", "warning", "info", "debug"}))
        ->option_text("LEVEL");
    logs->add_option(
            "--since", arguments.since, "a time (RFC 3339), or how long ago: 30s, 5m, 2h, 1d")
        ->type_name("TIME");
    logs->add_option("--grep", arguments.grep, "only lines that this regular expression matches")
        ->type_name("REGEX");
    logs->add_flag("-f,--follow", arguments.follow, "go on until Ctrl-C");
    logs->add_option("-n,--last", arguments.last, "lines of each module from the past")
        ->type_name("N")
        ->capture_default_str();
}

void declare_recordings(Declarer& declarer, Arguments& arguments) {
    CLI::App* record = declarer.command(
        "record",
        Command::record,
        group_look,
        "start a module of a simulated node anew, and keep every frame that it is given and gives");
    declarer.subject(record, "module", "name of the module");
    record
        ->add_option("--out",
                     arguments.out,
                     "file that must not be there yet (default: MODULE.recording); who has it has "
                     "the module's keys")
        ->type_name("FILE");
    record->add_option("--for", arguments.for_s, "seconds (default: until Ctrl-C)")
        ->check(CLI::Range(0.1, 86400.0))
        ->option_text("S");
    CLI::App* replay =
        declarer.command("replay",
                         Command::replay,
                         group_look,
                         "run a recorded module again and say where it does something else");
    declarer.subject(replay, "file", "the file");
    replay
        ->add_option("--debugger",
                     arguments.debugger,
                     "gdb: it has the module before its first frame; nothing is compared")
        ->check(CLI::IsMember(std::vector<std::string>{"gdb"}))
        ->type_name("NAME");
}

void declare_copies(Declarer& declarer, Arguments& arguments) {
    const auto passphrase = [&](CLI::App* sub) {
        sub->add_option("--passphrase-file",
                        arguments.passphrase_file,
                        "its first line is the passphrase; -: standard input (default: ask)")
            ->type_name("FILE");
    };
    CLI::App* copy = declarer.command(
        "export", Command::export_state, group_look, "copy keys and state for another machine");
    copy->add_option("out",
                     arguments.out,
                     "the file to write, encrypted; none: print the state as "
                     "JSON, without keys")
        ->type_name("FILE");
    copy->add_flag("--move", arguments.move, "give the application up on this machine");
    copy->add_flag("--with-secrets",
                   arguments.with_secrets,
                   "in the JSON, keys too: whoever reads them owns the application");
    passphrase(copy);
    CLI::App* restore = declarer.command(
        "restore", Command::restore, group_look, "go on here from a file of authex export");
    declarer.subject(restore, "file", "the file");
    restore->add_flag("--replace", arguments.replace, "in the place of the state that is here");
    passphrase(restore);
}

void declare_look(Declarer& declarer, Arguments& arguments) {
    CLI::App* status = declarer.command(
        "status", Command::status, group_look, "show nodes, modules and connections");
    status->add_flag("-w,--watch",
                     arguments.watch,
                     "go on until Ctrl-C; without a terminal, a line for each change");
    status->add_option("--every", arguments.every_s, "seconds between two looks (default: 1)")
        ->check(CLI::Range(0.1, 3600.0))
        ->option_text("S");
    declarer.command("metrics",
                     Command::metrics,
                     group_look,
                     "print status as metrics, for Prometheus' textfile collector");
    declare_logs(declarer, arguments);
    declare_recordings(declarer, arguments);
    CLI::App* graph = declarer.command("graph", Command::graph, group_look, "draw the application");
    graph->add_option("--format", arguments.format, "dot, mermaid or svg (default: dot)")
        ->check(CLI::IsMember(std::vector<std::string>{"dot", "mermaid", "svg"}))
        ->option_text("FORMAT");
    declarer.command("doctor",
                     Command::doctor,
                     group_look,
                     "find what is missing on this machine and on the nodes");
    declarer.command(
        "schema", Command::schema, group_look, "print the descriptor's JSON Schema, for editors");
    CLI::App* verify = declarer.command("verify",
                                        Command::verify,
                                        group_look,
                                        "verify anybody's SGX quote, and explain the verdict");
    declare_verify(*verify, arguments.verify);
    verify->add_flag("--explain", arguments.explain, "print each step");
    verify->footer("Exit status: 0 accepted, 1 refused, 2 usage, 3 could not check.");
    declare_enclave(*declarer.command("enclave",
                                      Command::enclave,
                                      group_look,
                                      "show what an image of SGX is, and whether it is signed"),
                    arguments.enclave);
    declare_copies(declarer, arguments);
    CLI::App* completion = declarer.command(
        "completion", Command::completion, group_look, "print the completion script of a shell");
    declarer.command("version", Command::version, group_look, "print the version");
    completion->add_option("shell", arguments.subject, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember(std::vector<std::string>{"bash", "zsh", "fish"}))
        ->type_name("");
}

void declare_end(Declarer& declarer) {
    declarer.subject(declarer.command("restart",
                                      Command::restart,
                                      group_end,
                                      "end a module's process and start it again, without keys"),
                     "module",
                     "name of the module");
    CLI::App* disable = declarer.command(
        "disable", Command::disable, group_end, "make a module drop all its connections");
    declarer.subject(disable, "module", "name of the module");
    declarer.command("reset", Command::reset, group_end, "empty the nodes of this application");
    declarer.command(
        "down", Command::down, group_end, "empty the nodes, and forget the deployment");
}

/// Where the error is that the first word which is no option is no command: that word.
std::optional<std::string> unknown_command(const CLI::App& app) {
    if (!app.get_subcommands().empty()) {
        return std::nullopt;
    }
    const std::vector<std::string> left = app.remaining();
    const auto word = std::find_if(left.begin(), left.end(), [](const std::string& text) {
        return !text.empty() && text.front() != '-';
    });
    return word == left.end() ? std::nullopt : std::optional(*word);
}

Diagnostic no_such_command(const CLI::App& app, const std::string& word) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands({})) {
        names.push_back(command->get_name());
    }
    return make_error("usage",
                      fmt::format("there is no command {}", descriptor::quote(word)),
                      descriptor::suggest(word, names, "the commands are"));
}

} // namespace

void declare(CLI::App& app, Arguments& arguments) {
    declare_globals(app, arguments);
    // Kept by the callbacks until the parse is over.
    const auto declarer = std::make_shared<Declarer>(app, arguments);
    app.callback([declarer] {});
    declare_make(*declarer, arguments, app);
    declare_run(*declarer, arguments);
    declare_steps(*declarer, arguments);
    declare_watch(*declarer, arguments);
    declare_use(*declarer, arguments);
    declare_trust(*declarer, arguments, app);
    declare_delegate(*declarer, arguments);
    declare_look(*declarer, arguments);
    declare_end(*declarer);
    app.require_subcommand(1);
    app.footer("authex COMMAND --help tells more. Exit status: 0 done, 1 failed, 2 usage or "
               "descriptor error.");
}

std::variant<Arguments, int> parse_arguments(int argc, const char* const* argv) {
    CLI::App app("Distributed, event-driven enclave applications: build, deploy, attest, connect.",
                 "authex");
    Arguments arguments;
    declare(app, arguments);
    if (argc == 1) {
        std::cout << app.help();
        return exit_usage;
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (const auto word = unknown_command(app)) {
            std::cerr << to_text(no_such_command(app, *word)) << '\n';
            return exit_usage;
        }
        return app.exit(error, std::cout, std::cerr) == 0 ? exit_done : exit_usage;
    }
    return arguments;
}

} // namespace authex::cli
