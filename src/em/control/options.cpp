#include "em/control/options.hpp"

#include <iostream>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "tee/sancus/line.hpp"

namespace authex::em {
namespace {

constexpr ProgramExit usage_error = 2;

void declare_tls(CLI::App& app, CommandLine& line) {
    ProgramOptions& options = line.options;
    app.add_option("--tls", line.tls_folder, "folder with node.crt, node.key and ca.crt")
        ->type_name("DIR")
        ->group("TLS");
    app.add_option("--certificate", line.certificate, "certificate of the node, PEM")
        ->group("TLS")
        ->type_name("FILE");
    app.add_option("--key", line.key, "its private key, PEM")->group("TLS")->type_name("FILE");
    app.add_option("--authority", line.authority, "certificates that sign clients', PEM")
        ->type_name("FILE")
        ->group("TLS");
    app.add_flag(
           "--tls-events", options.server.tls_on_events, "TLS on event links too; all nodes must")
        ->group("TLS");
    app.add_flag(
           "--insecure", options.server.insecure, "allow plaintext on addresses that others reach")
        ->group("TLS");
}

void declare_limits(CLI::App& app, CommandLine& line) {
    ProgramOptions& options = line.options;
    app.add_option("--max-modules", options.server.limits.modules, "modules on this node")
        ->check(CLI::Range(1U, 65'536U))
        ->capture_default_str()
        ->group("Limits");
    app.add_option("--max-image", options.server.limits.image_bytes, "bytes of one image")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 31U))
        ->capture_default_str()
        ->group("Limits");
    app.add_option("--spill", line.spill_mib, "MiB of frames that wait on disk")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 20U))
        ->capture_default_str()
        ->group("Limits");
    app.add_flag("--durable",
                 options.server.durable,
                 "what waits and what modules keep outlives power cuts, too: events wait for the "
                 "disk")
        ->group("Limits");
    app.add_option("--spin",
                   options.server.spin_us,
                   "longest wait in µs in which the data plane and modules look instead of "
                   "sleeping; modules at most 1000")
        ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1'000'000}))
        ->capture_default_str()
        ->group("Limits");
}

void declare_sancus(CLI::App& app, SancusOptions& options) {
    app.add_option("--serial",
                   options.serial,
                   "serial device of the microcontroller, or the Unix socket of an emulator")
        ->type_name("DEVICE")
        ->group("Sancus");
    app.add_option("--baud", options.baud, "speed of the serial device")
        ->type_name("N")
        ->capture_default_str()
        ->group("Sancus");
    app.add_option(
           "--emulator",
           options.board,
           "start an emulated board, which ends with the manager: `default` or a board file\n"
           "(authex-sancus board)")
        ->type_name("[BOARD]")
        ->expected(0, 1)
        ->group("Sancus");
    app.add_option("--hz", options.hz, "cycles of the emulated board in a second; 0: no limit")
        ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1'000'000'000}))
        ->capture_default_str()
        ->group("Sancus");
    app.add_option("--firmware",
                   options.firmware,
                   "firmware of the emulated board\n"
                   "(default: Authex' event manager, lib/authex/sancus/event-manager.elf)")
        ->type_name("ELF")
        ->group("Sancus");
}

void declare_trustzone(CLI::App& app, ProgramOptions& options) {
    app.add_option(
           "--tee-client",
           options.tee_client,
           "how a TrustZone node speaks to its TEE: `device`, by /dev/tee0; `libteec`, by the\n"
           "TEE's library of the GP TEE Client API; or the path of such a library\n"
           "(default: the device where there is one, else libteec)")
        ->check(CLI::Validator(
            [](std::string& value) {
                const bool known =
                    value == "device" || value == "libteec" || value.find('/') != std::string::npos;
                return known ? std::string() : "`device`, `libteec` or a path with a slash";
            },
            ""))
        ->type_name("WAY")
        ->group("SGX and TrustZone");
    app.add_option("--ta-folder",
                   options.ta_folder,
                   "where tee-supplicant of a TrustZone node looks for trusted applications")
        ->type_name("DIR")
        ->capture_default_str()
        ->group("SGX and TrustZone");
    app.add_option(
           "--ta-key",
           options.ta_key,
           "load only trusted applications that this key signed, PEM, public or private; as\n"
           "a real OP-TEE, which was built with its key")
        ->type_name("FILE")
        ->group("SGX and TrustZone");
}

