#include "sancus_emulator/golden.hpp"

#include <charconv>
#include <optional>
#include <sstream>

#include <fmt/format.h>
#include <openssl/sha.h>

#include "sancus_emulator/reference_board.hpp"

namespace authex::sancus_emulator {
namespace {

struct Line {
    unsigned number = 0;
    std::vector<std::string> words;
};

struct Text {
    std::string file;
    std::string name;
    Variant variant = Variant::base;
    std::vector<Line> images;
    std::vector<Line> steps; ///< instructions, interrupts and the end
    std::vector<Line> after; ///< memory
};

tl::unexpected<Diagnostic>
at(const Text& text, const Line& line, std::string code, std::string summary) {
    Diagnostic diagnostic = make_error(std::move(code), std::move(summary));
    diagnostic.where = {text.file, line.number, 1, 0};
    return tl::unexpected(std::move(diagnostic));
}

template <typename T>
std::optional<T> number(std::string_view digits, int base) {
    T value{};
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc{} || end != digits.data() + digits.size() || digits.empty()) {
        return std::nullopt;
    }
    return value;
}

std::optional<std::vector<std::uint8_t>> bytes(std::string_view digits) {
    if (digits.size() % 2 != 0) {
        return std::nullopt;
    }
    std::vector<std::uint8_t> result;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        const auto byte = number<std::uint8_t>(digits.substr(i, 2), 16);
        if (!byte) {
            return std::nullopt;
        }
        result.push_back(*byte);
    }
    return result;
}

Expected<Text> parse(const std::string& content, const std::string& file) {
    Text text;
    text.file = file;
    std::istringstream stream(content);
    std::string raw;
    for (unsigned count = 1; std::getline(stream, raw); ++count) {
        std::istringstream fields(raw);
        Line line{count, {}};
        for (std::string word; fields >> word;) {
            line.words.push_back(word);
        }
        if (line.words.empty()) {
            continue;
        }
        const std::string& kind = line.words[0];
        if (kind == "name" && line.words.size() > 1) {
            text.name = line.words[1];
        } else if (kind == "config" && line.words.size() > 1) {
            text.variant = line.words[1] == "legacy" ? Variant::legacy
                           : line.words[1] == "aion" ? Variant::aion
                                                     : Variant::base;
        } else if (kind == "image") {
            text.images.push_back(std::move(line));
        } else if (kind == "mem" || kind == "memsha256") {
            text.after.push_back(std::move(line));
        } else if (kind != "about") {
            text.steps.push_back(std::move(line));
        }
    }
    if (text.images.empty() || text.steps.empty()) {
        return failure("golden-malformed", file + " holds no program and run");
    }
    return text;
}

Configuration configuration_of(const Text& text) {
    Configuration configuration = reference_configuration();
    configuration.rules = Rules::rtl;
    configuration.variant = text.variant;
    configuration.cpu_off_ends = true;
    return configuration;
}

/// Goes along the recorded run and stops the machine where it departs.
class Comparison : public Observer {
  public:
    explicit Comparison(const Text& text) : text_(text) { registers_.fill(0); }

    void instruction(const Core& core) override {
        const Line* line = next("instruction", core);
        if (line == nullptr) {
            return;
        }
        if (line->words[0] == "irq" || line->words[0] == "end") {
            differ(
                *line,
                fmt::format("an instruction at {:04x} in cycle {}", core.r[reg::pc], core.cycle));
            return;
        }
        if (!compare_cycle(*line, line->words[0], core)) {
            return;
        }
        const auto pc =
            line->words.size() > 1 ? number<std::uint16_t>(line->words[1], 16) : std::nullopt;
        if (!pc) {
            differ(*line, "this is no line of a run");
            return;
        }
        if (*pc != core.r[reg::pc]) {
            differ(*line,
                   fmt::format(
                       "the program counter is {:04x}, recorded is {:04x}", core.r[reg::pc], *pc));
            return;
        }
        compare_registers(*line, core);
        ++instructions_;
    }
    void interrupt(const Core& core, unsigned vector) override {
        const Line* line = next("interrupt", core);
        if (line == nullptr) {
            return;
        }
        if (line->words[0] != "irq" || line->words.size() < 3) {
            differ(*line,
                   fmt::format("interrupt {} in cycle {}, recorded is none", vector, core.cycle));
        } else if (compare_cycle(*line, line->words[1], core) &&
                   number<unsigned>(line->words[2], 10) != vector) {
            differ(*line, fmt::format("interrupt {}, recorded is {}", vector, line->words[2]));
        }
    }
    [[nodiscard]] bool wants_instructions() const override { return true; }
    [[nodiscard]] bool wants_stop() const override { return difference_.has_value(); }

