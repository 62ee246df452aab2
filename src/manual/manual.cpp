#include "manual/manual.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/arguments.hpp"
#include "cli/completion.hpp"
#include "em/control/options.hpp"
#include "sancus_emulator/program/options.hpp"

namespace authex::manual {
namespace {

/// One paragraph; a line break of the help is a space here.
std::string paragraph(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return escape(text);
}

/// What stands for the option's value: empty for a flag.
std::string value_of(const CLI::Option& option) {
    const std::string text = option.get_option_text();
    if (option.get_expected_max() == 0) {
        return {};
    }
    if (!text.empty() && text != " ") {
        return text;
    }
    const std::string type = option.get_type_name();
    return type.substr(0, type.find(':'));
}

std::string tag_of(const CLI::Option& option) {
    if (option.get_positional()) {
        const std::string name = option.get_name(/*positional=*/true);
        return fmt::format(".It Ar {}\n", escape(name));
    }
    std::string tag = ".It";
    const auto add = [&tag](std::string_view dashes, const std::string& name) {
        tag += fmt::format("{} Fl {}{}", tag == ".It" ? "" : " ,", dashes, escape(name));
    };
    for (const std::string& name : option.get_snames()) {
        add("", name);
    }
    for (const std::string& name : option.get_lnames()) {
        add("\\-", name);
    }
    const std::string value = value_of(option);
    return tag + (value.empty() ? "\n" : fmt::format(" Ar {}\n", escape(value)));
}

void add_options(const CLI::App& app, std::string& items) {
    for (const CLI::Option* option : app.get_options()) {
        if (option == app.get_help_ptr() && app.get_parent() != nullptr) {
            continue; // every command has it
        }
        items += tag_of(*option) + paragraph(option->get_description());
        const std::string usual = option->get_default_str();
        items += usual.empty() ? ".\n" : fmt::format(" (default: {}).\n", escape(usual));
    }
    for (const CLI::App* group :
         app.get_subcommands([](const CLI::App* sub) { return sub->get_name().empty(); })) {
        add_options(*group, items);
    }
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App* sub) { return !sub->get_name().empty(); });
}

/// `.It Cm node Cm bundle Ar node`: the command's name and its positional arguments.
std::string command_tag(const CLI::App& command, const std::string& path) {
    std::string tag = ".It" + path;
    for (const CLI::Option* option : command.get_options()) {
        if (option->get_positional()) {
            const std::string name = escape(option->get_name(/*positional=*/true));
            const bool many = option->get_expected_max() > 1;
            tag += fmt::format(
                "{} Ar {}{}", option->get_required() ? "" : " Op", name, many ? " ..." : "");
        }
    }
    return tag + "\n";
}

void add_command(const CLI::App& command, const std::string& parents, std::string& items) {
    const std::string path = fmt::format("{} Cm {}", parents, escape(command.get_name()));
    const std::vector<const CLI::App*> below = commands_of(command);
    if (!below.empty()) {
        for (const CLI::App* each : below) {
            add_command(*each, path, items);
        }
        return;
    }
    std::string text = command.get_description();
    text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    items += command_tag(command, path) + paragraph(text) + ".\n" + list_options(command);
}

std::string authex_lists(std::string (*list)(const CLI::App&)) {
    CLI::App app("", "authex");
    cli::Arguments arguments;
    cli::declare(app, arguments);
    return list(app);
}

std::string em_options() {
    CLI::App app("", "authex-em");
    em::CommandLine line;
    em::declare(app, line);
    return list_options(app);
}

std::string sancus_lists(std::string (*list)(const CLI::App&)) {
    CLI::App app("", "authex-sancus");
    sancus_emulator::CommandLine line;
    sancus_emulator::declare(app, line);
    return list(app);
}

Expected<std::string> value_of_placeholder(const std::string& name) {
    if (name == "VERSION") {
        return std::string(AUTHEX_VERSION);
    }
    if (name == "AUTHEX_OPTIONS") {
        return authex_lists(list_options);
    }
    if (name == "AUTHEX_COMMANDS") {
        return authex_lists(list_commands);
    }
    if (name == "AUTHEX_EM_OPTIONS") {
        return em_options();
    }
    if (name == "AUTHEX_SANCUS_OPTIONS") {
        return sancus_lists(list_options);
    }
    if (name == "AUTHEX_SANCUS_COMMANDS") {
        return sancus_lists(list_commands);
    }
    return failure("manual-placeholder", fmt::format("@{}@ stands for nothing", name));
}

} // namespace

std::string escape(std::string_view text) {
    // groff reads UTF-8 through preconv, which `man` and `groff -k` run.
    std::string escaped;
    bool begins = true; // of a word: a macro's name, a dot or a quote there would be one
    for (const char c : text) {
        if (c == '\\') {
            escaped += "\\e";
        } else if (c == '"') {
            escaped += "\\(dq";
        } else if (c == '-') {
            escaped += "\\-";
        } else {
            escaped += begins && (c == '.' || c == '\'') ? "\\&" : "";
            escaped += c;
        }
        begins = c == ' ' || c == '\n';
    }
    return escaped;
}

std::string list_options(const CLI::App& app) {
    std::string items;
    add_options(app, items);
    return items.empty() ? items : ".Bl -tag -width Ds\n" + items + ".El\n";
}

std::string list_commands(const CLI::App& app) {
    std::vector<std::pair<std::string, std::string>> groups;
    for (const CLI::App* command : commands_of(app)) {
        const std::string group = command->get_group();
        auto found = std::find_if(groups.begin(), groups.end(), [&group](const auto& each) {
            return each.first == group;
        });
        if (found == groups.end()) {
            found = groups.insert(groups.end(), {group, {}});
        }
        add_command(*command, "", found->second);
    }
    std::string all;
    for (const auto& [name, items] : groups) {
        all += fmt::format(".Ss {}\n.Bl -tag -width Ds\n{}.El\n", escape(name), items);
    }
    return all;
}

std::string sancus_completion(const std::string& shell) {
    CLI::App app("", "authex-sancus");
    sancus_emulator::CommandLine line;
    sancus_emulator::declare(app, line);
    return cli::completion_script(app, "authex-sancus", shell);
}

Expected<std::string> make_page(std::string_view source) {
    std::string page;
    while (!source.empty()) {
        const std::size_t begin = source.find('@');
        page += source.substr(0, begin);
        if (begin == std::string_view::npos) {
            break;
        }
        const std::size_t end = source.find('@', begin + 1);
        const std::string name(source.substr(begin + 1, end - begin - 1));
        Expected<std::string> value = value_of_placeholder(name);
        if (!value) {
            return value;
        }
        page += *value;
        source.remove_prefix(end + 1);
        if (value->ends_with('\n') && source.starts_with('\n')) {
            source.remove_prefix(1);
        }
    }
    return page;
}

} // namespace authex::manual
