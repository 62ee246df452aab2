#pragma once
// A trusted application in this process's memory, as OP-TEE's loader puts it there.

#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "tee/trustzone/image/ta_elf.hpp"

namespace authex::tee::trustzone {

enum class Access : std::uint8_t { read, write };

class TaMemory {
  public:
    /// Maps headers, segments and stack, each with its own rights and nothing around them; what was
    /// mapped before is gone. @return why not; null: it stands
    [[nodiscard]] const char* place(ByteView elf, const TaPlan& plan);

    [[nodiscard]] std::uint64_t entry() const { return base_ + entry_; }
    [[nodiscard]] std::uint64_t stack_top() const { return stack_end_; }
    /// Whether the TA itself may access all of this. An empty range is anybody's.
    [[nodiscard]] bool allows(std::uint64_t address, std::uint64_t bytes, Access access) const;
    /// What system calls read and write there. Empty, false: the TA may not.
    [[nodiscard]] std::optional<ByteView> readable(std::uint64_t address,
                                                   std::uint64_t bytes) const {
        return allows(address, bytes, Access::read) ? std::optional(ByteView(at(address, bytes)))
                                                    : std::nullopt;
    }
    [[nodiscard]] std::optional<Bytes> writable(std::uint64_t address, std::uint64_t bytes) const {
        return allows(address, bytes, Access::write) ? std::optional(at(address, bytes))
                                                     : std::nullopt;
    }
    [[nodiscard]] bool put_all(std::uint64_t address, ByteView content) const {
        const std::optional<Bytes> place = writable(address, content.size());
        if (place) {
            copy(content, *place);
        }
        return place.has_value();
    }
    template <typename T>
    [[nodiscard]] bool put(std::uint64_t address, const T& value) const {
        return put_all(address, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
    }
    template <typename T>
    [[nodiscard]] bool take(std::uint64_t address, T& value) const {
        const std::optional<ByteView> place = readable(address, sizeof value);
        if (place) {
            std::memcpy(&value, place->data(), sizeof value);
        }
        return place.has_value();
    }
    /// Zeros for the TA to write, in whole pages. @return address; 0: no room for them
    [[nodiscard]] std::uint64_t map_zeros(std::uint64_t bytes);
    /// @return false: no such pages were given
    [[nodiscard]] bool unmap_zeros(std::uint64_t address, std::uint64_t bytes);
    /// What cannot be written, as it stands in memory.
    [[nodiscard]] MemoryHash hash() const;

    /// As an address that was looked at says.
    static Bytes at(std::uint64_t address, std::uint64_t bytes) {
        // NOLINTNEXTLINE(performance-no-int-to-ptr): system calls say addresses as numbers
        return {reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(address)),
                static_cast<std::size_t>(bytes)};
    }

  private:
    struct Area {
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
        bool writable = false;
    };
    void remember(const Area& area) { areas_[area_count_++] = area; }

    std::array<Area, ta_segments_max + 2> areas_{};
    std::size_t area_count_ = 0;
    std::array<Area, 4> zeros_{}; ///< each at the begin of its part of what is there for them
    Bytes reserved_;              ///< all of it, guards too
    std::uint64_t base_ = 0;
    std::uint64_t entry_ = 0;
    std::uint64_t stack_end_ = 0;
    /// Before its system calls were made traps.
    MemoryHash hash_{};
};

} // namespace authex::tee::trustzone
