#include "sancus_emulator/program/options.hpp"

#include <charconv>
#include <iostream>
#include <limits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace authex::sancus_emulator {
namespace {

constexpr auto group_machine = "Machine";
constexpr auto group_time = "Time and end";
constexpr auto group_world = "The world outside";
constexpr auto group_look = "Looking at it";

std::string set_hz(Options& options, const std::string& text) {
    options.board_hz = text == "board";
    options.hz = 0;
    if (text == "max" || text == "board") {
        return {};
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), options.hz);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole && options.hz != 0 ? std::string()
                                    : "--hz: a number of cycles in a second, «board» or «max»";
}

void declare_node(CLI::App& app, NodeOptions& node, const std::string& group) {
    app.add_option("--board", node.board, "a board that is built in (see: board), or a file")
        ->type_name("NAME|FILE")
        ->capture_default_str()
        ->group(group);
    auto* key =
        app.add_option("--node-key", node.key, "the node's key (master key), in hexadecimal")
            ->type_name("HEX")
            ->group(group);
    app.add_option("--node-key-file", node.key_file, "file with it, for a key that is real")
        ->type_name("FILE")
        ->excludes(key)
        ->group(group);
}

void declare_machine(CLI::App& app, Options& options) {
    app.add_option("firmware", options.firmware, "the program: ELF or Intel HEX")
        ->type_name("FIRMWARE");
    declare_node(app, options.node, group_machine);
    app.add_option(
           "--core", options.core, "the hardware since 2020, before, or with bounded atomicity")
        ->check(CLI::IsMember(std::vector<std::string>{"base", "legacy", "aion"}))
        ->option_text("base|legacy|aion")
        ->group(group_machine);
    app.add_flag("--rtl-quirks",
                 options.rtl_quirks,
                 "do as the hardware description where it departs from the documented rules")
        ->group(group_machine);
}

void declare_time(CLI::App& app, Options& options) {
    app.add_option_function<std::string>(
           "--hz",
           [&options](const std::string& text) {
               if (const std::string wrong = set_hz(options, text); !wrong.empty()) {
                   throw CLI::ValidationError(wrong);
               }
           },
           "cycles in a second of real time; board: as the board's clock; max: as fast as possible")
        ->option_text("N|board|max (max)")
        ->group(group_time);
    app.add_flag(
           "--sleep-in-time",
           options.sleep_in_time,
           "with --hz max: a program that waits for a timer waits in real time, at the board's "
           "clock")
        ->group(group_time);
    auto* cycles = app.add_option("--cycles", options.cycles, "end after so many cycles")
                       ->option_text("N")
                       ->group(group_time);
    app.add_option("--seconds", options.seconds, "end after so many seconds of the board's clock")
        ->check(CLI::Range(0.0, 1.0e9))
        ->option_text("S")
        ->excludes(cycles)
        ->group(group_time);
    app.add_flag("--until-cpuoff",
                 options.cpu_off_ends,
                 "CPUOFF ends the program also while interrupts are enabled")
        ->group(group_time);
    app.add_flag("--stop-on-violation", options.stop_on_violation, "end at the first violation")
        ->group(group_time);
    app.add_flag("--deterministic",
                 options.deterministic,
                 "refuse everything from outside that would make two runs differ; so it is anyway "
                 "where nothing of the kind is attached")
        ->group(group_time);
    app.add_option("--seed", options.seed, "of the random-number device (deterministic: 0)")
        ->option_text("N")
        ->group(group_time);
}

void declare_world(CLI::App& app, Options& options) {
    app.add_option("--serial",
                   options.serial,
                   "what a line is connected to: none, stdout, stdio, pty, tcp:[HOST:]PORT, "
                   "unix:PATH, file:IN,OUT (may be repeated)")
        ->type_name("NAME=END")
        ->group(group_world);
    app.add_option(
           "--control", options.control, "serve `authex-sancus control` on this Unix socket")
        ->type_name("PATH")
        ->group(group_world);
    app.add_option("--inputs",
                   options.inputs,
                   "give the inputs of this file, which --physical has written, in their cycles")
        ->type_name("FILE")
        ->group(group_world);
    app.add_option("--physical",
                   options.physical,
                   "write all that a person could see or do to this file, as lines of JSON")
        ->type_name("FILE")
        ->group(group_world);
}

