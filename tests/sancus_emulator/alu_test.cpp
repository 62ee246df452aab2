// Results and flags against an oracle that counts bit by bit.
#include "sancus_emulator/alu.hpp"

#include <random>

#include <gtest/gtest.h>

namespace authex::sancus_emulator {
namespace {

struct Outcome {
    std::uint16_t result = 0;
    std::uint16_t sr = 0;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

class Oracle {
  public:
    Oracle(unsigned bits, std::uint16_t sr) : bits_(bits), outcome_{0, sr} {}

    Outcome run(Double operation, unsigned s, unsigned d) {
        const bool carry = (outcome_.sr & 1U) != 0;
        const unsigned all = (1U << bits_) - 1;
        switch (operation) {
        case Double::mov:
            return plain(s);
        case Double::bic:
            return plain(d & (all ^ s));
        case Double::bis:
            return plain(d | s);
        case Double::add:
            return sum(s, d, false);
        case Double::addc:
            return sum(s, d, carry);
        case Double::subc:
            return sum(all ^ s, d, carry);
        case Double::sub:
        case Double::cmp:
            return sum(all ^ s, d, true);
        case Double::bit:
        case Double::and_:
            return logic(s & d, false);
        case Double::xor_:
            return logic(s ^ d, top(s) && top(d));
        case Double::dadd:
            return decimal(s, d, carry);
        }
        return outcome_;
    }
    Outcome shift_right(unsigned value, bool in) {
        unsigned result = in ? 1U << (bits_ - 1) : 0;
        for (unsigned bit = 1; bit < bits_; ++bit) {
            result |= ((value >> bit) & 1U) << (bit - 1);
        }
        return flags(result, (value & 1U) != 0, false);
    }

  private:
    [[nodiscard]] bool top(unsigned value) const { return ((value >> (bits_ - 1)) & 1U) != 0; }
    Outcome plain(unsigned value) {
        outcome_.result = static_cast<std::uint16_t>(value);
        return outcome_;
    }
    Outcome flags(unsigned value, bool carry, bool overflow) {
        unsigned sr = outcome_.sr & 0xFEF8U;
        sr |= carry ? 1U : 0U;
        sr |= value == 0 ? 2U : 0U;
        sr |= top(value) ? 4U : 0U;
        sr |= overflow ? 0x100U : 0U;
        outcome_ = {static_cast<std::uint16_t>(value), static_cast<std::uint16_t>(sr)};
        return outcome_;
    }
    Outcome sum(unsigned a, unsigned b, bool carry) {
        unsigned result = 0;
        for (unsigned bit = 0; bit < bits_; ++bit) {
            const unsigned ones = ((a >> bit) & 1U) + ((b >> bit) & 1U) + (carry ? 1U : 0U);
            result |= (ones & 1U) << bit;
            carry = ones > 1;
        }
        return flags(result, carry, top(a) == top(b) && top(result) != top(a));
    }
    Outcome logic(unsigned result, bool overflow) { return flags(result, result != 0, overflow); }
    Outcome decimal(unsigned a, unsigned b, bool carry) {
        unsigned result = 0;
        for (unsigned shift = 0; shift < bits_; shift += 4) {
            unsigned digit = ((a >> shift) & 15U) + ((b >> shift) & 15U) + (carry ? 1U : 0U);
            if (digit >= 10) {
                digit += 6;
            }
            result |= (digit & 15U) << shift;
            carry = (digit & 16U) != 0;
        }
        return flags(result, carry, top(a) == top(b) && top(result) != top(a));
    }

