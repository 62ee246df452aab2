#include "tee/sancus/scheduler/scheduled_node.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "sancus_emulator/reference_board.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace authex::test {

namespace fs = std::filesystem;
using sancus_emulator::Machine;
using sancus_emulator::never;

namespace {

void must(std::vector<std::string> words) {
    words.insert(words.begin(), "/usr/bin/env");
    const auto result = run({words, {}, {}});
    if (result.status != 0) {
        throw std::runtime_error(words[1] + " failed: " + result.err + result.out);
    }
}

sancus_emulator::Firmware linked(const Adversary& adversary) {
    const TemporaryFolder folder;
    const fs::path base = folder.path();
    const fs::path tests = fs::path(AUTHEX_SOURCE_DIR) / "tests/tee/sancus/scheduler";
    const fs::path sources = fs::path(AUTHEX_SOURCE_DIR) / "src/tee/sancus/scheduler";
    const std::string after = adversary.fallback.empty()
                                  ? "br #attack"
                                  : adversary.fallback + "\n jmp authex_scheduler_fallback";
    std::ofstream(base / "adversary.S")
        << "    .text\n    .global attack, prepare, authex_scheduler_fallback\nprepare:\n"
        << adversary.prepare << "\n    br #prepared\nattack:\n"
        << adversary.attack << "\n    br #attack\nauthex_scheduler_fallback:\n    mov #0x2000, r1\n"
        << after << "\n"
        << adversary.enclaves << "\n";
    std::vector<std::string> link = {"ld.lld-14",
                                     "-T",
                                     tests / "node.ld",
                                     "-T",
                                     sources / "scheduler.ld",
                                     "-o",
                                     base / "node.elf"};
    for (const fs::path& source :
         {sources / "scheduler.S", tests / "node.S", base / "adversary.S"}) {
        const std::string object = base / (source.stem().string() + ".o");
        must({"clang-14", "--target=msp430-none-elf", "-c", source, "-o", object});
        link.push_back(object);
    }
    must(link);
    std::ifstream file(base / "node.elf", std::ios::binary);
    std::stringstream content;
    content << file.rdbuf();
    const std::string bytes = content.str();
    const auto firmware = sancus_emulator::read_firmware(
        {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "node.elf");
    if (!firmware) {
        throw std::runtime_error(to_text(firmware.error()));
    }
    return *firmware;
}

} // namespace

void Bell::write(std::uint16_t address,
                 std::uint16_t value,
                 std::uint16_t mask,
                 std::uint64_t cycle) {
    advance(cycle);
    if (address == 0x00B0) {
        answered_ = rung_ ? std::optional(cycle) : answered_;
        rung_ = false;
        rings_ = never;
    } else {
        storm_ = value & mask;
    }
}

void Bell::reset(std::uint64_t cycle) {
    (void)cycle;
    *this = {};
}

void Bell::advance(std::uint64_t cycle) {
    rung_ = rung_ || cycle >= rings_;
}

std::uint16_t Bell::requests() const {
    constexpr std::uint16_t bell = 1U << sancus_emulator::vector::port1;
    constexpr std::uint16_t storm = 1U << sancus_emulator::vector::uart_receive;
    return static_cast<std::uint16_t>((rung_ ? bell : 0U) | (storm_ == 1 ? storm : 0U));
}

void Bell::save(Writer& writer) const {
    writer.u64(rings_).u8(rung_ ? 1 : 0).u16(storm_);
}

void Bell::load(Reader& reader) {
    rings_ = reader.u64();
    rung_ = reader.u8() != 0;
    storm_ = reader.u16();
}

ScheduledNode::ScheduledNode(const Adversary& adversary, std::uint16_t limit) {
    auto configuration = sancus_emulator::reference_configuration();
    configuration.variant = sancus_emulator::Variant::aion;
    configuration.atomic_limit = limit;
    configuration.slots = 8;
    auto devices = sancus_emulator::reference_devices();
    auto bell = std::make_unique<Bell>();
    bell_ = bell.get();
    devices.push_back({"bell", std::move(bell)});
    machine_ = std::make_unique<Machine>(configuration, std::move(devices));
    const auto firmware = linked(adversary);
    symbols_ = firmware.symbols;
    if (const auto loaded = load_firmware(*machine_, firmware); !loaded) {
        throw std::runtime_error(to_text(loaded.error()));
    }
    machine_->set_breakpoint(at("attack"));
    if (machine_->run(2'000'000) != sancus_emulator::Stop::breakpoint) {
        throw std::runtime_error("the node does not start");
    }
    machine_->clear_breakpoints();
}

std::uint16_t ScheduledNode::at(const std::string& symbol) const {
    const auto address = symbols_.address_of(symbol);
    if (!address) {
        throw std::runtime_error("no symbol " + symbol);
    }
    return *address;
}

std::uint16_t ScheduledNode::word(std::uint16_t address) const {
    return machine_->core().memory.word(address);
}

std::optional<std::uint64_t> ScheduledNode::latency(std::uint64_t from_now, std::uint64_t longest) {
    auto& core = machine_->core();
    const std::uint64_t rings = core.cycle + from_now;
    bell_->ring(rings);
    const std::uint16_t entry = at("driver_begin");
    machine_->set_breakpoint(entry);
    std::optional<std::uint64_t> result;
    while (!result && core.cycle < rings + longest) {
        const auto stop = machine_->run(rings + longest);
        if (stop != sancus_emulator::Stop::breakpoint) {
            break;
        }
        if (core.cycle >= rings && core.r[6] == 2) {
            result = core.cycle - rings;
        }
    }
    machine_->clear_breakpoints();
    if (const auto answered = bell_->answered()) {
        result = std::min(result.value_or(never), *answered - rings);
    }
    return result;
}

} // namespace authex::test
