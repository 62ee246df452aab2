#pragma once
// The deployer as the source of a direct connection: seals events and requests, opens replies. No
// input or output; the caller sees to it that no counter is used twice under one key.

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"
#include "crypto/aead.hpp"

namespace authex::deployer {

struct DirectKey {
    std::uint16_t deployment = 0;
    std::uint16_t channel = 0;
    crypto::Algorithm algorithm = crypto::Algorithm::aes_128_gcm;
    std::array<std::uint8_t, 16> key{}; ///< secret
    bool odd_turn = false;              ///< ConnectionRecord::turn
};

/// A whole frame. @error body-too-large | counter-exhausted | algorithm-unsupported
[[nodiscard]] Expected<std::vector<std::uint8_t>>
seal_direct(const DirectKey& key, bool request, std::uint64_t counter, ByteView data);

/// Finds the reply with this counter among frames and opens it.
/// @error reply-missing | reply-forged | request-failed: the handler answered that it failed
[[nodiscard]] Expected<std::vector<std::uint8_t>>
open_reply(const DirectKey& key, std::uint64_t counter, ByteView frames);

} // namespace authex::deployer
