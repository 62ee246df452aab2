#include "tee/trustzone/verifier.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "tee/trustzone/evidence.hpp"
#include "tee/trustzone/rsa_public_key.hpp"

namespace authex::tee::trustzone {
namespace {

constexpr int salt_bytes = 32;

std::string hex(ByteView bytes) {
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

/// Over SHA-256(report data ‖ hash).
bool signature_holds(const Evidence& evidence, const Expectation& expectation) {
    const PublicKey key = key_of_modulus(expectation.evidence_key);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    EVP_PKEY_CTX* of_key = nullptr;
    const ByteView data(expectation.report_data);
    return key != nullptr && context != nullptr &&
           EVP_DigestVerifyInit(context.get(), &of_key, EVP_sha256(), nullptr, key.get()) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(of_key, salt_bytes) == 1 &&
           EVP_DigestVerifyUpdate(context.get(), data.data(), data.size()) == 1 &&
           EVP_DigestVerifyUpdate(context.get(), evidence.hash.data(), evidence.hash.size()) == 1 &&
           EVP_DigestVerifyFinal(
               context.get(), evidence.signature.data(), evidence.signature.size()) == 1;
}

bool is_empty(const Evidence& evidence) {
    return std::all_of(evidence.signature.begin(), evidence.signature.end(), [](std::uint8_t byte) {
        return byte == 0;
    });
}

Claims claims_of(const Evidence& evidence, const Expectation& expectation) {
    const bool simulated = expectation.simulated;
    const std::string who = simulated ? "nobody: the node made its device key itself"
                                      : "the device's OP-TEE, by the key that was enrolled";
    Claims claims{.identity = {evidence.hash.begin(), evidence.hash.end()},
                  .simulated = simulated,
                  .text = fmt::format("trusted application {}{}",
                                      hex(evidence.hash),
                                      simulated ? " (simulated)" : "")};
    claims.facts = {{.name = "identity",
                     .value = "memory " + hex(evidence.hash),
                     .compared_with = "read-only memory of the TA that was built here: equal",
                     .vouched_by = who},
                    {.name = "report data",
                     .value = hex(expectation.report_data),
                     .compared_with = "hash of this handshake, as computed here: signed",
                     .vouched_by = who},
                    {.name = "device key",
                     .value = "RSA-3072 " + hex(ByteView(expectation.evidence_key).first(16)) + "…",
                     .compared_with = "the key of the node, as it was enrolled: equal",
                     .vouched_by = simulated ? "nobody" : "you, who enrolled it"}};
    if (simulated) {
        claims.proves = {"who holds the node's pinned device key says that this TA runs there"};
        claims.does_not_prove = {
            "that the TA is protected: its process and root on the node can read and change it",
            "anything to a third party: the evidence is simulated, for development"};
    } else {
        claims.proves = {
            "the OP-TEE that holds the enrolled key has loaded this TA, whose initial memory all "
            "follows from what was measured",
            "what it says is of this handshake, not of an earlier one"};
        claims.does_not_prove = {
            "which OP-TEE that is: its key has no certificate; trust in it comes from enrolment "
            "and "
            "from the board's secure boot",
            "that the key never left: OP-TEE keeps it in secure storage of the normal world's "
            "disk, "
            "under a key that the hardware has",
            "that nobody with the board in hand reads its memory: TrustZone does not encrypt it"};
    }
    return claims;
}

} // namespace

Expected<Claims> TrustZoneVerifier::verify(ByteView bytes, const Expectation& expectation) const {
    const Expected<Evidence> evidence = parse_evidence(bytes);
    if (!evidence) {
        return tl::make_unexpected(evidence.error());
    }
    if (expectation.simulated && !expectation.simulation_allowed) {
        return failure("simulation-refused",
                       "the node simulates TrustZone: its evidence is rooted in a key of its own",
                       "for development, say `simulation: allowed` in the descriptor");
    }
    if (is_empty(*evidence)) {
        return failure("evidence-forged",
                       "nothing on the node vouches for the TA",
                       "is OP-TEE built with CFG_ATTESTATION_PTA=y and a key of 3072 bits?");
    }
    if (!signature_holds(*evidence, expectation)) {
        return failure(
            "evidence-forged",
            "the evidence is not signed, for this handshake, by the key of this node",
            "attest the module again; if the device was set up anew on purpose, enrol it "
            "again: authex node enroll");
    }
    if (!equal_constant_time(evidence->hash, expectation.identity)) {
        return failure("evidence-identity",
                       fmt::format("the node runs the TA {}, not {}",
                                   hex(evidence->hash),
                                   hex(expectation.identity)),
                       "deploy the module again");
    }
    return claims_of(*evidence, expectation);
}

} // namespace authex::tee::trustzone
