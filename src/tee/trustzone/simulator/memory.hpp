#pragma once
// A trusted application in this process's memory, as OP-TEE's loader puts it there.

#include <array>
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
    /// What cannot be written, as it stands in memory.
    [[nodiscard]] MemoryHash hash() const;

  private:
    struct Area {
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
        bool writable = false;
    };
    void remember(const Area& area) { areas_[area_count_++] = area; }

    std::array<Area, ta_segments_max + 2> areas_{};
    std::size_t area_count_ = 0;
    Bytes reserved_; ///< all of it, guards too
    std::uint64_t base_ = 0;
    std::uint64_t entry_ = 0;
    std::uint64_t stack_end_ = 0;
    /// Before its system calls were made traps.
    MemoryHash hash_{};
};

} // namespace authex::tee::trustzone
