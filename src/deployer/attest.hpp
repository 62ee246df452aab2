#pragma once
// One attestation: handshake, evidence, and the first orders over the new control channel.

#include <array>
#include <string>
#include <vector>

#include "deployer/control_session.hpp"
#include "deployer/node.hpp"
#include "deployer/secret.hpp"
#include "tee/verifier.hpp"

namespace authex::deployer {

struct AttestInput {
    std::string module;
    std::uint16_t deployment = 0;
    const OwnerKey* owner = nullptr;
    const tee::Verifier* verifier = nullptr;
    tee::Expectation expectation;                  ///< report data is filled in
    std::array<std::uint8_t, 32> ephemeral{};      ///< random, for this attestation alone
    std::array<std::uint8_t, 32> module_entropy{}; ///< random, the module's
    std::vector<std::uint16_t> servers; ///< endpoints through which certificates get evidence
};

struct Attested {
    tee::Claims claims;
    Secret session;                      ///< ControlSession::serialize()
    std::vector<wire::AuditEntry> audit; ///< the connections that the module has, authenticated
};

/// Whether an attestation that ended so says something against the module or its node. Else nothing
/// was learned: it did not answer, or there was nothing to check it with.
[[nodiscard]] bool is_refusal(const Diagnostic& problem);

/// The owner's module runs on the node, and this is its channel: proven by evidence over the
/// handshake, and by the module's answers under the keys that follow from it.
/// @error evidence-… | simulation-refused | handshake-failed | order-unanswered | of the node
Expected<Attested> attest(const AttestInput& input, Node& node);

} // namespace authex::deployer
