#pragma once
// What a skeleton shows for a module. Nobody signs it: whoever can write 68 bytes can write it.
//
//   offset size field
//        0    4 magic          "AXSK"
//        4   32 identity       SHA-256 of the image
//       36   32 report data    what binds the module's handshake

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::tee::skeleton {

constexpr std::size_t evidence_bytes = 68;

struct Evidence {
    std::array<std::uint8_t, 32> identity{};
    std::array<std::uint8_t, 32> report_data{};
};

std::vector<std::uint8_t> write_evidence(const Evidence& evidence);
/// @error evidence-malformed
Expected<Evidence> parse_evidence(ByteView bytes);

} // namespace authex::tee::skeleton
