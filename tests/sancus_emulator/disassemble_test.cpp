#include "sancus_emulator/disassemble.hpp"

#include <random>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sancus_emulator/guest.hpp"

namespace authex::sancus_emulator::test {
namespace {

/// The text of the instructions at 0x4000.
std::vector<std::string> read_back(const Program& program) {
    const auto memory = std::make_unique<Memory>();
    std::copy(
        program.bytes().begin(), program.bytes().end(), memory->bytes.begin() + program.origin());
    auto core = std::make_unique<Core>(reference_configuration().map, 4);
    core->memory.bytes = memory->bytes;
    std::vector<std::string> lines;
    std::uint32_t at = program.origin();
    while (at < program.origin() + program.bytes().size()) {
        lines.push_back(disassemble(*memory, static_cast<std::uint16_t>(at)));
        at = decode(*core, static_cast<std::uint16_t>(at)).next;
    }
    return lines;
}

void expect_same_after_assembling(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) {
        text += line + "\n";
    }
    const std::vector<std::string> again = read_back(Program(text));
    ASSERT_EQ(again.size(), lines.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
        EXPECT_EQ(again[i], lines[i]);
    }
}

const std::vector<std::string> sources = {"r4",
                                          "sp",
                                          "sr",
                                          "#0",
                                          "#1",
                                          "#2",
                                          "#4",
                                          "#8",
                                          "#0x1234",
                                          "6(r15)",
                                          "-2(sp)",
                                          "&0x0120",
                                          "@r9",
                                          "@r10+",
                                          "@sp+"};
const std::vector<std::string> destinations = {"r4", "r15", "sp", "0(r5)", "-32768(r6)", "&0xffff"};

TEST(Disassemble, TwoOperandsOfEachKindAreWhatTheAssemblerMadeThemOf) {
    std::vector<std::string> lines;
    for (const char* name :
         {"mov", "add", "addc", "subc", "sub", "cmp", "dadd", "bit", "bic", "bis", "xor", "and"}) {
        for (const std::string& from : sources) {
            for (const std::string& to : destinations) {
                const bool is_mov = std::string(name) == "mov";
                const bool has_another_name = is_mov && (from == "#0" || from == "@sp+");
                // LLVM 14 does not assemble moves that increment, to memory.
                if (is_mov && from.ends_with("+") && to.find('r') != 0 && to != "sp") {
                    continue;
                }
                if (!has_another_name) {
                    lines.push_back(fmt::format("{} {}, {}", name, from, to));
                }
                lines.push_back(fmt::format("{}.b {}, {}", name, from, to));
            }
        }
    }
    expect_same_after_assembling(lines);
}

TEST(Disassemble, OneOperandOfEachKindIsWhatTheAssemblerMadeItOf) {
    std::vector<std::string> lines = {"reti"};
    for (const char* name : {"rrc", "rrc.b", "rra", "rra.b", "swpb", "sxt"}) {
        for (const char* operand : {"r5", "@r6", "@r7+", "4(r8)", "&0x0200"}) {
            lines.push_back(fmt::format("{} {}", name, operand));
        }
    }
    for (const char* operand : {"r5", "@r6", "@r7+", "4(r8)", "&0x0200", "#0x1234"}) {
        lines.push_back(fmt::format("call {}", operand));
    }
    for (const char* line : {"push r5", "push #0x1234", "push #8", "push.b r5"}) {
        lines.emplace_back(line);
    }
    expect_same_after_assembling(lines);
}

TEST(Disassemble, WhatTheAssemblerDoesNotKnowIsAsTheCoreExecutesIt) {
    EXPECT_EQ(read_back(Program(
                  ".short 0x4ab5, 6, 0x41f2, 0x0200, 0x1226, 0x1237, 0x1218, 4, 0x1252, 0x200")),
              (std::vector<std::string>{"mov @r10+, 6(r5)",
                                        "mov.b @sp+, &0x0200",
                                        "push @r6",
                                        "push @r7+",
                                        "push 4(r8)",
                                        "push.b &0x0200"}));
}

TEST(Disassemble, InstructionsWithNamesOfTheirOwnHaveThem) {
    expect_same_after_assembling(
        {"nop", "ret", "br #0x4000", "br r5", "clr r4", "clr &0x0200", "pop r4", "dint", "eint"});
}

TEST(Disassemble, JumpsNameTheirTargets) {
    EXPECT_EQ(read_back(Program("here: jmp here\n jnz there\n jz there\n jnc there\n jc there\n"
                                " jn there\n jge here\n there: jl here")),
              (std::vector<std::string>{"jmp 0x4000",
                                        "jnz 0x400e",
                                        "jz 0x400e",
                                        "jnc 0x400e",
                                        "jc 0x400e",
                                        "jn 0x400e",
                                        "jge 0x4000",
                                        "jl 0x4000"}));
    EXPECT_EQ(read_back(Program(".short 0x3dff, 0x3e00")),
              (std::vector<std::string>{"jmp 0x4400", "jmp 0x3c04"}))
        << "as far as they reach";
}

TEST(Disassemble, OperandsRelativeToTheProgramCounterAreAddresses) {
    EXPECT_EQ(
        read_back(Program("mov value, r5\n mov r5, value\n call value\n value: mov value, value")),
        (std::vector<std::string>{
            "mov 0x400c, r5", "mov r5, 0x400c", "call 0x400c", "mov 0x400c, 0x400c"}));
}

TEST(Disassemble, InstructionsOfSancusHaveNames) {
    EXPECT_EQ(
        read_back(Program(".short 0x1380, 0x1381, 0x1382, 0x1383, 0x1384, 0x1385, 0x1386, 0x1387,"
                          " 0x1388, 0x1389, 0x138f")),
        (std::vector<std::string>{"sancus.unprotect",
                                  "sancus.protect",
                                  "sancus.attest",
                                  "sancus.attest-caller",
                                  "sancus.wrap",
                                  "sancus.unwrap",
                                  "sancus.get-id",
                                  "sancus.get-caller-id",
                                  "sancus.stack-guard",
                                  "sancus.clix",
                                  ".word 0x138f"}));
}

TEST(Disassemble, ConstantsAreThoseThatTheCoreGenerates) {
    EXPECT_EQ(read_back(Program("mov #-1, r5\n mov.b #-1, r5\n .short 0x4035, 1\n")),
              (std::vector<std::string>{"mov #0xffff, r5", "mov.b #0xff, r5", "mov #1, r5"}));
}

TEST(Disassemble, AnyWordsGiveText) {
    std::mt19937 random(1);
    const auto memory = std::make_unique<Memory>();
    for (unsigned opcode = 0; opcode < 0x10000; ++opcode) {
        memory->set_word(0xFFFC, static_cast<std::uint16_t>(opcode)); // its last word is that at 0
        memory->set_word(0xFFFE, static_cast<std::uint16_t>(random()));
        EXPECT_FALSE(disassemble(*memory, 0xFFFC).empty());
    }
}

} // namespace
} // namespace authex::sancus_emulator::test
