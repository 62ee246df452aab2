#include "cli/completion.hpp"

#include <algorithm>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/arguments.hpp"

namespace authex::cli {
namespace {

struct Word {
    std::string text;
    std::string help;
};

std::string first_line(const std::string& text) {
    std::string line = text.substr(0, text.find('\n'));
    std::erase_if(line, [](char c) {
        return c == '\'' || c == '"' || c == '`' || c == '$' || c == '\\' || c == '[' || c == ']' ||
               c == ':';
    });
    return line;
}

void add_options(const CLI::App& app, std::vector<Word>& words) {
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) {
            words.push_back({"--" + name, first_line(option->get_description())});
        }
        for (const std::string& name : option->get_snames()) {
            words.push_back({"-" + name, first_line(option->get_description())});
        }
    }
    for (const CLI::App* group :
         app.get_subcommands([](const CLI::App* sub) { return sub->get_name().empty(); })) {
        add_options(*group, words);
    }
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App* sub) { return !sub->get_name().empty(); });
}

/// Its first word can be a file, not only a command.
bool takes_file(const CLI::App& app) {
    const auto options = app.get_options();
    return std::any_of(options.begin(), options.end(), [](const CLI::Option* option) {
        return option->get_positional();
    });
}

std::vector<std::string> texts(const std::vector<Word>& words) {
    std::vector<std::string> list;
    list.reserve(words.size());
    for (const Word& word : words) {
        list.push_back(word.text);
    }
    return list;
}

/// Of the shell function.
std::string function_name(std::string program) {
    std::replace(program.begin(), program.end(), '-', '_');
    return "_" + program;
}

/// What may stand after `PROGRAM NAME`.
std::vector<Word> words_after(const CLI::App& app, const CLI::App& command) {
    std::vector<Word> words;
    for (const CLI::App* sub : commands_of(command)) {
        words.push_back({sub->get_name(), first_line(sub->get_description())});
        add_options(*sub, words);
    }
    add_options(command, words);
    add_options(app, words);
    return words;
}

std::string bash_script(const CLI::App& app, const std::string& program) {
    std::vector<std::string> names;
    std::string cases;
    for (const CLI::App* command : commands_of(app)) {
        names.push_back(command->get_name());
        cases += fmt::format("        {}) words=\"{}\" ;;\n",
                             command->get_name(),
                             fmt::join(texts(words_after(app, *command)), " "));
    }
    std::vector<Word> options;
    add_options(app, options);
    return fmt::format(R"(# bash completion of {4}
{3}() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} command= words= word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in -*) ;; *) command=$word; break ;; esac
    done
    case $command in
{2}        *) words="{0} {1}" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    [[ $current == -* ]] || COMPREPLY+=($(compgen -f -- "$current"))
}}
complete -o filenames -F {3} {4}
)",
                       fmt::join(names, " "),
                       fmt::join(texts(options), " "),
                       cases,
                       function_name(program),
                       program);
}

std::string zsh_script(const CLI::App& app, const std::string& program) {
    std::string names;
    std::string cases;
    for (const CLI::App* command : commands_of(app)) {
        names += fmt::format(
            "        '{}:{}'\n", command->get_name(), first_line(command->get_description()));
        std::string words;
        for (const Word& word : words_after(app, *command)) {
            words += fmt::format(" '{}:{}'", word.text, word.help);
        }
        cases += fmt::format("        {}) options=({}) ;;\n", command->get_name(), words);
    }
    std::vector<Word> options;
    add_options(app, options);
    std::string globals;
    for (const Word& word : options) {
        globals += fmt::format(" '{}:{}'", word.text, word.help);
    }
    return fmt::format(R"(#compdef {4}
# zsh completion of {4}
{3}() {{
    local -a commands options
    local command=${{words[2]}}
    commands=(
{0}    )
    if (( CURRENT == 2 )); then
        _describe command commands
        [[ -z "{5}" ]] || _files
        return
    fi
    case $command in
{1}        *) options=({2}) ;;
    esac
    _describe option options
    _files
}}
compdef {3} {4}
)",
                       names,
                       cases,
                       globals,
                       function_name(program),
                       program,
                       takes_file(app) ? "files" : "");
}

std::string fish_script(const CLI::App& app, const std::string& program) {
    std::string script = fmt::format("# fish completion of {}\n", program);
    if (!takes_file(app)) {
        script += fmt::format("complete -c {} -n __fish_use_subcommand -f\n", program);
    }
    const auto option = [&script, &program](const std::string& condition, const Word& word) {
        const bool long_name = word.text.rfind("--", 0) == 0;
        script += fmt::format("complete -c {}{} {} {} -d '{}'\n",
                              program,
                              condition,
                              long_name ? "-l" : "-s",
                              word.text.substr(long_name ? 2 : 1),
                              word.help);
    };
    std::vector<Word> globals;
    add_options(app, globals);
    for (const Word& word : globals) {
        option("", word);
    }
    for (const CLI::App* command : commands_of(app)) {
        const std::string& name = command->get_name();
        script += fmt::format("complete -c {} -n __fish_use_subcommand -a {} -d '{}'\n",
                              program,
                              name,
                              first_line(command->get_description()));
        const std::string condition = fmt::format(" -n '__fish_seen_subcommand_from {}'", name);
        for (const CLI::App* sub : commands_of(*command)) {
            script += fmt::format("complete -c {}{} -a {} -d '{}'\n",
                                  program,
                                  condition,
                                  sub->get_name(),
                                  first_line(sub->get_description()));
        }
        std::vector<Word> words;
        add_options(*command, words);
        for (const Word& word : words) {
            option(condition, word);
        }
    }
    return script;
}

} // namespace

std::string completion_script(const std::string& shell) {
    CLI::App app("", "authex");
    Arguments arguments;
    declare(app, arguments);
    return completion_script(app, "authex", shell);
}

std::string
completion_script(const CLI::App& app, const std::string& program, const std::string& shell) {
    if (shell == "bash") {
        return bash_script(app, program);
    }
    return shell == "zsh" ? zsh_script(app, program) : fish_script(app, program);
}

} // namespace authex::cli
