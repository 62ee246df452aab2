#include "cli/completion.hpp"

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>

#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace authex::cli {
namespace {

using ::testing::HasSubstr;

TEST(CompletionScript, KnowsEveryShellsCommandsAndOptions) {
    for (const char* shell : {"bash", "zsh", "fish"}) {
        const std::string script = completion_script(shell);
        for (const char* word : {"status",
                                 "bundle",
                                 "request",
                                 "with-secrets",
                                 "hex",
                                 "verbose",
                                 "doctor",
                                 "schema",
                                 "graph",
                                 "format",
                                 "watch",
                                 "grep",
                                 "since",
                                 "explain",
                                 "timing",
                                 "restore",
                                 "passphrase-file",
                                 "move",
                                 "replace"}) {
            EXPECT_THAT(script, HasSubstr(word)) << shell;
        }
    }
}

TEST(CompletionScript, QuotesNothingThatAShellWouldExpand) {
    for (const char* shell : {"bash", "zsh", "fish"}) {
        EXPECT_EQ(completion_script(shell).find('`'), std::string::npos) << shell;
    }
}

/// What bash offers after these words, the last of which is being written.
std::string
offered(const std::string& script, const std::string& words, const std::string& function) {
    const test::TemporaryFolder folder;
    folder.write("script", script);
    folder.write("firmware.elf", "");
    const auto result = test::run({{"/bin/bash",
                                    "-c",
                                    "cd \"$1\" && source ./script && COMP_WORDS=(" + words +
                                        ") && COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && " +
                                        function + "; echo ${COMPREPLY[@]}",
                                    "bash",
                                    folder.path().string()},
                                   {},
                                   {}});
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
}

TEST(CompletionScript, OffersAnyProgramsCommandsOptionsAndFiles) {
    CLI::App app("", "do-it");
    std::string value;
    app.add_option("file", value, "a file");
    app.add_option("--board", value, "a board");
    app.add_subcommand("keys", "print keys")->add_option("--vendor", value, "a vendor");
    const std::string bash = completion_script(app, "do-it", "bash");
    EXPECT_EQ(offered(bash, "do-it k", "_do_it"), "keys\n");
    EXPECT_EQ(offered(bash, "do-it fir", "_do_it"), "firmware.elf\n");
    EXPECT_EQ(offered(bash, "do-it firmware.elf --b", "_do_it"), "--board\n");
    EXPECT_EQ(offered(bash, "do-it keys --v", "_do_it"), "--vendor\n");
    EXPECT_EQ(offered(bash, "do-it --x", "_do_it"), "\n");
    EXPECT_THAT(completion_script(app, "do-it", "zsh"), HasSubstr("compdef _do_it do-it"));
    EXPECT_THAT(completion_script(app, "do-it", "fish"),
                HasSubstr("complete -c do-it -n '__fish_seen_subcommand_from keys' -l vendor"));
}

} // namespace
} // namespace authex::cli
