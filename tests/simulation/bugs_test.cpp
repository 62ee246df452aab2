// Each planted bug is found.
#include <array>
#include <cstdio>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

namespace authex::simulation {
namespace {

constexpr int seeds = 10'000;

/// A bug, and the invariant that it violates, of those that it may.
struct Planted {
    const char* name;
    const char* invariant;
    const char* attackers = nullptr; ///< only these; null: all
};

struct Ran {
    std::string output;
    int status = -1; ///< of the program; -1: it did not end by itself
};

Ran run(const std::string& command) {
    Ran ran;
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) {
        return ran;
    }
    std::array<char, 4096> piece{};
    while (const std::size_t bytes = std::fread(piece.data(), 1, piece.size(), pipe)) {
        ran.output.append(piece.data(), bytes);
    }
    const int status = ::pclose(pipe);
    ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ran;
}

/// "seed 918 violates restored", of each invariant the first, in the order of the seeds.
std::vector<std::string> violations(const std::string& output) {
    std::vector<std::string> found;
    std::set<std::string> invariants;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t violates = line.find(" violates ");
        const std::size_t end = line.find(':');
        if (line.starts_with("seed ") && violates < end && end != std::string::npos &&
            invariants.insert(line.substr(violates, end - violates)).second) {
            found.push_back(line.substr(0, end));
        }
    }
    return found;
}

class PlantedBug : public testing::TestWithParam<Planted> {};

TEST_P(PlantedBug, IsFound) {
    const Planted& planted = GetParam();
    std::string command =
        fmt::format("{}/bin/authex-simulate --seeds {} --from 1 --until {} --bug {}",
                    AUTHEX_BINARY_DIR,
                    seeds,
                    planted.invariant,
                    planted.name);
    if (planted.attackers != nullptr) {
        command += fmt::format(" --attackers {}", planted.attackers);
    }
    const Ran ran = run(command);
    const std::vector<std::string> found = violations(ran.output);
    const bool right = ran.status == 1 && !found.empty() &&
                       found.back().ends_with(fmt::format(" violates {}", planted.invariant));
    const std::string summary = fmt::format("{}: {}{}; exit status {}",
                                            planted.name,
                                            found.empty() ? "no violation" : "",
                                            fmt::join(found, ", "),
                                            ran.status);
    fmt::print("{}\n", summary);
    EXPECT_TRUE(right) << ran.output << "expected a violation of " << planted.invariant
                       << "; found for " << summary;
}

INSTANTIATE_TEST_SUITE_P(
    All,
    PlantedBug,
    testing::Values(Planted{"skip-counter-check", "once-in-order"},
                    Planted{"counter-before-tag", "once-in-order"},
                    Planted{"nonce-without-direction", "fresh-counters"},
                    Planted{"flags-not-authenticated", "explained"},
                    Planted{"ack-before-delivery", "arrives"},
                    Planted{"ack-of-an-old-epoch", "arrives"},
                    Planted{"drop-outbox-on-restart", "arrives"},
                    Planted{"reuse-key", "fresh-keys"},
                    Planted{"forgotten-incarnation", "lives"},
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
                    Planted{"key-before-opens-all", "restored", "zombie,hold-acks"},
                    Planted{"no-limit", "bounded", "partition"}),
    [](const testing::TestParamInfo<Planted>& info) {
        std::string name;
        for (const char* c = info.param.name; *c != '\0'; ++c) {
            name += *c == '-' ? '_' : *c;
        }
        return name;
    });

} // namespace
} // namespace authex::simulation
