#include "crypto/spongent.hpp"

#include "crypto/spongent_permutation.hpp"

namespace authex::crypto::spongent {
namespace {

constexpr std::size_t block_bytes = 2;
static_assert(8 * block_bytes + 2 <= lane_bits<Level128>); // a padded block is in the first lane

/// A duplex object: the sponge between two blocks. Who has one wipes its frame.
class Duplex {
  public:
    void absorb(ByteView bytes, bool inner) {
        phase(bytes.size(), inner, [bytes](std::size_t at) { return bytes[at]; });
    }
    /// Encrypts or decrypts in place.
    void crypt(Bytes body, bool decrypt) {
        phase(body.size(), true, [this, body, decrypt](std::size_t at) {
            const std::uint8_t in = body[at];
            body[at] = in ^ rate(at % block_bytes);
            return decrypt ? body[at] : in;
        });
    }
    /// What ends the object's use.
    void squeeze(Tag tag) {
        for (std::size_t at = 0; at < tag.size(); ++at) {
            if (at != 0 && at % block_bytes == 0) {
                absorb_padded(1);
            }
            tag[at] = rate(at % block_bytes);
        }
    }

  private:
    /// In blocks of two bytes, the last may be shorter; an empty phase has one empty block. The
    /// frame bit is `inner` in every block but the last, its opposite there.
    /// @param byte_at called once for each
    template <typename ByteAt>
    void phase(std::size_t size, bool inner, ByteAt byte_at) {
        std::size_t at = 0;
        do {
            const std::size_t end = size - at < block_bytes ? size : at + block_bytes;
            std::uint32_t block = 2U | std::uint32_t{inner == (end < size)};
            for (std::size_t i = end; i != at; --i) {
                block = block << 8U | byte_at(i - 1);
            }
            absorb_padded(block);
            at = end;
        } while (at < size);
    }
    void absorb_padded(std::uint32_t block) {
        state_[0][0] ^= block;
        permute<Level128>(state_);
    }
    /// The lowest bits of the state, as a block has them.
    [[nodiscard]] std::uint8_t rate(std::size_t byte) const {
        return static_cast<std::uint8_t>(state_[0][0] >> (8 * byte));
    }

    State state_{};
};

[[gnu::noinline]] void crypt(KeyView key, ByteView associated, Bytes body, bool decrypt, Tag tag) {
    Duplex duplex;
    duplex.absorb(key, true);
    duplex.absorb(associated, false);
    duplex.crypt(body, decrypt);
    duplex.squeeze(tag);
}

/// Overwrites what crypt() left behind on the stack.
[[gnu::noinline]] void wipe_frames() {
    std::uint8_t below[768];
    wipe(below);
}

} // namespace

void wrap(KeyView key, ByteView associated, Bytes body, Tag tag) {
    crypt(key, associated, body, false, tag);
    wipe_frames();
}

bool unwrap(KeyView key, ByteView associated, Bytes body, TagView tag) {
    std::uint8_t computed[tag_bytes];
    crypt(key, associated, body, true, computed);
    wipe_frames();
    const bool verified = equal_constant_time(computed, tag);
    wipe(computed);
    const auto kept = static_cast<std::uint8_t>(-int{verified}); // all bits or none
    for (std::uint8_t& byte : body) {
        byte &= kept;
    }
    return verified;
}

} // namespace authex::crypto::spongent