void declare_look(CLI::App& app, Options& options) {
    app.add_option("--trace", options.trace, "write each instruction and interrupt to this file")
        ->type_name("FILE")
        ->group(group_look);
    app.add_option("--gdb",
                   options.gdb,
                   "wait at the first instruction for a debugger on this port, of 127.0.0.1 if no "
                   "host is named; 0: any that is free")
        ->type_name("[HOST:]PORT")
        ->group(group_look);
    app.add_option(
           "--snapshot", options.snapshot, "at the end write the machine's state to this file")
        ->type_name("FILE")
        ->group(group_look);
    app.add_option("--restore", options.restore, "begin with the state in this file")
        ->type_name("FILE")
        ->group(group_look);
    app.add_option("--check-golden",
                   options.golden,
                   "compare with recorded runs of the hardware description, and nothing else")
        ->type_name("FILE")
        ->group(group_look);
    app.add_flag("--json", options.json, "what the emulator says: lines of JSON")
        ->group(group_look);
    app.add_flag("-q,--quiet", options.quiet, "say nothing but errors")->group(group_look);
}

std::string set_vendor(std::uint16_t& vendor, std::string_view text) {
    const bool hexadecimal = text.starts_with("0x");
    text.remove_prefix(hexadecimal ? 2 : 0);
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), vendor, hexadecimal ? 16 : 10);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole ? std::string() : "--vendor: a number of 16 bits, as 0x1234";
}

void declare_keys(CLI::App& app, CommandLine& line) {
    CLI::App* keys = app.add_subcommand("keys", "print the keys of a vendor and of its modules");
    keys->add_option(
            "firmware", line.keys.firmware, "the ELF file with the modules; none: no modules")
        ->type_name("FIRMWARE");
    keys->add_option_function<std::string>(
            "--vendor",
            [&line](const std::string& text) {
                if (const std::string wrong = set_vendor(line.keys.vendor, text); !wrong.empty()) {
                    throw CLI::ValidationError(wrong);
                }
            },
            "the vendor's id, which the program gives to protect in R11")
        ->required()
        ->type_name("ID");
    declare_node(*keys, line.keys.node, "Options");
    keys->add_flag("--json", line.keys.json, "print them as JSON");
    line.keys_command = keys;
}

} // namespace

void declare(CLI::App& app, CommandLine& line) {
    app.set_version_flag("--version", "authex-sancus " AUTHEX_VERSION);
    declare_machine(app, line.run);
    declare_time(app, line.run);
    declare_world(app, line.run);
    declare_look(app, line.run);
    app.footer("Lines without --serial have the end that the board names.\n"
               "Exit status: 0 the program has ended, 1 failed, 2 usage, board or firmware error,\n"
               "3 violation (--stop-on-violation), 4 limit (--cycles, --seconds), 5 the program\n"
               "has left program memory.");
    CLI::App* control = app.add_subcommand("control", "speak to a running emulator");
    control->add_option("path", line.control.path, "socket that --control has made")
        ->required()
        ->type_name("PATH");
    control
        ->add_option("command",
                     line.control.words,
                     "list | show NAME | press NAME | release NAME | set NAME VALUE | "
                     "wait NAME VALUE | watch | status | pause | continue | reset | stop")
        ->required()
        ->type_name("COMMAND");
    control->add_flag("--json", line.control.json, "print the answer as JSON");
    control->add_option("--timeout", line.control.timeout_s, "seconds to wait for an answer")
        ->check(CLI::Range(1U, 86400U))
        ->option_text("S (10)");
    line.control_command = control;
    CLI::App* board = app.add_subcommand("board", "print or check a board");
    board->add_option("name", line.board.name, "a board that is built in, or a file; none: list")
        ->type_name("NAME|FILE");
    board->add_flag("--json", line.board.json, "print findings as JSON");
    line.board_command = board;
    declare_keys(app, line);
    app.require_subcommand(0, 1);
}

Task parse_options(int argc, const char* const* argv) {
    CLI::App app("A microcontroller with Sancus, in software: runs MSP430 firmware with its "
                 "protected modules,\non a board with devices. Begin with: authex-sancus FIRMWARE",
                 "authex-sancus");
    CommandLine line;
    declare(app, line);
    if (argc == 1) {
        std::cout << app.help();
        return exit_usage;
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error, std::cout, std::cerr) == 0 ? exit_ended : exit_usage;
    }
    if (line.control_command->parsed()) {
        return line.control;
    }
    if (line.board_command->parsed()) {
        return line.board;
    }
    if (line.keys_command->parsed()) {
        return line.keys;
    }
    if (line.run.firmware.empty() && line.run.golden.empty() && line.run.restore.empty()) {
        std::cerr << "authex-sancus: no firmware is given\n  fix: authex-sancus FIRMWARE, or "
                     "authex-sancus --help\n";
        return exit_usage;
    }
    return line.run;
}

} // namespace authex::sancus_emulator
