#include "sancus_emulator/symbols.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace authex::sancus_emulator {
namespace {

constexpr std::string_view enclave_prefix = "__sm_";
constexpr std::string_view text_start_suffix = "_public_start";

/// Names that mark a place for the linker or the tools and hide the function that stands there.
bool is_marker(const std::string& name) {
    return name.starts_with("__sm_") || name.starts_with(".L") || name.starts_with("L0\001") ||
           name.starts_with("$");
}

} // namespace

bool is_enclave_bound(std::string_view name) {
    constexpr std::array<std::string_view, 4> suffixes = {
        text_start_suffix, "_public_end", "_secret_start", "_secret_end"};
    return name.starts_with(enclave_prefix) &&
           std::any_of(suffixes.begin(), suffixes.end(), [name](std::string_view suffix) {
               return name.ends_with(suffix);
           });
}

Symbols::Symbols(std::vector<Symbol> symbols) : symbols_(std::move(symbols)) {
    for (const Symbol& symbol : symbols_) {
        const std::string_view name = symbol.name;
        if (name.starts_with(enclave_prefix) && name.ends_with(text_start_suffix) &&
            name.size() > enclave_prefix.size() + text_start_suffix.size()) {
            enclaves_.emplace(
                symbol.address,
                name.substr(enclave_prefix.size(),
                            name.size() - enclave_prefix.size() - text_start_suffix.size()));
        }
    }
    // Of several at one address the one that says most comes last: no marker, a size, the shortest.
    std::sort(symbols_.begin(), symbols_.end(), [](const Symbol& a, const Symbol& b) {
        const auto rank = [](const Symbol& symbol) {
            return std::tuple(symbol.address,
                              !is_marker(symbol.name),
                              symbol.size != 0,
                              -static_cast<long>(symbol.name.size()));
        };
        return std::tuple(rank(a), a.name) < std::tuple(rank(b), b.name);
    });
}

std::string Symbols::at(std::uint16_t address) const {
    auto after = std::upper_bound(
        symbols_.begin(), symbols_.end(), address, [](std::uint16_t value, const Symbol& symbol) {
            return value < symbol.address;
        });
    // A symbol with a size ends there; then one before it may still reach.
    constexpr int looked_at_max = 16;
    for (int looked_at = 0; after != symbols_.begin() && looked_at < looked_at_max; ++looked_at) {
        const Symbol& symbol = *--after;
        const unsigned offset = static_cast<unsigned>(address) - symbol.address;
        if (symbol.size != 0 && offset >= symbol.size) {
            continue;
        }
        return offset == 0 ? symbol.name : fmt::format("{}+0x{:x}", symbol.name, offset);
    }
    return {};
}

std::optional<std::uint16_t> Symbols::address_of(const std::string& name) const {
    const auto found = std::find_if(symbols_.begin(), symbols_.end(), [&](const Symbol& symbol) {
        return symbol.name == name;
    });
    return found == symbols_.end() ? std::nullopt : std::optional(found->address);
}

std::string Symbols::enclave_at(std::uint16_t text_start) const {
    const auto found = enclaves_.find(text_start);
    return found == enclaves_.end() ? std::string() : found->second;
}

std::string place(const Symbols& symbols, std::uint16_t address) {
    const std::string name = symbols.at(address);
    return name.empty() ? fmt::format("0x{:04x}", address)
                        : fmt::format("0x{:04x} ({})", address, name);
}

std::string module_name(const Symbols& symbols, const EnclaveTable& enclaves, std::uint16_t id) {
    if (id == 0) {
        return "unprotected code";
    }
    for (const Enclave& enclave : enclaves.all()) {
        if (enclave.enabled && enclave.id == id) {
            const std::string name = symbols.enclave_at(enclave.layout.text_start);
            return name.empty() ? fmt::format("module {}", id)
                                : fmt::format("module {} `{}`", id, name);
        }
    }
    return fmt::format("module {}", id);
}

std::string
describe(const Symbols& symbols, const EnclaveTable& enclaves, const Violation& violation) {
    const std::string by = module_name(symbols, enclaves, violation.by);
    const std::string who = fmt::format("{} at {}", by, place(symbols, violation.pc));
    const std::string where = place(symbols, violation.address);
    const std::string owner = module_name(symbols, enclaves, violation.of);
    switch (violation.kind) {
    case Violation::Kind::read:
        return fmt::format("{} read {}, protected by {}", who, where, owner);
    case Violation::Kind::write:
        return violation.of == violation.by && violation.of != 0
                   ? fmt::format("{} wrote {}, its own text", who, where)
                   : fmt::format("{} wrote {}, protected by {}", who, where, owner);
    case Violation::Kind::execute:
        return fmt::format("{} entered {} at {}, which is not its entry point", by, owner, where);
    case Violation::Kind::create:
        return fmt::format("{} asked for a module whose text overlaps {}", who, owner);
    case Violation::Kind::atomicity:
        return violation.pc == violation.address
                   ? fmt::format("{} was entered where interrupts were still held back", who)
                   : fmt::format("{} began a section of {} cycles, too long or within another",
                                 who,
                                 violation.address);
    case Violation::Kind::stack:
        return fmt::format("{} moved its stack pointer to {}, below the stack guard", who, where);
    }
    return who;
}

} // namespace authex::sancus_emulator