void declare_running(CLI::App& app, ProgramOptions& options) {
    app.add_option("--log-level", options.log_level, "what is said on stderr")
        ->check(CLI::IsMember(std::vector<std::string>{"debug", "info", "warning", "error", "off"}))
        ->capture_default_str()
        ->group("Running");
    app.add_flag("--stop-modules-on-exit",
                 options.stop_modules_on_exit,
                 "end all modules with the manager; else they run on and the next one finds them")
        ->group("Running");
    app.add_option("--ready-fd",
                   options.ready_descriptor,
                   "descriptor that gets one line of JSON when the manager serves")
        ->check(CLI::Range(0, 1 << 20))
        ->group("Running");
    app.add_option(
           "--ready-file", options.ready_file, "file that gets the same line, whole at once")
        ->type_name("FILE")
        ->group("Running");
}

} // namespace

void declare(CLI::App& app, CommandLine& line) {
    ProgramOptions& options = line.options;
    app.set_version_flag("--version", "authex-em " AUTHEX_VERSION);
    app.add_option("--tee", options.tee, "TEE of this node")
        ->check(CLI::IsMember(std::vector<std::string>{"native", "sgx", "trustzone", "sancus"}))
        ->capture_default_str();
    app.add_option("--listen", options.server.listen, "control address, host:port")
        ->type_name("HOST:PORT")
        ->capture_default_str();
    app.add_option("--events",
                   options.server.events,
                   "address of the event links, host:port; the port 0 is any free one\n"
                   "(default: the host of --listen, any free port)")
        ->type_name("HOST:PORT")
        ->default_str("");
    app.add_option("--state",
                   options.server.state_directory,
                   "folder of what outlives the manager\n"
                   "(default: $XDG_STATE_HOME/authex/em-PORT)")
        ->type_name("DIR");
    app.add_option("--metrics",
                   options.server.metrics,
                   "serve metrics for Prometheus at http://HOST:PORT/metrics; the port alone: on\n"
                   "127.0.0.1 (default: not served)")
        ->type_name("[HOST:]PORT");
    app.add_option("--name", options.name, "name of the node in messages")->type_name("NAME");

    app.add_flag("--simulate",
                 options.simulate,
                 "simulate the hardware of an SGX or TrustZone node: for development, it protects\n"
                 "nothing")
        ->group("SGX and TrustZone");
    app.add_flag(
           "--hide-enclaves",
           options.hide_enclaves,
           "with --simulate, SGX: nobody in an enclave's process reaches its memory while it is\n"
           "not entered; finds stray accesses, and is slow")
        ->group("SGX and TrustZone");
    declare_trustzone(app, options);
    declare_sancus(app, options.sancus);
    declare_tls(app, line);
    declare_limits(app, line);
    declare_running(app, options);
}

