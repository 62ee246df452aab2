#pragma once
// SPONGENT-128 as instructions of the processor: what the port of a TEE that has them implements,
// instead of spongent.cpp. Plain arguments, as registers carry them.

#include <cstddef>
#include <cstdint>

namespace authex::crypto::hardware {

/// As spongent::wrap with a key and a tag of 16 bytes. `body` is even and not empty.
void wrap(const std::uint8_t* key,
          const std::uint8_t* associated,
          std::size_t associated_bytes,
          std::uint8_t* body,
          std::size_t body_bytes,
          std::uint8_t* tag);
/// As spongent::unwrap, but may leave plaintext behind where the tag does not verify.
[[nodiscard]] bool unwrap(const std::uint8_t* key,
                          const std::uint8_t* associated,
                          std::size_t associated_bytes,
                          std::uint8_t* body,
                          std::size_t body_bytes,
                          const std::uint8_t* tag);

} // namespace authex::crypto::hardware
