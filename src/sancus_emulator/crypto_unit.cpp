#include "sancus_emulator/crypto_unit.hpp"

#include <vector>

#include "crypto/spongent_permutation.hpp"

namespace authex::sancus_emulator {
namespace {

namespace spongent = crypto::spongent;

/// A duplex object of SpongeWrap. (crypto/spongent.hpp)
template <typename Level>
class Sponge {
  public:
    explicit Sponge(const Key& key) {
        for (std::size_t i = 0; i < Level::key_bytes; i += 2) {
            absorb(static_cast<std::uint16_t>(key[i] | key[i + 1] << 8U), i + 2 < Level::key_bytes);
        }
    }

    void associate(std::uint16_t word, bool last) { absorb(word, last); }
    void associate(const WordRange& range, const WordBus& bus) {
        for_each(range,
                 [&](std::uint16_t address, bool last) { associate(bus.load(address), last); });
    }
    void no_body() { absorb_padded(2); }
    std::uint16_t encrypt(std::uint16_t plain, bool last) {
        const auto cipher = static_cast<std::uint16_t>(plain ^ rate());
        absorb(plain, !last);
        return cipher;
    }
    std::uint16_t decrypt(std::uint16_t cipher, bool last) {
        const auto plain = static_cast<std::uint16_t>(cipher ^ rate());
        absorb(plain, !last);
        return plain;
    }
    Key tag() {
        Key tag{};
        for (std::size_t i = 0; i < Level::key_bytes; i += 2) {
            if (i != 0) {
                absorb_padded(1);
            }
            tag[i] = static_cast<std::uint8_t>(rate());
            tag[i + 1] = static_cast<std::uint8_t>(rate() >> 8U);
        }
        return tag;
    }

    template <typename Do>
    static void for_each(const WordRange& range, const Do& action) {
        const std::uint32_t words = range.words();
        for (std::uint32_t i = 0; i < words; ++i) {
            action(static_cast<std::uint16_t>(range.start + 2 * i), i + 1 == words);
        }
    }

  private:
    static constexpr unsigned lane_bits = spongent::lane_bits<Level>;
    static constexpr std::uint32_t lane_mask = (1U << lane_bits) - 1;

    [[nodiscard]] std::uint16_t rate() const {
        return static_cast<std::uint16_t>((state_[0][0] & lane_mask) | state_[0][1] << lane_bits);
    }
    void absorb(std::uint16_t word, bool frame) {
        absorb_padded(word | std::uint32_t{frame} << 16U | std::uint32_t{1} << 17U);
    }
    void absorb_padded(std::uint32_t block) {
        state_[0][0] ^= block & lane_mask;
        state_[0][1] ^= block >> lane_bits;
        spongent::permute<Level>(state_);
    }

    spongent::State state_{};
};

template <typename Do>
auto at_level(Security security, const Do& action) {
    return security == Security::bits128 ? action(spongent::Level128{})
                                         : action(spongent::Level64{});
}

/// After the associated data: body, tag, and what is left in memory.
template <typename Level>
bool finish_unwrap(Sponge<Level>& sponge,
                   Security security,
                   const Wrapping& wrapping,
                   const WordBus& bus,
                   bool leave_plaintext) {
    std::vector<std::uint16_t> held;
    std::uint16_t to = wrapping.output;
    Sponge<Level>::for_each(wrapping.body, [&](std::uint16_t address, bool last) {
        const std::uint16_t plain = sponge.decrypt(bus.load(address), last);
        if (leave_plaintext) {
            bus.store(to, plain);
            to = static_cast<std::uint16_t>(to + 2);
        } else {
            held.push_back(plain);
        }
    });
    if (!tag_matches(security, sponge.tag(), wrapping.tag, bus)) {
        return false;
    }
    for (const std::uint16_t plain : held) {
        bus.store(to, plain);
        to = static_cast<std::uint16_t>(to + 2);
    }
    return true;
}

} // namespace

Key vendor_key(Security security, const Key& node_key, std::uint16_t vendor) {
    return at_level(security, [&]<typename Level>(Level) {
        Sponge<Level> sponge(node_key);
        sponge.associate(vendor, true);
        sponge.no_body();
        return sponge.tag();
    });
}

Key text_mac(Security security, const Key& key, const Layout& layout, const WordBus& bus) {
    return at_level(security, [&]<typename Level>(Level) {
        Sponge<Level> sponge(key);
        Sponge<Level>::for_each(
            {layout.text_start, layout.text_end},
            [&](std::uint16_t address, bool) { sponge.associate(bus.load(address), false); });
        sponge.associate(layout.text_start, false);
        sponge.associate(layout.text_end, false);
        sponge.associate(layout.data_start, false);
        sponge.associate(layout.data_end, true);
        sponge.no_body();
        return sponge.tag();
    });
}

void wrap(Security security, const Key& key, const Wrapping& wrapping, const WordBus& bus) {
    at_level(security, [&]<typename Level>(Level) {
        Sponge<Level> sponge(key);
        sponge.associate(wrapping.associated, bus);
        std::uint16_t to = wrapping.output;
        Sponge<Level>::for_each(wrapping.body, [&](std::uint16_t address, bool last) {
            bus.store(to, sponge.encrypt(bus.load(address), last));
            to = static_cast<std::uint16_t>(to + 2);
        });
        if (wrapping.body.start == wrapping.body.end) {
            sponge.no_body();
        }
        const Key tag = sponge.tag();
        for (std::size_t i = 0; i < Level::key_bytes; i += 2) {
            bus.store(static_cast<std::uint16_t>(wrapping.tag + i),
                      static_cast<std::uint16_t>(tag[i] | tag[i + 1] << 8U));
        }
    });
}

bool unwrap(Security security,
            const Key& key,
            const Wrapping& wrapping,
            const WordBus& bus,
            bool leave_plaintext) {
    return at_level(security, [&]<typename Level>(Level) {
        Sponge<Level> sponge(key);
        sponge.associate(wrapping.associated, bus);
        return finish_unwrap(sponge, security, wrapping, bus, leave_plaintext);
    });
}

bool unwrap_text(Security security,
                 const Key& key,
                 std::uint16_t nonce,
                 const Wrapping& wrapping,
                 const WordBus& bus,
                 bool leave_plaintext) {
    return at_level(security, [&]<typename Level>(Level) {
        Sponge<Level> sponge(key);
        sponge.associate(nonce, true);
        return finish_unwrap(sponge, security, wrapping, bus, leave_plaintext);
    });
}

bool tag_matches(Security security, const Key& tag, std::uint16_t address, const WordBus& bus) {
    bool equal = true;
    for (std::size_t i = 0; i < key_bytes(security); i += 2) {
        const auto expected = static_cast<std::uint16_t>(tag[i] | tag[i + 1] << 8U);
        equal &= bus.load(static_cast<std::uint16_t>(address + i)) == expected;
    }
    return equal;
}

} // namespace authex::sancus_emulator
