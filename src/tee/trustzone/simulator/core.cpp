#include "tee/trustzone/simulator/core.hpp"

#include <algorithm>

namespace authex::tee::trustzone {

bool Core::is_shared(std::uint64_t address, std::uint64_t bytes) const {
    return std::any_of(shared.begin(), shared.end(), [&](ByteView part) {
        const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
        return address >= begin && address - begin <= part.size() &&
               bytes <= part.size() - (address - begin);
    });
}

std::optional<ByteView> Core::readable(std::uint64_t address, std::uint64_t bytes) const {
    return memory.allows(address, bytes, Access::read) || is_shared(address, bytes)
               ? std::optional(ByteView(TaMemory::at(address, bytes)))
               : std::nullopt;
}

std::optional<Bytes> Core::writable(std::uint64_t address, std::uint64_t bytes) const {
    return memory.allows(address, bytes, Access::write) || is_shared(address, bytes)
               ? std::optional(TaMemory::at(address, bytes))
               : std::nullopt;
}

} // namespace authex::tee::trustzone
