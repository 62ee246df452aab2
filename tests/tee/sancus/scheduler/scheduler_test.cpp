// A driver's handler begins within a stated number of cycles of its interrupt, whatever untrusted
// code does (docs/sancus.md, "Availability").
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "sancus_emulator/crypto_unit.hpp"
#include "tee/sancus/scheduler/scheduled_node.hpp"

namespace authex::test {
namespace {

constexpr unsigned limit = 1'000; // cycles, as in the evaluation that is compared with

/// docs/sancus.md, "Availability". @param jobs registered, the driver included
constexpr std::uint64_t bound(unsigned jobs, std::uint64_t section) {
    return 400 + section + (jobs - 1U) * (210 + section);
}

class Availability : public ::testing::TestWithParam<Adversary> {};

/// The longest time to the handler of a bell that rings at any of many points in time.
std::uint64_t worst(const Adversary& adversary, unsigned section, std::uint64_t step) {
    ScheduledNode node(adversary, static_cast<std::uint16_t>(section));
    node.run(120'000); // what the adversary prepares
    const auto state = node.machine().snapshot();
    const std::uint64_t most = bound(adversary.jobs, section);
    std::uint64_t longest = 0;
    for (std::uint64_t phase = 0; phase < most + 3 * section / 2; phase += step) {
        EXPECT_TRUE(node.machine().restore(state));
        const auto latency = node.latency(phase, 10 * most);
        if (!latency) {
            ADD_FAILURE() << "no handler for the bell after " << phase;
            return 0;
        }
        longest = std::max(longest, *latency);
    }
    std::cout << fmt::format("{} of {} cycles, {} jobs, sections of {}: {}\n",
                             longest,
                             most,
                             adversary.jobs,
                             section,
                             adversary.name);
    EXPECT_LE(longest, most);
    return longest;
}

TEST_P(Availability, TheHandlerBeginsInTime) {
    worst(GetParam(), limit, 23);
}

INSTANTIATE_TEST_SUITE_P(Against,
                         Availability,
                         ::testing::ValuesIn(adversaries(limit)),
                         [](const auto& each) { return each.param.name; });

TEST(Scheduler, BoundsAlsoTheLongestSectionsOfHardware) {
    constexpr unsigned published = sancus_emulator::AtomicityMonitor::published_limit;
    for (const Adversary& adversary : adversaries(published)) {
        if (adversary.name == "Sections") {
            EXPECT_GT(worst(adversary, published, 331), published);
        }
    }
}

Adversary program(const std::string& attack,
                  const std::string& fallback = "",
                  const std::string& enclaves = "") {
    return {"program", attack, fallback, enclaves};
}

TEST(Scheduler, ProvesThatItHasStarted) {
    ScheduledNode node(program("nop"), limit);
    const auto& core = node.machine().core();
    const sancus_emulator::Enclave& scheduler = core.enclaves.at(1);
    ASSERT_EQ(scheduler.id, sancus_emulator::EnclaveTable::scheduler_id);
    std::array<std::uint16_t, 16> memory{}; // the challenge, which is zero, then the tag
    const sancus_emulator::WordBus bus = {
        [&](std::uint16_t address) { return memory.at(address / 2U); },
        [&](std::uint16_t address, std::uint16_t value) { memory.at(address / 2U) = value; }};
    sancus_emulator::wrap(core.security, scheduler.key, {{0, 16}, {}, 0, 16}, bus);
    for (std::uint16_t i = 0; i != 8; ++i) {
        EXPECT_EQ(node.word(static_cast<std::uint16_t>(node.at("tag") + 2 * i)), memory.at(8U + i));
    }
    EXPECT_EQ(node.word(node.at("start_answer")), 1U);
    EXPECT_EQ(node.word(node.at("register_answer")), 1U);
}

TEST(Scheduler, StartsOnce) {
    ScheduledNode node(program("clr r6\n mov #0x1000, r12\n mov #0x1010, r13\n mov #back, r7\n"
                               " mov #1, &0x1010\n br #authex_scheduler_enter\n"
                               " back: mov r15, &0x1020\n mov #1, &0x1022\n here: jmp here\n"),
                       limit);
    node.run(20'000);
    EXPECT_EQ(node.word(0x1022), 1U);
    EXPECT_EQ(node.word(0x1020), 0U);
    EXPECT_EQ(node.word(0x1010), 1U) << "no tag";
}

TEST(Scheduler, RegistersNobodyForAnother) {
    ScheduledNode node(program("mov #1, r6\n mov #driver_begin, r12\n mov #back, r7\n"
                               " br #authex_scheduler_enter\n"
                               " back: mov r15, &0x1020\n mov #1, &0x1022\n here: jmp here\n"),
                       limit);
    node.run(20'000);
    EXPECT_EQ(node.word(0x1022), 1U);
    EXPECT_EQ(node.word(0x1020), 0U);
}

TEST(Scheduler, GivesBackAllThatAnInterruptedProgramHad) {
    std::string attack = "mov #0x1f00, r1\n";
    std::string compare;
    for (unsigned n = 4; n != 16; ++n) {
        attack += fmt::format("mov #{}, r{}\n", 0x1110 + n, n);
        compare += fmt::format("cmp #{}, r{}\n jne wrong\n", 0x1110 + n, n);
    }
    ScheduledNode node(program(attack + "again:\n" + compare +
                               "cmp #0x1f00, r1\n jne wrong\n setc\n setn\n jnc wrong\n"
                               " jge wrong\n jmp again\n wrong: mov #1, &0x1020\n 1: jmp 1b\n"),
                       limit);
    node.run(500);
    for (unsigned i = 0; i != 60; ++i) {
        ASSERT_TRUE(node.latency(3 + i % 7, 1'000));
        node.run(150);
    }
    EXPECT_EQ(node.word(0x1020), 0U);
    EXPECT_GE(node.machine().core().memory.word(0x0902), 59U) << "bells that the driver answered";
}

TEST(Scheduler, DoesNotGoBackToWhoCausedAViolation) {
    ScheduledNode node(program("mov &0x0200, r5\n mov #1, &0x1020\n here: jmp here\n",
                               "mov #1, &0x1022\n there: jmp there\n"),
                       limit);
    node.run(5'000);
    EXPECT_EQ(node.word(0x1020), 0U);
    EXPECT_EQ(node.word(0x1022), 1U);
}

TEST(Scheduler, ForgetsWhoHasGone) {
    const std::string handler = "e_begin: cmp #2, r6\n jeq works\n cmp #-1, r6\n jeq left\n"
                                " cmp #5, r6\n jeq leaves\n mov #1, r6\n mov #e_begin, r12\n"
                                " mov #e_begin, r7\n br #authex_scheduler_enter\n"
                                " left: br #there\n works: add #1, &0x0a00\n br r7\n"
                                " leaves: mov #gone, r15\n .short 0x1380\n e_end: nop\n";
    ScheduledNode node(
        program("mov #e_begin, r12\n mov #e_end, r13\n mov #0x0a00, r14\n mov #0x0a20, r15\n"
                " call #protect\n clr r6\n br #e_begin\n there: mov r15, &0x1020\n"
                " mov #0x2000, r1\n mov #5, r6\n br #e_begin\n gone: mov #1, &0x1022\n"
                " here: jmp here\n",
                "mov #1, &0x1024\n there2: jmp there2\n",
                handler),
        limit);
    node.run(60'000);
    EXPECT_EQ(node.word(0x1020), 1U) << "it was registered";
    EXPECT_EQ(node.word(0x1022), 1U) << "and has gone";
    ASSERT_TRUE(node.latency(10, 2'000));
    node.run(2'000);
    EXPECT_EQ(node.word(0x1024), 0U) << "where it was nobody is called";
}

TEST(Scheduler, IsSmall) {
    ScheduledNode node(program("nop"), limit);
    const auto& layout = node.machine().core().enclaves.at(1).layout;
    EXPECT_EQ(layout.text_end - layout.text_start, 0x27F) << "vectors included";
    EXPECT_LE(layout.data_end, 0x0240) << "64 bytes of data memory";
}

} // namespace
} // namespace authex::test
