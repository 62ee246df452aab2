#include "sancus_emulator/program/watcher.hpp"

#include <fmt/format.h>

#include "sancus_emulator/disassemble.hpp"

namespace authex::sancus_emulator {
namespace {

/// A program that violates in a loop is not to fill the terminal.
constexpr std::uint64_t reported_max = 20;

std::string and_no_more(std::uint64_t count) {
    return count == reported_max ? "; further ones are counted and not told" : "";
}

tl::unexpected<Diagnostic> unwritable(const std::string& file) {
    return failure("trace-unwritable",
                   fmt::format("{} cannot be written", file),
                   "is the folder there, the disk not full?");
}

} // namespace

Expected<bool> Watcher::write_trace(const std::string& file) {
    trace_name_ = file;
    trace_.open(file, std::ios::binary | std::ios::trunc);
    return trace_ ? Expected<bool>(true) : unwritable(file);
}

Expected<bool> Watcher::flush() {
    if (trace_.is_open() && !trace_.flush()) {
        return unwritable(trace_name_);
    }
    return true;
}

void Watcher::instruction(const Core& core) {
    const std::uint16_t pc = core.r[reg::pc];
    std::string words;
    if (core.map.is_program(pc)) {
        const std::uint16_t next = decode(core, pc).next;
        for (std::uint16_t at = pc; at != next; at = static_cast<std::uint16_t>(at + 2)) {
            words += fmt::format("{}{:04x}", words.empty() ? "" : " ", core.memory.word(at));
        }
    }
    const std::string text = words.empty() ? std::string() : disassemble(core.memory, pc);
    trace_ << fmt::format(
        "{} {:04x} {:<14} {:<24} {}\n", core.cycle, pc, words, text, symbols_.at(pc));
}

void Watcher::interrupt(const Core& core, unsigned vector) {
    if (trace_.is_open()) {
        trace_ << fmt::format("{} irq {}\n", core.cycle, vector);
    }
}

void Watcher::violated(const Core& core, const Violation& violation) {
    ++violations_;
    const std::string text = describe(symbols_, core.enclaves, violation);
    if (trace_.is_open()) {
        trace_ << fmt::format("{} violation {}\n", violation.cycle, text);
    }
    if (violations_ <= reported_max) {
        reporter_.say(
            "violation",
            fmt::format(
                "violation in cycle {}: {}{}", violation.cycle, text, and_no_more(violations_)),
            {{"cycle", violation.cycle},
             {"pc", violation.pc},
             {"address", violation.address},
             {"by", violation.by},
             {"of", violation.of},
             {"text", text}});
    }
}

void Watcher::was_reset(const Core& core) {
    ++resets_;
    if (trace_.is_open()) {
        trace_ << fmt::format("{} reset\n", core.cycle);
    }
    if (resets_ <= reported_max) {
        reporter_.say("reset",
                      fmt::format("reset in cycle {}{}", core.cycle, and_no_more(resets_)),
                      {{"cycle", core.cycle}});
    }
}

} // namespace authex::sancus_emulator
