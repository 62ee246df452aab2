#pragma once
// A number for all that has happened in a world: two runs that differ anywhere have different ones.

#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"

namespace authex::simulation {

class Trace {
  public:
    void add(std::uint64_t number) {
        const std::uint64_t product = (value_ ^ number) * 0x9E3779B97F4A7C15U;
        value_ = product ^ (product >> 29U);
    }
    void add(ByteView bytes) {
        add(std::uint64_t{bytes.size()});
        for (; bytes.size() >= sizeof(std::uint64_t);
             bytes = bytes.subspan(sizeof(std::uint64_t))) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data(), sizeof word);
            add(word);
        }
        for (const std::uint8_t byte : bytes) {
            add(std::uint64_t{byte});
        }
    }
    [[nodiscard]] std::uint64_t value() const { return value_; }

  private:
    std::uint64_t value_ = 0;
};

} // namespace authex::simulation
