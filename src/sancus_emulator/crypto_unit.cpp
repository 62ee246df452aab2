#include "sancus_emulator/crypto_unit.hpp"

#include <vector>

#include "crypto/spongent.hpp"

namespace authex::sancus_emulator {
namespace {

namespace spongent = crypto::spongent;

template <typename Level>
class Sponge {
  public:
    explicit Sponge(const Key& key) {
        duplex_.absorb_phase(ByteView(key).first(Level::key_bytes), true);
    }

    void associate(std::uint16_t word, bool last) { duplex_.absorb(word, last); }
    void associate(const WordRange& range, const WordBus& bus) {
        for_each(range,
                 [&](std::uint16_t address, bool last) { associate(bus.load(address), last); });
    }
    void no_body() { duplex_.absorb(ByteView{}, false); }
    std::uint16_t encrypt(std::uint16_t plain, bool last) {
        const auto cipher = static_cast<std::uint16_t>(plain ^ duplex_.rate());
        duplex_.absorb(plain, !last);
        return cipher;
    }
    std::uint16_t decrypt(std::uint16_t cipher, bool last) {
        const auto plain = static_cast<std::uint16_t>(cipher ^ duplex_.rate());
        duplex_.absorb(plain, !last);
        return plain;
    }
    Key tag() {
        Key tag{};
        duplex_.squeeze_tag(spongent::TagOf<Level>(tag.data(), Level::key_bytes));
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
    spongent::Duplex<Level> duplex_;
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
