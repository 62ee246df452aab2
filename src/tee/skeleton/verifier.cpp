#include "tee/skeleton/verifier.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tee/skeleton/evidence.hpp"

namespace authex::tee::skeleton {
namespace {

constexpr const char* nobody = "nobody: anyone can write this evidence";

std::string hex(ByteView bytes) {
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

Claims claims_of(const Evidence& evidence) {
    return {.identity = {evidence.identity.begin(), evidence.identity.end()},
            .simulated = true,
            .text =
                fmt::format("skeleton image {} (simulated: {})", hex(evidence.identity), nobody),
            .facts = {{.name = "identity",
                       .value = hex(evidence.identity),
                       .compared_with = "SHA-256 of the image that was built here: equal",
                       .vouched_by = nobody},
                      {.name = "report data",
                       .value = hex(evidence.report_data),
                       .compared_with = "hash of this handshake, as computed here: equal",
                       .vouched_by = nobody}},
            .proves = {},
            .does_not_prove = {"anything: a skeleton has no TEE and no key"}};
}

} // namespace

Expected<Claims> SkeletonVerifier::verify(ByteView bytes, const Expectation& expectation) const {
    const Expected<Evidence> evidence = parse_evidence(bytes);
    if (!evidence) {
        return tl::make_unexpected(evidence.error());
    }
    if (!expectation.simulation_allowed) {
        return failure("simulation-refused",
                       fmt::format("the node has no TEE: {}", nobody),
                       "for development, say `simulation: allowed` in the descriptor");
    }
    if (!equal_constant_time(evidence->identity, expectation.identity)) {
        return failure("evidence-identity",
                       fmt::format("the node runs the image {}, not {}",
                                   hex(evidence->identity),
                                   hex(expectation.identity)),
                       "deploy the module again");
    }
    if (!equal_constant_time(evidence->report_data, expectation.report_data)) {
        return failure(
            "evidence-stale", "the evidence is of another handshake", "attest the module again");
    }
    return claims_of(*evidence);
}

} // namespace authex::tee::skeleton
