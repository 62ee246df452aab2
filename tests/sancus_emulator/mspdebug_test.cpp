// Random programs, instruction by instruction beside the simulator of mspdebug.
#include <fstream>
#include <random>
#include <regex>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sancus_emulator/guest.hpp"
#include "support/process.hpp"

namespace authex::sancus_emulator::test {
namespace {

constexpr std::uint16_t origin = 0x4000;

/// Instructions that keep to what both have in common: R4 and R5 point into data memory, the stack
/// pointer is moved by pushes alone, an auto-increment is of a register that is not the
/// destination. Without DADD, which TI leaves undefined for digits above 9.
class Generator {
  public:
    explicit Generator(unsigned seed) : random_(seed) {
        emit({0x4031, 0x2800});
        for (unsigned n = 6; n < 16; ++n) {
            emit({0x4030U | n, any()});
        }
        for (unsigned i = 0; i < 240; ++i) {
            if (i % 6 == 0) {
                emit({0x4034, 0x0300 + below(0x100)}); // mov #…, r4
                emit({0x4035, 0x0500 + below(0x100)});
            }
            instruction();
        }
        words_.insert(words_.end(), count_, 0x4303); // nop, for what jumps leave out
    }

    [[nodiscard]] const std::vector<std::uint16_t>& words() const { return words_; }
    [[nodiscard]] unsigned instructions() const { return count_; }

  private:
    unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
    unsigned any() { return below(0x10000); }
    unsigned free_register() { return 6 + below(10); }
    void emit(const std::vector<unsigned>& words) {
        for (const unsigned word : words) {
            words_.push_back(static_cast<std::uint16_t>(word));
        }
        ++count_;
    }

    /// Source register and mode as bits 11–8 and 5–4, and the extension word.
    unsigned source(std::vector<unsigned>& extension, bool byte) {
        const unsigned pointer = 4 + below(2);
        last_pointer_ = pointer;
        switch (below(7)) {
        case 0:
            return free_register() << 8U;
        case 1:
            return 3U << 8U | below(4) << 4U; // 0, 1, 2, −1
        case 2:
            return 2U << 8U | (2 + below(2)) << 4U; // 4, 8
        case 3:
            extension.push_back(any());
            return 0x0030;
        case 4:
            extension.push_back(2 * below(16) + (byte ? below(2) : 0));
            return pointer << 8U | 0x10;
        case 5:
            extension.push_back(0x0700 + 2 * below(64));
            return 0x0210; // absolute
        default:
            return pointer << 8U | (2 + below(2)) << 4U;
        }
    }
    void two_operands() {
        constexpr std::array<unsigned, 11> operations = {4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15};
        const unsigned operation = operations[below(operations.size())];
        const bool byte = below(2) != 0;
        std::vector<unsigned> words = {0};
        std::vector<unsigned> extension;
        unsigned opcode = operation << 12U | (byte ? 0x40U : 0U) | source(extension, byte);
        words.insert(words.end(), extension.begin(), extension.end());
        switch (below(3)) {
        case 0:
            opcode |= free_register();
            break;
        case 1:
            opcode |= 0x80U | (9 - last_pointer_);
            words.push_back(2 * below(16));
            break;
        default:
            opcode |= 0x82U;
            words.push_back(0x0700 + 2 * below(64));
            break;
        }
        words[0] = opcode;
        // An odd word address is read differently: align the pointers before.
        emit({0xC314}); // bic #1, r4
        emit({0xC315});
        emit(words);
    }
    void one_operand() {
        const unsigned operation = below(4);
        const bool byte = operation % 2 == 0 && below(2) != 0;
        const unsigned opcode = 0x1000U | operation << 7U | (byte ? 0x40U : 0U);
        emit({0xC314});
        if (below(2) == 0) {
            emit({opcode | free_register()});
        } else {
            emit({opcode | 0x24U}); // @r4
        }
    }
    void instruction() {
        switch (below(8)) {
        case 0:
            one_operand();
            break;
        case 1:
            emit({0x1200U | free_register()});
            break; // push
        case 2:
            emit({0x2000U | below(8) << 10U | 1U}); // over the next one
            emit({0x4300U | free_register()});      // clr
            break;
        default:
            two_operands();
            break;
        }
    }

