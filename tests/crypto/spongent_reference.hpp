#pragma once
// SPONGENT and its SpongeWrap, bit by bit as the papers have them: slow, plain, for any level that
// is given by its four numbers. Shares nothing with src/crypto.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/vectors.hpp"

namespace authex::test {

class SpongentReference {
  public:
    using Bits =
        std::vector<std::uint8_t>; ///< 0 or 1; the least significant of the first byte first

    /// 128 or 64.
    explicit SpongentReference(unsigned level)
        : width_(level == 128 ? 336 : 176), key_bytes_(level / 8),
          counter_bits_(level == 128 ? 8 : 7), counter_start_(level == 128 ? 0x52 : 0x45),
          counter_taps_(level == 128 ? 0x8E : 0x60), state_(width_) {
        for (unsigned j = 0; j + 1 < width_; ++j) {
            moves_.push_back(j * (width_ / 4) % (width_ - 1));
        }
        moves_.push_back(width_ - 1);
    }

    void permute(Bits& bits) const {
        static const unsigned sbox[16] = {14, 13, 11, 0, 2, 1, 4, 15, 7, 10, 8, 5, 9, 12, 3, 6};
        const unsigned end = (1U << counter_bits_) - 1;
        Bits moved(width_);
        for (unsigned counter = counter_start_; counter != end; counter = next(counter)) {
            for (unsigned i = 0; i < counter_bits_; ++i) {
                bits[i] ^= counter >> i & 1U;
                bits[width_ - 1 - i] ^= counter >> i & 1U;
            }
            for (unsigned j = 0; j < width_; j += 4) {
                const unsigned nibble =
                    bits[j] + 2U * bits[j + 1] + 4U * bits[j + 2] + 8U * bits[j + 3];
                for (unsigned k = 0; k < 4; ++k) {
                    moved[moves_[j + k]] = sbox[nibble] >> k & 1U;
                }
            }
            bits.swap(moved);
        }
    }

    [[nodiscard]] Octets permuted(const Octets& state) const {
        Bits bits = bits_of(state);
        permute(bits);
        Octets result(state.size());
        for (unsigned i = 0; i < width_; ++i) {
            result[i / 8] =
                static_cast<std::uint8_t>(result[i / 8] | (unsigned{bits[i]} << (i % 8)));
        }
        return result;
    }

    /// @return the cipher text, and the tag after it
    Octets wrapped(const Octets& key, const Octets& associated, const Octets& body) {
        state_.assign(width_, 0);
        Octets result;
        absorb(key, true, nullptr);
        absorb(associated, false, nullptr);
        absorb(body, true, &result);
        for (unsigned i = 0; i < key_bytes_; i += 2) {
            result.push_back(byte(0));
            result.push_back(byte(1));
            duplex({1}); // blank
        }
        return result;
    }

  private:
    [[nodiscard]] unsigned next(unsigned counter) const {
        const auto odd = static_cast<unsigned>(__builtin_parity(counter & counter_taps_));
        return (counter << 1U | odd) & ((1U << counter_bits_) - 1);
    }

    static Bits bits_of(const Octets& bytes) {
        Bits bits;
        for (unsigned i = 0; i < bytes.size() * 8; ++i) {
            bits.push_back(bytes[i / 8] >> (i % 8) & 1U);
        }
        return bits;
    }

    [[nodiscard]] std::uint8_t byte(unsigned index) const {
        unsigned value = 0;
        for (unsigned i = 0; i < 8; ++i) {
            value |= unsigned{state_[8 * index + i]} << i;
        }
        return static_cast<std::uint8_t>(value);
    }

    void duplex(const Bits& block) {
        for (unsigned i = 0; i < block.size(); ++i) {
            state_[i] ^= block[i];
        }
        permute(state_);
    }

    void absorb(const Octets& bytes, bool inner, Octets* cipher) {
        std::size_t at = 0;
        do {
            const std::size_t end = std::min(at + 2, bytes.size());
            const Octets block(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                               bytes.begin() + static_cast<std::ptrdiff_t>(end));
            for (unsigned i = 0; cipher != nullptr && i < block.size(); ++i) {
                cipher->push_back(static_cast<std::uint8_t>(block[i] ^ byte(i)));
            }
            Bits bits = bits_of(block);
            bits.push_back((end < bytes.size()) == inner ? 1 : 0); // frame
            bits.push_back(1);                                     // padding
            duplex(bits);
            at = end;
        } while (at < bytes.size());
    }

    unsigned width_;
    unsigned key_bytes_;
    unsigned counter_bits_;
    unsigned counter_start_;
    unsigned counter_taps_;
    Bits state_;
    std::vector<unsigned> moves_; ///< where each bit goes
};

} // namespace authex::test