namespace {

Expected<bool> complete_sancus(const CLI::App& app, ProgramOptions& options) {
    const auto given = [&](const char* option) { return app.count(option) != 0; };
    SancusOptions& sancus = options.sancus;
    sancus.emulator = given("--emulator");
    if (sancus.board.empty()) {
        sancus.board = "default";
    }
    if (options.tee != "sancus") {
        for (const char* option : {"--serial", "--baud", "--emulator", "--hz", "--firmware"}) {
            if (given(option)) {
                return failure("usage",
                               fmt::format("{} is for Sancus nodes", option),
                               "add --tee sancus, or leave it out");
            }
        }
        return true;
    }
    if (given("--serial") == sancus.emulator) {
        return failure("usage",
                       "a Sancus node has one microcontroller: --serial DEVICE or --emulator",
                       "give one of the two");
    }
    if (sancus.emulator ? given("--baud") : given("--hz") || given("--firmware")) {
        return failure("usage",
                       "--baud is for serial devices, --hz and --firmware are for the emulator",
                       "leave out what does not fit");
    }
    if (!tee::sancus::is_baud(sancus.baud)) {
        return failure("usage",
                       fmt::format("a serial device is not driven at {} baud", sancus.baud),
                       "57600 is what the board begins with");
    }
    return true;
}

Expected<bool> complete_simulation(const CLI::App& app, const ProgramOptions& options) {
    if (options.simulate && options.tee != "sgx" && options.tee != "trustzone") {
        return failure("usage",
                       "--simulate is for SGX and TrustZone nodes",
                       "add --tee sgx or --tee trustzone, or leave it out");
    }
    if (options.hide_enclaves && !(options.simulate && options.tee == "sgx")) {
        return failure("usage",
                       "--hide-enclaves is for simulated SGX nodes",
                       "add --tee sgx --simulate, or leave it out");
    }
    for (const char* option : {"--ta-folder", "--tee-client"}) {
        if (app.count(option) != 0 && (options.simulate || options.tee != "trustzone")) {
            return failure("usage",
                           fmt::format("{} is for TrustZone nodes with OP-TEE", option),
                           "add --tee trustzone without --simulate, or leave it out");
        }
    }
    if (!options.ta_key.empty() && !(options.simulate && options.tee == "trustzone")) {
        return failure("usage",
                       "--ta-key is for simulated TrustZone nodes",
                       "add --tee trustzone --simulate, or leave it out");
    }
    return true;
}

/// What no single option can see.
Expected<bool> complete(CLI::App& app, CommandLine& line) {
    if (const Expected<bool> sancus = complete_sancus(app, line.options); !sancus) {
        return tl::make_unexpected(sancus.error());
    }
    if (const Expected<bool> simulation = complete_simulation(app, line.options); !simulation) {
        return tl::make_unexpected(simulation.error());
    }
    ServerOptions& server = line.options.server;
    const Expected<std::uint16_t> port = port_of(server.listen);
    if (!port) {
        return tl::make_unexpected(port.error());
    }
    if (app.count("--events") == 0) {
        server.events = server.listen.substr(0, server.listen.rfind(':')) + ":0";
    }
    const Expected<std::uint16_t> events_port = port_of(server.events);
    if (!events_port) {
        return tl::make_unexpected(events_port.error());
    }
    if (*port == 0 && server.state_directory.empty()) {
        return failure("usage",
                       "with any free port there is no default state directory",
                       "name one with --state, or give a port");
    }
    if (!server.metrics.empty()) {
        if (server.metrics.find(':') == std::string::npos) {
            server.metrics.insert(0, "127.0.0.1:");
        }
        if (const Expected<std::uint16_t> metrics_port = port_of(server.metrics); !metrics_port) {
            return tl::make_unexpected(metrics_port.error());
        }
    }
    const bool any_file = !line.certificate.empty() || !line.key.empty() || !line.authority.empty();
    const bool all_files =
        !line.certificate.empty() && !line.key.empty() && !line.authority.empty();
    if (any_file && (!all_files || !line.tls_folder.empty())) {
        return failure("usage",
                       "--certificate, --key and --authority go together, and not with --tls",
                       "give all three, or a folder with --tls");
    }
    if (!line.tls_folder.empty()) {
        server.tls = tls_files_in(line.tls_folder);
    } else if (any_file) {
        server.tls = {line.certificate, line.key, line.authority};
    }
    if (server.tls_on_events && server.tls.empty()) {
        return failure("usage", "--tls-events needs certificates", "give them with --tls");
    }
    server.spill_limit_bytes = line.spill_mib << 20U;
    if (line.options.name.empty()) {
        line.options.name = server.listen;
    }
    return true;
}

} // namespace

std::variant<ProgramOptions, ProgramExit> parse_options(int argc, const char* const* argv) {
    CLI::App app("The event manager of one node: loads modules and moves their events.",
                 "authex-em");
    app.footer(
        "Modules outlive the manager: one that is started again on the same state directory finds "
        "them.\nExit status: 0 ended by a signal, 1 failed, 2 usage.");
    CommandLine line;
    declare(app, line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error, std::cout, std::cerr) == 0 ? 0 : usage_error;
    }
    const Expected<bool> sound = complete(app, line);
    if (!sound) {
        std::cerr << to_text(sound.error()) << '\n';
        return usage_error;
    }
    return std::move(line.options);
}

} // namespace authex::em
