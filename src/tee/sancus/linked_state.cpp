#include "tee/sancus/linked_state.hpp"

#include <algorithm>

#include "tee/compile/image_reader.hpp"

namespace authex::tee::sancus {

Expected<StateLayout> state_of(const LinkedElf& elf, const SancusImage& image) {
    Expected<StateLayout> layout = stated_version(image);
    if (!layout) {
        return layout;
    }
    const auto begin = elf.symbols.find("__start_authex_state");
    const auto end = elf.symbols.find("__stop_authex_state");
    for (const LinkedObject& each : elf.objects) {
        if (begin != elf.symbols.end() && end != elf.symbols.end() &&
            each.address >= begin->second && each.address < end->second && each.bytes != 0) {
            layout->variables.push_back({.name = compile::source_name(each.symbol),
                                         .offset = each.address - begin->second,
                                         .bytes = each.bytes});
        }
    }
    std::sort(layout->variables.begin(), layout->variables.end(), [](const auto& a, const auto& b) {
        return a.offset < b.offset;
    });
    layout->readable = true;
    return layout;
}

} // namespace authex::tee::sancus
