#include "tee/native/verifier.hpp"

#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include "tee/native/evidence.hpp"

namespace authex::tee::native {
namespace {

bool signature_holds(const Evidence& evidence, ByteView key) {
    if (key.size() != evidence_key_bytes) {
        return false;
    }
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> public_key(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()),
        &EVP_PKEY_free);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    const std::vector<std::uint8_t> message = signed_bytes(evidence);
    return public_key && context &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1 &&
           EVP_DigestVerify(context.get(),
                            evidence.signature.data(),
                            evidence.signature.size(),
                            message.data(),
                            message.size()) == 1;
}

std::string hex(ByteView bytes) {
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

Claims claims_of(const Evidence& evidence, const Expectation& expectation) {
    const std::string identity = hex(evidence.identity);
    const std::string signer = "the node's development key";
    return {
        .identity = {evidence.identity.begin(), evidence.identity.end()},
        .simulated = true,
        .text = fmt::format("native image {} (simulated: signed by {})", identity, signer),
        .facts = {{.name = "identity",
                   .value = identity,
                   .compared_with = "SHA-256 of the image that was built here: equal",
                   .vouched_by = signer},
                  {.name = "report data",
                   .value = hex(evidence.report_data),
                   .compared_with = "hash of this handshake, as computed here: equal",
                   .vouched_by = signer},
                  {.name = "signature",
                   .value = fmt::format("Ed25519 by {}", hex(expectation.evidence_key)),
                   .compared_with = "the key that was pinned when the node was first met: it holds",
                   .vouched_by = "nobody: the node made the key itself"},
                  {.name = "simulated",
                   .value = "yes",
                   .compared_with = "`simulation` of the descriptor: allowed",
                   .vouched_by = "nobody: a native node has no TEE"}},
        .proves = {"who holds the node's pinned development key says that this image runs there",
                   "what it says is of this handshake, not of an earlier one"},
        .does_not_prove = {
            "that the image runs unchanged: root on the node can read and change its memory",
            "that the node is the one you mean: its key was believed when it was first met",
            "anything to a third party: the evidence is simulated, for development"}};
}

} // namespace

Expected<Claims> NativeVerifier::verify(ByteView bytes, const Expectation& expectation) const {
    const Expected<Evidence> evidence = parse_evidence(bytes);
    if (!evidence) {
        return tl::make_unexpected(evidence.error());
    }
    if (!expectation.simulation_allowed) {
        return failure("simulation-refused",
                       "the node has no TEE: its evidence is rooted in a development key",
                       "for development, say `simulation: allowed` in the descriptor");
    }
    if (!signature_holds(*evidence, expectation.evidence_key)) {
        return failure("evidence-forged",
                       "the evidence is not signed by the key that was pinned for this node",
                       "if the node was set up anew on purpose, forget its pinned key");
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
    return claims_of(*evidence, expectation);
}

} // namespace authex::tee::native
