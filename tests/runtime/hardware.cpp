// The instructions of crypto/hardware.hpp, as software, with what real ones leave behind.
#include "crypto/hardware.hpp"

#include "crypto/spongent.hpp"
#include "support/frames.hpp"

namespace authex::crypto {

void hardware::wrap(const std::uint8_t* key,
                    const std::uint8_t* associated,
                    std::size_t associated_bytes,
                    std::uint8_t* body,
                    std::size_t body_bytes,
                    std::uint8_t* tag) {
    spongent::wrap(spongent::KeyView(key, spongent::key_bytes),
                   {associated, associated_bytes},
                   {body, body_bytes},
                   spongent::Tag(tag, spongent::tag_bytes));
}

bool hardware::unwrap(const std::uint8_t* key,
                      const std::uint8_t* associated,
                      std::size_t associated_bytes,
                      std::uint8_t* body,
                      std::size_t body_bytes,
                      const std::uint8_t* tag) {
    const bool verified = spongent::unwrap(spongent::KeyView(key, spongent::key_bytes),
                                           {associated, associated_bytes},
                                           {body, body_bytes},
                                           spongent::TagView(tag, spongent::tag_bytes));
    for (std::size_t i = 0; !verified && i < body_bytes; ++i) {
        body[i] = 0xBB; // plaintext, which the runtime wipes
    }
    return verified;
}

void hardware::own_tag(const std::uint8_t* associated, std::size_t bytes, std::uint8_t* tag) {
    spongent::wrap(spongent::KeyView(test::module_key),
                   {associated, bytes},
                   {},
                   spongent::Tag(tag, spongent::tag_bytes));
}

void hardware::random(std::uint8_t* out) {
    copy(test::module_random, {out, test::module_random.size()});
}

} // namespace authex::crypto