    std::mt19937 random_;
    std::vector<std::uint16_t> words_;
    unsigned count_ = 0;
    unsigned last_pointer_ = 4; ///< what the source went through, if it did
};

std::string intel_hex(const std::vector<std::uint16_t>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); i += 8) {
        const std::size_t count = std::min<std::size_t>(8, words.size() - i);
        const std::size_t address = origin + 2 * i;
        std::string line = fmt::format("{:02X}{:04X}00", 2 * count, address);
        std::size_t sum = 2 * count + (address >> 8U) + (address & 0xFFU);
        for (std::size_t k = 0; k < count; ++k) {
            const unsigned word = words[i + k];
            line += fmt::format("{:02X}{:02X}", word & 0xFFU, word >> 8U);
            sum += (word & 0xFFU) + (word >> 8U);
        }
        text += ":" + line + fmt::format("{:02X}\n", (0x100 - (sum & 0xFFU)) & 0xFFU);
    }
    return text + ":00000001FF\n";
}

using Registers = std::array<std::uint16_t, 16>;

/// The registers before each step, as mspdebug prints them.
std::vector<Registers> mspdebug(const std::vector<std::uint16_t>& words, unsigned steps) {
    const authex::test::TemporaryFolder folder;
    const std::string image = folder.path() / "program.hex";
    std::ofstream(image) << intel_hex(words);
    authex::test::Command command{{"/usr/bin/env",
                                   "mspdebug",
                                   "-q",
                                   "sim",
                                   "prog " + image,
                                   fmt::format("set pc {:#x}", origin)},
                                  folder.path(),
                                  {}};
    for (unsigned i = 0; i < steps; ++i) {
        command.words.emplace_back("step");
    }
    const auto result = authex::test::run(command);
    std::vector<Registers> states;
    const std::regex field(R"(\(\s*(PC|SP|SR|R\d+):\s*([0-9a-f]+)\))");
    for (auto i = std::sregex_iterator(result.out.begin(), result.out.end(), field);
         i != std::sregex_iterator();
         ++i) {
        const std::string name = (*i)[1];
        if (name == "PC") {
            states.emplace_back();
        }
        const std::size_t number = name == "PC"   ? 0
                                   : name == "SP" ? 1
                                   : name == "SR" ? 2
                                                  : std::stoul(name.substr(1));
        if (states.empty() || number > 15) {
            throw std::runtime_error("mspdebug says: " + result.out.substr(0, 400));
        }
        states.back()[number] = static_cast<std::uint16_t>(std::stoul((*i)[2], nullptr, 16));
    }
    return states;
}

class Mspdebug : public ::testing::TestWithParam<unsigned> {};

TEST_P(Mspdebug, ExecutesTheSame) {
    if (authex::test::run({{"/usr/bin/env", "sh", "-c", "command -v mspdebug"}, {}, {}}).status !=
        0) {
        GTEST_SKIP() << "mspdebug is not installed";
    }
    const Generator generator(GetParam());
    const unsigned steps = generator.instructions();
    const std::vector<Registers> theirs = mspdebug(generator.words(), steps);
    ASSERT_EQ(theirs.size(), steps + 1);

    Machine machine(reference_configuration(), {});
    std::vector<std::uint8_t> bytes;
    for (const std::uint16_t word : generator.words()) {
        bytes.push_back(static_cast<std::uint8_t>(word));
        bytes.push_back(static_cast<std::uint8_t>(word >> 8U));
    }
    machine.load(0x0200, std::vector<std::uint8_t>(0x2800, 0xFF)); // as theirs is at first
    machine.load(origin, bytes);
    machine.core().r[reg::pc] = origin;
    for (unsigned i = 0; i < theirs.size(); ++i) {
        const Core& core = machine.core();
        ASSERT_EQ(core.r[0], theirs[i][0]) << "step " << i;
        for (unsigned n = 1; n < 16; ++n) {
            if (n != reg::cg) {
                ASSERT_EQ(core.r[n], theirs[i][n])
                    << fmt::format("r{} after step {}, at {:04x}", n, i, core.r[0]);
            }
        }
        machine.step();
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Mspdebug, ::testing::Range(1U, 21U));

} // namespace
} // namespace authex::sancus_emulator::test
