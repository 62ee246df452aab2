#include "cli/delegated.hpp"

#include <set>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>

namespace authex::cli {
namespace {

constexpr std::size_t commands_count = static_cast<std::size_t>(Command::version) + 1;

std::size_t leaves_of(const CLI::App& app) {
    std::size_t count = 0;
    for (const CLI::App* sub : app.get_subcommands({})) {
        count += sub->get_subcommands({}).empty() ? 1 : leaves_of(*sub);
    }
    return count;
}

TEST(Delegated, AreTheseCommandsAndNoOthers) {
    CLI::App app;
    Arguments arguments;
    declare(app, arguments);
    ASSERT_EQ(leaves_of(app), commands_count) << "the walk below comes to each of them";
    const std::set<Command> allowed = {
        Command::status,      Command::metrics, Command::logs,    Command::journal,
        Command::doctor,      Command::graph,   Command::watch,   Command::attest,
        Command::connect,     Command::restart, Command::output,  Command::request,
        Command::call,        Command::check,   Command::replay,  Command::schema,
        Command::completion,  Command::verify,  Command::enclave, Command::version,
        Command::export_state};
    for (std::size_t i = 0; i < commands_count; ++i) {
        arguments = {};
        arguments.command = static_cast<Command>(i);
        EXPECT_EQ(is_for_delegates(arguments), allowed.contains(arguments.command)) << i;
    }
}

TEST(Delegated, SeeTheStateAndDoNotWriteItToAFile) {
    Arguments arguments;
    arguments.command = Command::export_state;
    EXPECT_TRUE(is_for_delegates(arguments));
    arguments.out = "copy";
    EXPECT_FALSE(is_for_delegates(arguments));
}

} // namespace
} // namespace authex::cli
