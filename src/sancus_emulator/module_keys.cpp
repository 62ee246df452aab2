#include "sancus_emulator/module_keys.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace authex::sancus_emulator {
namespace {

Expected<Layout> layout_of(const Symbols& symbols, const std::string& module) {
    Layout layout;
    for (const auto& [suffix, target] : {std::pair{"public_start", &layout.text_start},
                                         std::pair{"public_end", &layout.text_end},
                                         std::pair{"secret_start", &layout.data_start},
                                         std::pair{"secret_end", &layout.data_end}}) {
        const std::string symbol = fmt::format("__sm_{}_{}", module, suffix);
        const auto address = symbols.address_of(symbol);
        if (!address) {
            return failure("module-symbols",
                           fmt::format("module {} has no symbol {}", module, symbol),
                           "link it with the Sancus linker, and do not strip it");
        }
        *target = *address;
    }
    if (layout.text_start >= layout.text_end || layout.data_start > layout.data_end) {
        return failure("module-symbols",
                       fmt::format("module {} has sections that no node protects", module),
                       "its text is not empty, and nothing ends before it begins");
    }
    return layout;
}

bool has_text(const Firmware& firmware, const Layout& layout) {
    return std::any_of(
        firmware.segments.begin(), firmware.segments.end(), [&](const Segment& segment) {
            return segment.address <= layout.text_start &&
                   segment.address + segment.bytes.size() >= layout.text_end;
        });
}

} // namespace

Expected<std::vector<ModuleKeys>> module_keys(const Firmware& firmware,
                                              Security security,
                                              const Key& node_key,
                                              std::uint16_t vendor) {
    const auto memory = std::make_unique<Memory>();
    for (const Segment& segment : firmware.segments) {
        std::copy(
            segment.bytes.begin(), segment.bytes.end(), memory->bytes.begin() + segment.address);
    }
    const WordBus bus{[&memory](std::uint16_t address) { return memory->word(address); },
                      [](std::uint16_t, std::uint16_t) {}};
    const Key key_of_vendor = vendor_key(security, node_key, vendor);
    std::vector<ModuleKeys> modules;
    for (const auto& [address, name] : firmware.symbols.enclaves()) {
        const auto layout = layout_of(firmware.symbols, name);
        if (!layout) {
            return tl::unexpected(layout.error());
        }
        if (!has_text(firmware, *layout)) {
            return failure("module-text",
                           fmt::format("the file has not all of the text of module {}", name),
                           "give the linked program");
        }
        modules.push_back({name,
                           *layout,
                           text_mac(security, key_of_vendor, *layout, bus),
                           text_mac(security, Key{}, *layout, bus)});
    }
    if (modules.empty()) {
        return failure("no-modules",
                       "the program has no modules with symbols",
                       "give an ELF file with its symbols; Intel HEX has none");
    }
    return modules;
}

} // namespace authex::sancus_emulator