    [[nodiscard]] std::size_t instructions() const { return instructions_; }
    [[nodiscard]] const std::optional<Diagnostic>& difference() const { return difference_; }
    /// What is left of the run once the machine stands: the state after the last instruction.
    void end(Stop stop, const Core& core) {
        instruction(core);
        if (difference_) {
            return;
        }
        const Line* line = next("end", core);
        if (line != nullptr && (line->words[0] != "end" || stop != Stop::off)) {
            differ(*line,
                   fmt::format(
                       "the machine stands in cycle {} at {:04x}", core.cycle, core.r[reg::pc]));
        }
    }

  private:
    const Line* next(const char* what, const Core& core) {
        if (difference_) {
            return nullptr;
        }
        if (position_ == text_.steps.size()) {
            differ(text_.steps.back(),
                   fmt::format("one more {} in cycle {} than is recorded", what, core.cycle));
            return nullptr;
        }
        return &text_.steps[position_++];
    }
    void differ(const Line& line, std::string summary) {
        difference_ = at(text_, line, "golden-differs", std::move(summary)).value();
    }
    bool compare_cycle(const Line& line, const std::string& word, const Core& core) {
        const auto cycle = number<std::uint64_t>(word, 10);
        if (!cycle || *cycle != core.cycle) {
            differ(line, fmt::format("this is cycle {} at {:04x}", core.cycle, core.r[reg::pc]));
            return false;
        }
        return true;
    }
    void compare_registers(const Line& line, const Core& core) {
        for (std::size_t i = 2; i < line.words.size(); ++i) {
            const std::string& word = line.words[i];
            const std::size_t equals = word.find('=');
            const auto which = number<std::size_t>(
                std::string_view(word).substr(1, equals == std::string::npos ? 0 : equals - 1), 10);
            const auto value = equals == std::string::npos
                                   ? std::nullopt
                                   : number<std::uint16_t>(word.substr(equals + 1), 16);
            if (!which || *which >= registers_.size() || !value) {
                differ(line, "this is no register: " + word);
                return;
            }
            registers_[*which] = *value;
        }
        for (std::size_t n = 1; n < registers_.size(); ++n) {
            if (registers_[n] != core.r[n]) {
                differ(
                    line,
                    fmt::format("r{} is {:04x}, recorded is {:04x}", n, core.r[n], registers_[n]));
                return;
            }
        }
    }

    const Text& text_;
    std::array<std::uint16_t, 16> registers_{};
    std::size_t position_ = 0;
    std::size_t instructions_ = 0;
    std::optional<Diagnostic> difference_;
};

Expected<bool> load_images(Machine& machine, const Text& text) {
    for (const Line& line : text.images) {
        const auto start =
            line.words.size() == 3 ? number<std::uint16_t>(line.words[1], 16) : std::nullopt;
        const auto content = start ? bytes(line.words[2]) : std::nullopt;
        if (!content || *start + content->size() > address_space) {
            return at(text, line, "golden-malformed", "this is no image of memory");
        }
        machine.load(*start, *content);
    }
    machine.reset();
    return true;
}

Expected<bool> compare_memory(const Machine& machine, const Text& text) {
    const Memory& memory = machine.core().memory;
    for (const Line& line : text.after) {
        if (line.words[0] == "memsha256") {
            std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
            SHA256(memory.bytes.data() + 0x0200, 0x2800, digest.data());
            std::string hex;
            for (const std::uint8_t byte : digest) {
                hex += fmt::format("{:02x}", byte);
            }
            if (line.words.size() != 3 || line.words[2] != hex) {
                return at(text, line, "golden-differs", "memory at the end has SHA-256 " + hex);
            }
            continue;
        }
        const auto start =
            line.words.size() == 3 ? number<std::uint16_t>(line.words[1], 16) : std::nullopt;
        const auto content = start ? bytes(line.words[2]) : std::nullopt;
        if (!content || *start + content->size() > address_space) {
            return at(text, line, "golden-malformed", "this is no part of memory");
        }
        for (std::size_t i = 0; i < content->size(); ++i) {
            if (memory.bytes[*start + i] != (*content)[i]) {
                return at(text,
                          line,
                          "golden-differs",
                          fmt::format("at {:04x} memory holds {:02x}, recorded is {:02x}",
                                      *start + i,
                                      memory.bytes[*start + i],
                                      (*content)[i]));
            }
        }
    }
    return true;
}

} // namespace

Expected<std::size_t> check_golden(const std::string& content, const std::string& file) {
    const auto text = parse(content, file);
    if (!text) {
        return tl::unexpected(text.error());
    }
    Machine machine(configuration_of(*text), reference_devices());
    if (const auto loaded = load_images(machine, *text); !loaded) {
        return tl::unexpected(loaded.error());
    }
    Comparison comparison(*text);
    machine.observe(&comparison);
    constexpr std::uint64_t longest = 1'000'000'000; // cycles
    comparison.end(machine.run(longest), machine.core());
    if (comparison.difference()) {
        return tl::unexpected(*comparison.difference());
    }
    if (const auto equal = compare_memory(machine, *text); !equal) {
        return tl::unexpected(equal.error());
    }
    return comparison.instructions();
}

} // namespace authex::sancus_emulator
