#include "tee/sancus/verifier.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "crypto/spongent.hpp"

namespace authex::tee::sancus {
namespace {

namespace spongent = crypto::spongent;

std::string hex(ByteView bytes) {
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

Claims claims_of(const Expectation& expectation) {
    const std::string identity = hex(expectation.identity);
    const bool simulated = expectation.simulated;
    const std::string signer =
        simulated ? "an emulator, or a published key" : "the node's hardware, with its own key";
    return {
        .identity = expectation.identity,
        .simulated = simulated,
        .text = fmt::format("sancus module {}{}",
                            identity,
                            simulated ? " (simulated: an emulator, or a published key)" : ""),
        .facts = {{.name = "identity",
                   .value = identity,
                   .compared_with = "measurement of the image that was built here, at the place "
                                    "that the node said: its key is derived from it",
                   .vouched_by = signer},
                  {.name = "report data",
                   .value = hex(expectation.report_data),
                   .compared_with = "MAC under the module's key over this challenge, as computed "
                                    "here: equal",
                   .vouched_by = signer},
                  {.name = "simulated",
                   .value = simulated ? "yes" : "no",
                   .compared_with = "`simulation` of the descriptor, what the node says, and the "
                                    "key that the Sancus tools publish",
                   .vouched_by = simulated ? "nobody: who has the key of an emulator can be it"
                                           : "the owner of the vendor key"}},
        .proves = {"the enclave that answered has this code, at this place, under this vendor, on "
                   "the node whose key the vendor key was derived from",
                   "it answered this challenge, not an earlier one"},
        .does_not_prove = {
            "that memory was cleared at the node's last reset: what a module had then may be "
            "known (docs/security.md)",
            "that the board's hardware keeps the documented rules: one that follows the published "
            "description protects nothing, which lib/authex/sancus/board-check.elf shows",
            simulated ? "anything to a third party: the evidence is simulated, for development"
                      : "that nobody else has the vendor key"}};
}

} // namespace

bool is_development_key(const Key& key, std::uint16_t vendor_id) {
    return equal_constant_time(key, vendor_key(development_node_key, vendor_id));
}

Expected<Placed> place(const Key& vendor, ByteView image, ByteView placement) {
    const Expected<SancusImage> parsed = parse_image(image);
    if (!parsed) {
        return tl::make_unexpected(parsed.error());
    }
    const Expected<Placement> at = parse_placement(placement, *parsed);
    if (!at) {
        return tl::make_unexpected(at.error());
    }
    const Key identity = measurement(*parsed, *at);
    Key key = module_key(vendor, *parsed, *at);
    Placed placed{.identity = {identity.begin(), identity.end()},
                  .module_key = {key.begin(), key.end()},
                  .simulated = is_development_key(vendor, parsed->vendor_id)};
    wipe(key);
    return placed;
}

Expected<Claims> SancusVerifier::verify(ByteView evidence, const Expectation& expectation) const {
    if (evidence.size() != spongent::tag_bytes ||
        expectation.module_key.size() != spongent::key_bytes) {
        return failure("evidence-malformed",
                       "the module's answer holds no MAC of 16 bytes",
                       "the node's event manager is not to be trusted, or of another version");
    }
    if (expectation.simulated && !expectation.simulation_allowed) {
        return failure(
            "simulation-refused",
            "the node is an emulator, or its key is the one that the Sancus tools publish",
            "for development, say `simulation: allowed` in the descriptor");
    }
    Key tag{};
    spongent::wrap(ByteView(expectation.module_key).first<spongent::key_bytes>(),
                   expectation.report_data,
                   {},
                   spongent::Tag(tag));
    if (!equal_constant_time(tag, evidence)) {
        return failure(
            "evidence-forged",
            "the module does not have the key of the image that was loaded",
            "either the node runs other code or lies about its place, or `vendor` of the "
            "descriptor (id, key-file) is not of this node");
    }
    return claims_of(expectation);
}

} // namespace authex::tee::sancus
