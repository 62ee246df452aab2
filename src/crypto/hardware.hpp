#pragma once
// SPONGENT-128 as instructions of the processor: what the port of a TEE that has them implements,
// instead of spongent.cpp. Plain arguments, as registers carry them, and names that assembly can
// have.

#include <cstddef>
#include <cstdint>

namespace authex::crypto::hardware {

/// As spongent::wrap with a key and a tag of 16 bytes. `body` is even and not empty.
void wrap(const std::uint8_t* key,
          const std::uint8_t* associated,
          std::size_t associated_bytes,
          std::uint8_t* body,
          std::size_t body_bytes,
          std::uint8_t* tag) asm("authex_wrap");
/// As spongent::unwrap, but may leave plaintext behind where the tag does not verify.
[[nodiscard]] bool unwrap(const std::uint8_t* key,
                          const std::uint8_t* associated,
                          std::size_t associated_bytes,
                          std::uint8_t* body,
                          std::size_t body_bytes,
                          const std::uint8_t* tag) asm("authex_unwrap");
/// Tag of 16 bytes over `bytes` of `associated`, an even number, under the key that the processor
/// has for the enclave that asks; nobody reads that key. As spongent::wrap of an empty body.
void own_tag(const std::uint8_t* associated,
             std::size_t bytes,
             std::uint8_t* tag) asm("authex_own_tag");
/// Random numbers of the board's device, 8 bytes; what they are where there is none is the board's.
void random(std::uint8_t* out) asm("authex_random_words");

} // namespace authex::crypto::hardware
