#include "crypto/spongent.hpp"

namespace authex::crypto::spongent {
namespace {

constexpr std::uint8_t sbox[16] = {
    0xE, 0xD, 0xB, 0x0, 0x2, 0x1, 0x4, 0xF, 0x7, 0xA, 0x8, 0x5, 0x9, 0xC, 0x3, 0x6};
constexpr std::size_t nibbles = state_bytes * 2;
constexpr std::uint8_t counter_start = 0x52;
constexpr std::uint8_t counter_taps = 0x8E;
constexpr std::uint8_t counter_end = 0xFF;
constexpr std::size_t block_bytes = 2;

std::uint8_t next_counter(std::uint8_t counter) {
    auto taps = static_cast<std::uint8_t>(counter & counter_taps);
    taps = static_cast<std::uint8_t>(taps ^ (taps >> 4U));
    taps = static_cast<std::uint8_t>(taps ^ (taps >> 2U));
    taps = static_cast<std::uint8_t>(taps ^ (taps >> 1U));
    return static_cast<std::uint8_t>((unsigned{counter} << 1U) | (taps & 1U));
}

std::uint8_t reversed(std::uint8_t byte) {
    std::uint8_t result = 0;
    for (unsigned i = 0; i < 8; ++i) {
        result = static_cast<std::uint8_t>((unsigned{result} << 1U) | ((unsigned{byte} >> i) & 1U));
    }
    return result;
}

/// S-boxes, then bit j to j·84 mod 335: bit r of nibble q goes to q + 84·r.
void substitute_and_spread(State& state) {
    State spread{};
    std::size_t target_of_bit[4] = {0, nibbles, 2 * nibbles, 3 * nibbles};
    for (std::size_t q = 0; q < nibbles; ++q) {
        const unsigned nibble = (unsigned{state[q / 2]} >> (q % 2 == 0 ? 0U : 4U)) & 0xFU;
        const unsigned value = sbox[nibble];
        for (unsigned r = 0; r < 4; ++r) {
            const std::size_t target = target_of_bit[r]++;
            spread[target / 8] = static_cast<std::uint8_t>(spread[target / 8] |
                                                           (((value >> r) & 1U) << (target % 8)));
        }
    }
    state = spread;
    wipe(spread);
}

/// One duplex object: absorbs blocks of at most two bytes.
class Duplex {
  public:
    ~Duplex() { wipe(state_); }

    void absorb(ByteView block, bool frame) {
        const std::size_t bits = block.size() * 8;
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < block.size(); ++i) {
            value |= std::uint32_t{block[i]} << (8 * i);
        }
        value |= std::uint32_t{frame} << bits;
        value |= std::uint32_t{1} << (bits + 1);
        for (std::size_t i = 0; i < 3; ++i) {
            state_[i] = static_cast<std::uint8_t>(state_[i] ^ (value >> (8 * i)));
        }
        permute(state_);
    }
    /// A whole phase: frame bit `inner` on every block but the last, its opposite there. An empty
    /// phase has one empty block.
    void absorb_phase(ByteView bytes, bool inner) {
        std::size_t at = 0;
        do {
            const std::size_t count =
                bytes.size() - at < block_bytes ? bytes.size() - at : block_bytes;
            absorb(bytes.subspan(at, count), at + count < bytes.size() ? inner : !inner);
            at += count;
        } while (at < bytes.size());
    }
    [[nodiscard]] std::uint8_t rate(std::size_t index) const { return state_[index]; }

    void squeeze_tag(Tag tag) {
        for (std::size_t at = 0; at < tag_bytes; at += block_bytes) {
            tag[at] = state_[0];
            tag[at + 1] = state_[1];
            state_[0] = static_cast<std::uint8_t>(state_[0] ^ 1U); // blank
            permute(state_);
        }
    }

  private:
    State state_{};
};

void crypt(Duplex& duplex, Bytes body, bool decrypt) {
    std::size_t at = 0;
    do {
        const std::size_t count = body.size() - at < block_bytes ? body.size() - at : block_bytes;
        std::uint8_t plain[block_bytes] = {};
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint8_t in = body[at + i];
            const auto out = static_cast<std::uint8_t>(in ^ duplex.rate(i));
            plain[i] = decrypt ? out : in;
            body[at + i] = out;
        }
        duplex.absorb(ByteView(plain, count), at + count < body.size());
        wipe(plain);
        at += count;
    } while (at < body.size());
}

} // namespace

void permute(State& state) {
    for (std::uint8_t counter = counter_start; counter != counter_end;
         counter = next_counter(counter)) {
        state[0] = static_cast<std::uint8_t>(state[0] ^ counter);
        state[state_bytes - 1] =
            static_cast<std::uint8_t>(state[state_bytes - 1] ^ reversed(counter));
        substitute_and_spread(state);
    }
}

void wrap(KeyView key, ByteView associated, Bytes body, Tag tag) {
    Duplex duplex;
    duplex.absorb_phase(key, true);
    duplex.absorb_phase(associated, false);
    crypt(duplex, body, false);
    duplex.squeeze_tag(tag);
}

bool unwrap(KeyView key, ByteView associated, Bytes body, TagView tag) {
    Duplex duplex;
    duplex.absorb_phase(key, true);
    duplex.absorb_phase(associated, false);
    crypt(duplex, body, true);
    std::uint8_t computed[tag_bytes];
    duplex.squeeze_tag(computed);
    const bool verified = equal_constant_time(computed, tag);
    if (!verified) {
        wipe(body);
    }
    wipe(computed);
    return verified;
}

void mac(KeyView key, ByteView message, Tag tag) {
    wrap(key, message, {}, tag);
}

} // namespace authex::crypto::spongent
