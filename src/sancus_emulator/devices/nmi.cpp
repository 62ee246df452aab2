#include "sancus_emulator/devices/nmi.hpp"

#include <algorithm>

namespace authex::sancus_emulator {

void Nmi::compare(std::uint64_t cycle) {
    const bool counts = high_ != falling_;
    if (counts && !counts_) {
        edge_ = std::min(edge_, cycle + 1);
    }
    counts_ = counts;
}

void Nmi::set_level(bool high, std::uint64_t cycle) {
    high_ = high;
    compare(cycle);
}

void Nmi::select(bool falling, std::uint64_t cycle) {
    falling_ = falling;
    compare(cycle);
}

void Nmi::write_flag(bool on, std::uint64_t cycle) {
    if (edge_ < cycle) { // an edge in the same cycle wins
        edge_ = never;
    }
    flag_ = on;
}

void Nmi::reset(std::uint64_t cycle) {
    falling_ = false;
    counts_ = false;
    enabled_ = false;
    flag_ = false;
    edge_ = never;
    compare(cycle);
}

void Nmi::advance(std::uint64_t cycle) {
    if (edge_ <= cycle) {
        flag_ = true;
        edge_ = never;
    }
}

void Nmi::save(Writer& writer) const {
    writer.u8(high_ ? 1 : 0).u8(falling_ ? 1 : 0).u8(counts_ ? 1 : 0);
    writer.u8(enabled_ ? 1 : 0).u8(flag_ ? 1 : 0).u64(edge_);
}

void Nmi::load(Reader& reader) {
    high_ = reader.u8() != 0;
    falling_ = reader.u8() != 0;
    counts_ = reader.u8() != 0;
    enabled_ = reader.u8() != 0;
    flag_ = reader.u8() != 0;
    edge_ = reader.u64();
}

} // namespace authex::sancus_emulator
