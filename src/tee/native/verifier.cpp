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
    return Claims{.identity = {evidence->identity.begin(), evidence->identity.end()},
                  .simulated = true,
                  .text =
                      fmt::format("native image {} (simulated: signed by the node's development "
                                  "key)",
                                  hex(evidence->identity))};
}

} // namespace authex::tee::native
