#pragma once
// The deployer's side of attestation: evidence in, claims out.                         (RFC 9334
// §4, §8)

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::tee {

/// What a TEE that measures the place of a module, and derives a key from it, has of one.
struct Placed {
    std::vector<std::uint8_t> identity;
    std::vector<std::uint8_t> module_key; ///< secret
    bool simulated = false;               ///< rooted in a key that is published
};

/// What the relying party wants to see proven.
struct Expectation {
    std::vector<std::uint8_t> identity;     ///< of the image that was built (native: SHA-256 of it)
    std::vector<std::uint8_t> report_data;  ///< 32 bytes that bind the handshake
    std::vector<std::uint8_t> evidence_key; ///< of the node, pinned when it was first met (native)
    std::vector<std::uint8_t> module_key;   ///< secret; where the TEE derives one (Sancus)
    bool simulated = false; ///< known of the node and its key already, where evidence cannot say it
    bool simulation_allowed = false;
};

/// One thing that the evidence says, for people: what it says, what that was compared with, and
/// who vouches for it.
struct Fact {
    std::string name;
    std::string value;
    std::string compared_with;
    std::string vouched_by;
};

/// What was proven.
struct Claims {
    std::vector<std::uint8_t> identity;
    bool simulated = false;
    std::string text;        ///< one line for people
    std::vector<Fact> facts; ///< all that was checked
    std::vector<std::string> proves;
    std::vector<std::string> does_not_prove;
};

class Verifier {
  public:
    virtual ~Verifier() = default;
    /// @error evidence-malformed | evidence-forged | evidence-identity | evidence-stale (report
    /// data) | simulation-refused
    [[nodiscard]] virtual Expected<Claims> verify(ByteView evidence,
                                                  const Expectation& expectation) const = 0;
};

} // namespace authex::tee
