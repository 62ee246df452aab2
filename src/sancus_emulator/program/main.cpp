// authex-sancus: a microcontroller with Sancus, in software.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <fmt/format.h>

#include "sancus_emulator/golden.hpp"
#include "sancus_emulator/program/control_client.hpp"
#include "sancus_emulator/program/node.hpp"
#include "sancus_emulator/program/session.hpp"

namespace authex::sancus_emulator {
namespace {

int check_golden_files(const Options& options) {
    const Reporter reporter(options.json, options.quiet);
    for (const std::string& name : options.golden) {
        std::ifstream file(name, std::ios::binary);
        std::error_code error;
        if (!std::filesystem::is_regular_file(name, error) || !file) {
            reporter.error(make_error(
                "file-unreadable", name + " cannot be read", "name a file that is there"));
            return exit_usage;
        }
        const std::string text(std::istreambuf_iterator<char>(file), {});
        const auto checked = check_golden(text, name);
        if (!checked) {
            reporter.error(checked.error());
            return checked.error().code == "golden-malformed" ? exit_usage : exit_failed;
        }
        reporter.say("golden",
                     fmt::format("{}: {} instructions agree", name, *checked),
                     {{"file", name}, {"instructions", *checked}});
    }
    return exit_ended;
}

int show_board(const BoardOptions& options) {
    const Reporter reporter(options.json, /*quiet=*/false);
    if (options.name.empty()) {
        for (const BuiltInBoard& board : built_in_boards()) {
            std::cout << board.name << '\n';
        }
        return exit_ended;
    }
    for (const BuiltInBoard& board : built_in_boards()) {
        if (board.name == options.name) {
            std::cout << board.text;
            return exit_ended;
        }
    }
    const auto board = open_board(options.name);
    if (!board) {
        for (const Diagnostic& diagnostic : board.error()) {
            reporter.error(diagnostic);
        }
        return exit_usage;
    }
    const auto devices = make_devices(*board, nullptr, RandomSeed{});
    if (!devices) {
        reporter.error(devices.error());
        return exit_usage;
    }
    reporter.say("board", options.name + " is a board", {{"devices", devices->devices.size()}});
    return exit_ended;
}

int run(const Options& options) {
    if (!options.golden.empty()) {
        return check_golden_files(options);
    }
    int status = exit_ended;
    const std::unique_ptr<Session> session = Session::open(options, status);
    return session == nullptr ? status : session->run();
}

} // namespace
} // namespace authex::sancus_emulator

int main(int argc, char** argv) {
    using namespace authex::sancus_emulator;
    (void)std::signal(SIGPIPE, SIG_IGN);
    const Task task = parse_options(argc, argv);
    if (const auto* options = std::get_if<Options>(&task)) {
        return run(*options);
    }
    if (const auto* options = std::get_if<ControlOptions>(&task)) {
        return run_control(*options);
    }
    if (const auto* options = std::get_if<BoardOptions>(&task)) {
        return show_board(*options);
    }
    if (const auto* options = std::get_if<KeysOptions>(&task)) {
        return show_keys(*options);
    }
    return std::get<int>(task);
}
