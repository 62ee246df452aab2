#include "manual/manual.hpp"

#include <cstdio>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>

#include "cli/arguments.hpp"
#include "descriptor/parse.hpp"
#include "em/control/options.hpp"
#include "sancus_emulator/program/options.hpp"
#include "support/temporary_folder.hpp"

namespace authex::manual {
namespace {

using ::testing::HasSubstr;

std::string page(const std::string& name) {
    std::ifstream file(std::string(AUTHEX_SOURCE_DIR "/docs/man/") + name + ".in");
    std::stringstream text;
    text << file.rdbuf();
    const Expected<std::string> made = make_page(text.str());
    EXPECT_TRUE(made) << name;
    return made.value_or("");
}

/// What the program prints when it runs, and its exit status.
std::pair<std::string, int> output_of(const std::string& command) {
    std::string text;
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
        text += static_cast<char>(c);
    }
    return {text, ::pclose(pipe)};
}

/// As a terminal shows it.
std::string rendered(const std::string& name) {
    const test::TemporaryFolder folder;
    std::ofstream(folder.path() / name) << page(name);
    auto [text, status] = output_of("groff -k -mandoc -Tutf8 -P-cbou -rLL=200n -ww " +
                                    (folder.path() / name).string() + " 2>&1");
    EXPECT_EQ(status, 0) << text;
    EXPECT_EQ(text.find("warning:"), std::string::npos) << text.substr(0, 2000);
    // Some macro packages show a minus as U+2212, some a hyphen as U+2010.
    return std::regex_replace(text, std::regex("\u2212|\u2010"), "-");
}

void collect(const CLI::App& app, std::set<std::string>& words) {
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) {
            words.insert("--" + name);
        }
        for (const std::string& name : option->get_snames()) {
            words.insert("-" + name);
        }
    }
    for (const CLI::App* sub : app.get_subcommands(
             static_cast<bool (*)(const CLI::App*)>([](const CLI::App*) { return true; }))) {
        if (!sub->get_name().empty()) {
            words.insert(sub->get_name());
        }
        collect(*sub, words);
    }
}

void expect_words(const std::string& name, const CLI::App& app) {
    std::set<std::string> words;
    collect(app, words);
    EXPECT_GT(words.size(), 15U);
    const std::string text = rendered(name);
    for (const std::string& word : words) {
        EXPECT_THAT(text, HasSubstr(word)) << name;
    }
}

TEST(Manual, AuthexHasEveryCommandAndOption) {
    CLI::App app;
    cli::Arguments arguments;
    cli::declare(app, arguments);
    expect_words("authex.1", app);
}

TEST(Manual, AuthexEmHasEveryOption) {
    CLI::App app;
    em::CommandLine line;
    em::declare(app, line);
    expect_words("authex-em.8", app);
}

TEST(Manual, AuthexSancusHasEveryCommandAndOption) {
    CLI::App app;
    sancus_emulator::CommandLine line;
    sancus_emulator::declare(app, line);
    expect_words("authex-sancus.1", app);
}

/// The keys that the parser knows, as it says itself where it is given one that it does not know.
std::set<std::string> keys_of_descriptors() {
    constexpr const char* text = R"(
zzzzzz: 1
nodes: { a: { tee: sancus, address: "127.0.0.1:1", zzzzzz: 1, vendor: { zzzzzz: 1 } } }
modules:
  m: { node: a, sources: [m.cpp], zzzzzz: 1, max: { zzzzzz: 1 } }
  n: { node: a, external: { zzzzzz: 1 } }
connections: [ { zzzzzz: 1 } ]
periodic: [ { zzzzzz: 1 } ]
policy: { zzzzzz: 1 }
)";
    const std::string begin = "the keys are: ";
    std::set<std::string> keys;
    std::size_t lists = 0;
    for (const Diagnostic& diagnostic : descriptor::parse(text, "test.yaml").diagnostics) {
        if (!diagnostic.fix.starts_with(begin)) {
            continue;
        }
        ++lists;
        std::string list = diagnostic.fix.substr(begin.size());
        list.replace(list.find(" and "), 5, ", ");
        std::stringstream stream(list);
        for (std::string key; std::getline(stream, key, ',');) {
            keys.insert(key.substr(key.find_first_not_of(' ')));
        }
    }
    EXPECT_EQ(lists, 9U);
    return keys;
}

TEST(Manual, DescriptorPageHasEveryKeyThatTheParserKnows) {
    const std::set<std::string> keys = keys_of_descriptors();
    EXPECT_THAT(keys, ::testing::IsSupersetOf({"application", "vendor", "max", "every", "tcb"}));
    const std::string text = rendered("authex.yaml.5");
    for (const std::string& key : keys) {
        EXPECT_THAT(text, HasSubstr(key));
    }
}

TEST(Manual, TextCannotBecomeAMacroOrAnEscape) {
    EXPECT_EQ(escape(".Dd x"), "\\&.Dd x");
    EXPECT_EQ(escape("a 'b"), "a \\&'b");
    EXPECT_EQ(escape("a\\fB"), "a\\efB");
    EXPECT_EQ(escape("a.b"), "a.b");
}

TEST(Manual, RefusesAPlaceholderThatStandsForNothing) {
    EXPECT_FALSE(make_page("a\n@NOTHING@\n"));
    EXPECT_FALSE(make_page("a lone @\n"));
    EXPECT_EQ(make_page("").value(), "");
    EXPECT_EQ(make_page("plain\n").value(), "plain\n");
}

TEST(SancusCompletion, KnowsTheCommandsAndOptionsOfTheProgram) {
    for (const char* shell : {"bash", "zsh", "fish"}) {
        const std::string script = sancus_completion(shell);
        for (const char* word : {"authex-sancus", "control", "keys", "vendor", "check-golden"}) {
            EXPECT_THAT(script, HasSubstr(word)) << shell;
        }
        EXPECT_EQ(script.find('`'), std::string::npos) << shell;
    }
}

} // namespace
} // namespace authex::manual