    unsigned bits_;
    Outcome outcome_;
};

template <Double Operation, bool Byte>
Outcome ours(std::uint16_t sr, std::uint16_t s, std::uint16_t d) {
    Outcome outcome{0, sr};
    outcome.result = alu::apply<Operation, Byte>(outcome.sr, s, d);
    return outcome;
}

/// SR with other bits set, which must stay.
constexpr std::uint16_t other_bits = 0x00A8;

template <Double Operation>
void all_bytes() {
    for (unsigned carry = 0; carry < 2; ++carry) {
        const auto sr = static_cast<std::uint16_t>(other_bits | 0x0106U | carry);
        for (unsigned s = 0; s < 256; ++s) {
            for (unsigned d = 0; d < 256; ++d) {
                const Outcome expected = Oracle(8, sr).run(Operation, s, d);
                const Outcome got = ours<Operation, true>(
                    sr, static_cast<std::uint16_t>(s), static_cast<std::uint16_t>(d));
                ASSERT_EQ(got, expected)
                    << static_cast<int>(Operation) << " " << s << " " << d << " " << carry;
            }
        }
    }
}

template <Double Operation>
void random_words(unsigned cases) {
    std::mt19937 random(static_cast<unsigned>(Operation));
    for (unsigned i = 0; i < cases; ++i) {
        const auto s = static_cast<std::uint16_t>(random());
        const auto d = static_cast<std::uint16_t>(random());
        const auto sr = static_cast<std::uint16_t>(random() & 0x01AFU);
        ASSERT_EQ((ours<Operation, false>(sr, s, d)), Oracle(16, sr).run(Operation, s, d))
            << static_cast<int>(Operation) << " " << s << " " << d << " " << sr;
    }
}

template <Double... Operations>
void each_byte_operation() {
    (all_bytes<Operations>(), ...);
}

template <Double... Operations>
void each_word_operation(unsigned cases) {
    (random_words<Operations>(cases), ...);
}

TEST(Alu, ByteOperationsAreExactForAllOperandsAndCarries) {
    each_byte_operation<Double::mov,
                        Double::add,
                        Double::addc,
                        Double::subc,
                        Double::sub,
                        Double::cmp,
                        Double::dadd,
                        Double::bit,
                        Double::bic,
                        Double::bis,
                        Double::xor_,
                        Double::and_>();
}

TEST(Alu, WordOperationsAreExactForRandomOperands) {
    each_word_operation<Double::mov,
                        Double::add,
                        Double::addc,
                        Double::subc,
                        Double::sub,
                        Double::cmp,
                        Double::dadd,
                        Double::bit,
                        Double::bic,
                        Double::bis,
                        Double::xor_,
                        Double::and_>(100'000);
}

template <Single Operation, bool Byte>
void all_shifts() {
    constexpr unsigned bits = Byte ? 8 : 16;
    for (unsigned carry = 0; carry < 2; ++carry) {
        for (unsigned value = 0; value < 1U << bits; ++value) {
            const auto sr = static_cast<std::uint16_t>(other_bits | 0x0106U | carry);
            const bool in =
                Operation == Single::rrc ? carry != 0 : ((value >> (bits - 1)) & 1U) != 0;
            Outcome got{0, sr};
            got.result = alu::apply<Operation, Byte>(got.sr, static_cast<std::uint16_t>(value));
            ASSERT_EQ(got, Oracle(bits, sr).shift_right(value, in)) << value << " " << carry;
        }
    }
}

TEST(Alu, ShiftsAreExactForAllOperandsAndCarries) {
    all_shifts<Single::rrc, true>();
    all_shifts<Single::rrc, false>();
    all_shifts<Single::rra, true>();
    all_shifts<Single::rra, false>();
}

TEST(Alu, SwpbAndSxtAreExactForAllOperands) {
    for (unsigned value = 0; value < 0x10000; ++value) {
        std::uint16_t sr = other_bits;
        const auto word = static_cast<std::uint16_t>(value);
        ASSERT_EQ((alu::apply<Single::swpb, false>(sr, word)), (value & 0xFFU) * 256 + value / 256);
        ASSERT_EQ(sr, other_bits);
        const int extended = static_cast<std::int8_t>(value & 0xFFU);
        ASSERT_EQ((alu::apply<Single::sxt, false>(sr, word)), static_cast<std::uint16_t>(extended));
        const unsigned expected = other_bits | (extended != 0 ? 1U : 2U) | (extended < 0 ? 4U : 0U);
        ASSERT_EQ(sr, expected) << value;
    }
}

} // namespace
} // namespace authex::sancus_emulator
