#pragma once
// The table of protected modules ("enclaves") of a Sancus core, and the rules of access that
// follow from it.
// Source: sancus-core, core/rtl/verilog/omsp_spm.v and omsp_spm_control.v.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "sancus_emulator/memory.hpp"

namespace authex::sancus_emulator {

/// Ends are exclusive. Text holds code, data what only that code may touch.
struct Layout {
    std::uint16_t text_start = 0;
    std::uint16_t text_end = 0;
    std::uint16_t data_start = 0;
    std::uint16_t data_end = 0;

    [[nodiscard]] bool has_text(std::uint16_t address) const {
        return address >= text_start && address < text_end;
    }
    [[nodiscard]] bool has_data(std::uint16_t address) const {
        return address >= data_start && address < data_end;
    }
    friend bool operator==(const Layout&, const Layout&) = default;
};

struct Enclave {
    bool enabled = false;
    std::uint16_t id = 0;
    Layout layout;
    std::array<std::uint8_t, 16> key{}; ///< at level 64 the first 8
};

/// Who executes: 0 is unprotected code, s the enclave in slot s − 1.
using Domain = std::uint8_t;
constexpr Domain unprotected = 0;
/// Nobody yet: after a reset or the entry of an interrupt, until the next instruction.
constexpr Domain nobody = 0xFE;

class EnclaveTable {
  public:
    /// Ids from here on name interrupts: 0xFFF0 + vector.
    static constexpr std::uint16_t first_interrupt_id = 0xFFF0;
    static constexpr std::size_t slots_max = 16;
    /// The first enclave since the reset, which `aion` trusts with the interrupts.
    static constexpr std::uint16_t scheduler_id = 1;

    /// @pre 1 ≤ slots ≤ slots_max
    explicit EnclaveTable(std::size_t slots) : enclaves_(slots) {}
    void reset();

    [[nodiscard]] const std::vector<Enclave>& all() const { return enclaves_; }
    [[nodiscard]] Enclave& at(Domain domain) { return enclaves_[domain - 1U]; }
    [[nodiscard]] const Enclave& at(Domain domain) const { return enclaves_[domain - 1U]; }

    /// Whose text holds the address; the later slot where two overlap.
    [[nodiscard]] Domain text_of(std::uint16_t address) const;
    /// Whose data holds the address; the later slot where two overlap.
    [[nodiscard]] Domain data_of(std::uint16_t address) const;
    [[nodiscard]] Domain with_id(std::uint16_t id) const;
    /// An enclave whose text overlaps the layout's text.
    [[nodiscard]] Domain overlapped_by(const Layout& layout) const;
    /// An enclave any part of which overlaps any part of the layout.
    [[nodiscard]] Domain touched_by(const Layout& layout) const;

    [[nodiscard]] bool may_read(Domain who, std::uint16_t address) const;
    [[nodiscard]] bool may_write(Domain who, std::uint16_t address) const;
    /// The enclave whose rule forbids it. @pre it is forbidden
    [[nodiscard]] Domain forbidden_by(Domain who, std::uint16_t address, bool write) const;

    /// The first free slot.
    [[nodiscard]] std::optional<Domain> free_slot() const;
    void enable(Domain slot, const Layout& layout);
    /// Gives the number of the newest enclave back. @pre nothing was enabled since
    void cancel(Domain slot);
    void disable(Domain slot);
    [[nodiscard]] std::uint16_t next_id() const { return next_id_; }
    void set_next_id(std::uint16_t id) { next_id_ = id; }

    /// Brings the classes of all addresses up to date with map and table.
    void classify(const MemoryMap& map, Memory& memory) const;

  private:
    template <typename Matches>
    [[nodiscard]] Domain last(const Matches& matches) const;

    std::vector<Enclave> enclaves_;
    std::uint16_t next_id_ = 1;
};

} // namespace authex::sancus_emulator
