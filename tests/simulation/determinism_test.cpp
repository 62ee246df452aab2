// The outcome of a seed depends on nothing but the seed.
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"

namespace authex::simulation {
namespace {

/// One line for each seed. @param before what prepares the process
std::string outcomes(const std::string& before, int from, int seeds) {
    const std::string command =
        fmt::format("{} {}/bin/authex-simulate --go-on --list --from {} --seeds {}",
                    before,
                    AUTHEX_BINARY_DIR,
                    from,
                    seeds);
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string lines;
    std::array<char, 4096> line{};
    while (pipe != nullptr && std::fgets(line.data(), line.size(), pipe) != nullptr) {
        const std::string text = line.data();
        if (text.find(" seeds from ") == std::string::npos) {
            lines += text;
        }
    }
    return pipe != nullptr && ::pclose(pipe) == 0 ? lines : "failed: " + command;
}

TEST(Determinism, WorldsOfOneProcessDoNotTouchEachOther) {
    const std::string all = outcomes("", 1, 60);
    EXPECT_EQ(outcomes("", 1, 20) + outcomes("", 21, 20) + outcomes("", 41, 20), all);
    EXPECT_EQ(outcomes("", 41, 20), all.substr(all.find("\n41 ") + 1));
}

// Memory that was used before (mallopt(3)), another heap, its addresses, a folder of another name,
// and an environment of another size.
TEST(Determinism, MemoryAndEnvironmentDecideNothing) {
    const test::TemporaryFolder folder;
    const auto other = folder.path() / std::string(100, 'f');
    std::filesystem::create_directories(other);
    const std::string usual = outcomes("", 1, 60);
    EXPECT_EQ(outcomes("env MALLOC_PERTURB_=165", 1, 60), usual);
    EXPECT_EQ(outcomes("env GLIBC_TUNABLES=glibc.malloc.tcache_count=0", 1, 60), usual);
    EXPECT_EQ(
        outcomes(fmt::format("env -i LC_ALL=C TZ=Asia/Tokyo TMPDIR={}", other.string()), 1, 60),
        usual);
}

} // namespace
} // namespace authex::simulation
