#pragma once
// The non-maskable interrupt of openMSP430 (core/rtl/verilog/omsp_sfr.v, section 5): bits 4 of the
// special function registers IE1 and IFG1. The pin counts as soon as its level differs from what
// WDTNMIES selects; that it has come to do so sets the flag one cycle later. To accept the
// interrupt clears its enable bit, not its flag.

#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

class Nmi {
  public:
    void set_level(bool high, std::uint64_t cycle);
    /// @param falling WDTNMIES: falling edges count, else rising ones. To change it can be one
    void select(bool falling, std::uint64_t cycle);
    void write_enable(bool on) { enabled_ = on; }
    void write_flag(bool on, std::uint64_t cycle);
    void reset(std::uint64_t cycle);
    void advance(std::uint64_t cycle);
    void accepted() { enabled_ = false; }

    [[nodiscard]] bool high() const { return high_; }
    [[nodiscard]] bool enabled() const { return enabled_; }
    [[nodiscard]] bool flag(std::uint64_t cycle) const { return flag_ || edge_ <= cycle; }
    [[nodiscard]] bool requested() const { return flag_ && enabled_; }
    [[nodiscard]] std::uint64_t next_event() const { return edge_; }
    void save(Writer& writer) const;
    void load(Reader& reader);

  private:
    void compare(std::uint64_t cycle);

    bool high_ = false;
    bool falling_ = false;
    bool counts_ = false;
    bool enabled_ = false;
    bool flag_ = false;
    std::uint64_t edge_ = never; ///< when the flag is set by an edge that was
};

} // namespace authex::sancus_emulator
