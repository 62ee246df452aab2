#pragma once
// Numbers from a seed: the same on every machine.

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace authex::simulation {

/// SplitMix64 (Steele, Lea, Flood 2014): every seed gives an independent stream.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
        z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31U);
    }
    /// 0 … limit-1. @pre limit > 0
    std::uint64_t below(std::uint64_t limit) { return next() % limit; }
    std::uint64_t between(std::uint64_t least, std::uint64_t most) {
        return least + below(most - least + 1);
    }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    void fill(Bytes out) {
        for (std::uint8_t& byte : out) {
            byte = static_cast<std::uint8_t>(next());
        }
    }

  private:
    std::uint64_t state_;
};

} // namespace authex::simulation
