// A receiver that takes nothing: what its node and the sender's keep is bounded, and others go on.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>

#include "counted.hpp"

namespace authex::test {
namespace {

/// Resident memory of a process in bytes.                                              proc(5)
std::uint64_t resident_bytes(pid_t process) {
    std::ifstream status("/proc/" + std::to_string(process) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) {
            return std::stoull(line.substr(6)) * 1024;
        }
    }
    return 0;
}

std::uint64_t bytes_below(const std::filesystem::path& folder) {
    std::uint64_t sum = 0;
    std::error_code gone; // files come and go meanwhile
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, gone)) {
        const std::uint64_t bytes = entry.is_regular_file(gone) ? entry.file_size(gone) : 0;
        sum += gone ? 0 : bytes;
    }
    return sum;
}

TEST(SlowReceiver, BoundsMemoryAndDiskOfBothManagersAndHarmsNobodyElse) {
    constexpr std::uint64_t spill_bytes = 16U << 20U;
    constexpr std::uint64_t memory_bytes = 96U << 20U;
    Counted world;
    world.start_managers({"--spill", "16"});
    world.must({"up"});
    ::kill(world.module_process("sink"), SIGSTOP);
    // 400 MB that nobody takes, as fast as they can be sent.
    world.begin({.events = 100'000, .bytes = 4096, .batch = 16, .pause_us = 0});
    // With its outputs full, not even its owner can ask the source: what is kept tells.
    std::uint64_t kept = 0;
    const auto is_held_up = [&] {
        kept = bytes_below(world.state("left") / "frames");
        return kept > (1U << 20U) &&
               !eventually([&] { return bytes_below(world.state("left") / "frames") != kept; },
                           std::chrono::seconds(1));
    };
    ASSERT_TRUE(eventually(is_held_up, std::chrono::seconds(60))) << "pushed back to the source";

    world.begin_beside({.events = 20'000, .bytes = 1000, .batch = 16, .pause_us = 0});
    EXPECT_TRUE(world.arrives_beside(20'000));

    for (const char* node : {"left", "right"}) {
        const std::uint64_t memory = resident_bytes(world.manager(node).pid());
        const std::uint64_t disk = bytes_below(world.state(node) / "frames");
        EXPECT_LT(memory, memory_bytes) << node;
        EXPECT_LT(disk, spill_bytes + (1U << 20U)) << node;
        RecordProperty(std::string(node) + "_memory_bytes", static_cast<int>(memory));
        RecordProperty(std::string(node) + "_disk_bytes", static_cast<int>(disk));
    }
    ::kill(world.module_process("sink"), SIGCONT);
    const auto more_than_was_kept = static_cast<std::uint32_t>(2 * spill_bytes / 4096);
    ASSERT_TRUE(eventually([&] { return world.taken().events > more_than_was_kept; },
                           std::chrono::seconds(60)))
        << "it goes on";
    const Taken taken = world.taken();
    EXPECT_EQ(taken.gaps, 0U);
    EXPECT_EQ(taken.behind, 0U);
}

// The other side of a slow receiver: a module that is as fast as it can be at nothing.
TEST(HostileModule, ThatRingsForNothingHarmsNobody) {
    Counted world;
    // write(2) to descriptor 0, its doorbell, without end.
    world.write("hostile.cpp", R"(
#include <authex/module.hpp>
AUTHEX_ENTRY(flood, call) {
    const char stroke = 1;
    for (;;) {
        long result = 1;
        asm volatile("syscall"
                     : "+a"(result)
                     : "D"(0L), "S"(&stroke), "d"(1L)
                     : "rcx", "r11", "memory");
    }
}
)");
    world.replace("native.yaml",
                  "  beside: {",
                  "  hostile: { node: left, sources: [hostile.cpp] }\n  beside: {");
    world.start_managers();
    world.must({"up"});
    EXPECT_NE(world.authex({"--timeout", "1", "call", "hostile", "flood"}).status, 0);
    const auto begin = std::chrono::steady_clock::now();
    world.begin({.events = 100'000, .bytes = 32, .batch = 64, .pause_us = 0});
    EXPECT_TRUE(world.arrives(100'000));
    RecordProperty("milliseconds",
                   static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::steady_clock::now() - begin)
                                        .count()));
}

} // namespace
} // namespace authex::test
