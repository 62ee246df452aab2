#include "sancus_emulator/guest.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace authex::sancus_emulator::test {
namespace {

std::string must(std::vector<std::string> words) {
    words.insert(words.begin(), "/usr/bin/env");
    const auto result = authex::test::run({words, {}, {}});
    if (result.status != 0) {
        throw std::runtime_error(words[1] + " failed: " + result.err + result.out);
    }
    return result.out;
}

std::string content_of(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    std::stringstream content;
    content << stream.rdbuf();
    return content.str();
}

} // namespace

const char* const prologue = "mov #0x5a80, &0x0120\n mov #0x2800, r1\n";
const char* const end = "\n bis #0x10, r2\n .short 0x3fff\n"; // jmp to itself

Program::Program(const std::string& text, std::uint16_t origin)
    : origin_(origin), folder_(std::make_shared<authex::test::TemporaryFolder>()) {
    const std::string base = folder_->path() / "program";
    std::ofstream(base + ".s") << text << "\n";
    must({"llvm-mc-14", "-triple=msp430", "-filetype=obj", base + ".s", "-o", base + ".o"});
    must({"ld.lld-14",
          "--oformat=binary",
          fmt::format("-Ttext={:#x}", origin),
          fmt::format("-e{:#x}", origin),
          base + ".o",
          "-o",
          base + ".bin"});
    const std::string bytes = content_of(base + ".bin");
    bytes_.assign(bytes.begin(), bytes.end());
    std::istringstream names(must({"llvm-nm-14", "--defined-only", base + ".o"}));
    std::string value;
    std::string kind;
    std::string name;
    while (names >> value >> kind >> name) {
        labels_[name] = static_cast<std::uint16_t>(origin_ + std::stoul(value, nullptr, 16));
    }
}

std::string Program::elf() const {
    const std::string base = folder_->path() / "program";
    must({"ld.lld-14",
          fmt::format("-Ttext={:#x}", origin_),
          fmt::format("-e{:#x}", origin_),
          base + ".o",
          "-o",
          base + ".elf"});
    return content_of(base + ".elf");
}

std::uint16_t Program::label(const std::string& wanted) const {
    const auto found = labels_.find(wanted);
    if (found == labels_.end()) {
        throw std::runtime_error("no label " + wanted);
    }
    return found->second;
}

Guest::Guest(const Program& program, const Configuration& configuration)
    : machine(configuration, reference_devices()) {
    machine.load(program.origin(), program.bytes());
    const std::array<std::uint8_t, 2> start = {static_cast<std::uint8_t>(program.origin()),
                                               static_cast<std::uint8_t>(program.origin() >> 8U)};
    machine.load(vector::address(vector::reset), start);
    machine.reset();
    machine.observe(&witness);
}

void Guest::run_to_end(std::uint64_t cycles) {
    const Stop stop = machine.run(cycles);
    ASSERT_EQ(stop, Stop::off) << fmt::format(
        "at {:04x} in cycle {}", machine.core().r[reg::pc], machine.core().cycle);
}

std::string
protect(const std::string& name, unsigned data_start, unsigned data_end, unsigned vendor) {
    return fmt::format("clr r9\n clr r10\n mov #{}, r11\n mov #{}_start, r12\n mov #{}_end, r13\n"
                       " mov #{}, r14\n mov #{}, r15\n .short 0x1381\n",
                       vendor,
                       name,
                       name,
                       data_start,
                       data_end);
}

} // namespace authex::sancus_emulator::test
