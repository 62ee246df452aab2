// Each planted bug is found.
#include <array>
#include <cstdio>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

namespace authex::simulation {
namespace {

/// A bug, and the invariant that it violates first.
struct Planted {
    const char* name;
    const char* invariant;
    const char* attackers = nullptr; ///< only these; null: all
};

class PlantedBug : public testing::TestWithParam<Planted> {};

TEST_P(PlantedBug, IsFound) {
    const Planted& planted = GetParam();
    const std::string command = std::string(AUTHEX_BINARY_DIR) +
                                "/bin/authex-simulate --seeds 5000 --from 1 --bug " + planted.name;
    const std::string attackers =
        planted.attackers == nullptr ? "" : std::string(" --attackers ") + planted.attackers;
    FILE* pipe = ::popen((command + attackers).c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::string output;
    std::array<char, 4096> piece{};
    while (const std::size_t bytes = std::fread(piece.data(), 1, piece.size(), pipe)) {
        output.append(piece.data(), bytes);
    }
    const int status = ::pclose(pipe);
    ASSERT_TRUE(WIFEXITED(status)) << output;
    EXPECT_EQ(WEXITSTATUS(status), 1) << output;
    EXPECT_NE(output.find(std::string(" violates ") + planted.invariant), std::string::npos)
        << output;
}

INSTANTIATE_TEST_SUITE_P(
    All,
    PlantedBug,
    testing::Values(Planted{"skip-counter-check", "once-in-order"},
                    Planted{"counter-before-tag", "once-in-order"},
                    Planted{"nonce-without-direction", "fresh-counters"},
                    Planted{"flags-not-authenticated", "explained"},
                    Planted{"ack-before-delivery", "arrives"},
                    Planted{"ack-of-an-old-epoch", "arrives", "hold-acks"},
                    Planted{"drop-outbox-on-restart", "arrives"},
                    Planted{"reuse-key", "fresh-keys"},
                    Planted{"forgotten-incarnation", "arrives", "restart-module"},
                    Planted{"unverified-evidence", "attested"},
                    Planted{"inputs-first", "attested"},
                    Planted{"session-not-kept", "fresh-counters"},
                    Planted{"counter-kept-late", "fresh-counters"},
                    Planted{"resend-with-new-counter", "explained"},
                    Planted{"reply-of-another-request", "explained"},
                    Planted{"handover-forgets-counters", "fresh-counters"},
                    Planted{"takes-while-paused", "arrives"},
                    Planted{"restored-under-the-old-key", "lives"},
                    Planted{"older-state-taken", "restored"},
                    Planted{"no-limit", "bounded", "restart-module,partition"}),
    [](const testing::TestParamInfo<Planted>& info) {
        std::string name;
        for (const char* c = info.param.name; *c != '\0'; ++c) {
            name += *c == '-' ? '_' : *c;
        }
        return name;
    });

} // namespace
} // namespace authex::simulation
