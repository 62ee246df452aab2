#include "cli/completion.hpp"

#include <gmock/gmock.h>

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

} // namespace
} // namespace authex::cli
