#include "deployer/attest.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "deployer/orders.hpp"

namespace authex::deployer {
namespace {

std::vector<std::uint8_t> octets_of(const std::string& text) {
    return {text.begin(), text.end()};
}

Diagnostic handshake_failed(const std::string& module, const char* reason) {
    return make_error("handshake-failed",
                      fmt::format("module {} does not complete the handshake: {}", module, reason),
                      "is it built with this application's owner key? authex deploy it anew");
}

/// What the handshake and the first orders have shown, beside the evidence.
void add_channel_facts(const AttestInput& input, const Handshake& handshake, tee::Claims& claims) {
    if (input.expectation.module_key.empty()) {
        claims.facts.push_back({.name = "owner key",
                                .value = to_hex(input.owner->public_key),
                                .compared_with = "the key compiled into the image: the handshake "
                                                 "was completed with it",
                                .vouched_by = "the handshake, Noise_KN_25519_AESGCM_SHA256"});
    }
    claims.facts.push_back(
        {.name = "control channel",
         .value = fmt::format("handshake {}", to_hex(handshake.report_data())),
         .compared_with = "seed and audit were answered under the keys that follow from it",
         .vouched_by = "the module"});
    claims.proves.emplace_back(
        "the channel ends in that module: nobody between can read or change orders and answers");
}

Expected<v1::ControlReply>
send(const AttestInput& input, Node& node, const std::vector<std::vector<std::uint8_t>>& frames) {
    v1::ControlRequest request;
    request.set_deployment(input.deployment);
    request.set_module(input.module);
    request.set_answers(static_cast<std::uint32_t>(frames.size()));
    for (const auto& frame : frames) {
        request.mutable_frames()->append(frame.begin(), frame.end());
    }
    return node.control(request);
}

/// Seed and audit. The first order makes the module take the new keys for the old.
Expected<std::vector<wire::AuditEntry>>
begin_session(const AttestInput& input, Node& node, ControlSession& session) {
    wire::ControlMessage seed;
    seed.type = wire::ControlType::seed;
    seed.entropy = input.module_entropy;
    wire::ControlMessage audit;
    audit.type = wire::ControlType::audit;
    std::vector<std::vector<std::uint8_t>> frames(2);
    if (session.order(input.deployment, seed, frames[0]) != Error::none ||
        session.order(input.deployment, audit, frames[1]) != Error::none) {
        return tl::make_unexpected(handshake_failed(input.module, "no order can be sealed"));
    }
    const Expected<v1::ControlReply> reply = send(input, node, frames);
    if (!reply) {
        return tl::make_unexpected(reply.error());
    }
    const std::vector<std::uint8_t> bytes = octets_of(reply->frames());
    ByteView rest(bytes);
    std::vector<wire::AuditEntry> entries;
    for (std::uint64_t counter = 0; counter < frames.size(); ++counter) {
        OrderAnswer answer;
        Error error = session.answer(take_frame(rest), answer);
        if (error == Error::none && answer.answers != counter) {
            error = Error::replayed;
        }
        error = error == Error::none ? answer.error : error;
        if (error == Error::none && answer.type == wire::ControlType::audit) {
            error = parse_audit(answer.data, entries);
        }
        if (error != Error::none) {
            return failure("order-unanswered",
                           fmt::format("module {} does not answer its first orders: {}",
                                       input.module,
                                       error_text(error)),
                           fmt::format("authex attest --module {}", input.module));
        }
    }
    return entries;
}

/// Each server of the module gets evidence for its certificate. It is made by the node, for who
/// relies on the certificate: nothing is believed because of it here.
Expected<bool> certify(const AttestInput& input, Node& node) {
    for (const std::uint16_t endpoint : input.servers) {
        v1::CertifyRequest request;
        request.set_deployment(input.deployment);
        request.set_module(input.module);
        request.set_endpoint(endpoint);
        const auto reply = node.certify(request);
        if (!reply) {
            Diagnostic problem = reply.error();
            problem.summary =
                fmt::format("module {} gets no evidence for the certificate of its server: {}",
                            input.module,
                            problem.summary);
            return tl::make_unexpected(std::move(problem));
        }
    }
    return true;
}

std::unique_ptr<Handshake> begin_handshake(const AttestInput& input) {
    if (input.expectation.module_key.empty()) {
        return std::make_unique<NoiseHandshake>(*input.owner, input.ephemeral);
    }
    return std::make_unique<KeyedHandshake>(input.expectation.module_key, input.ephemeral);
}

} // namespace

bool is_refusal(const Diagnostic& problem) {
    constexpr std::array refusals = {"simulation-refused",
                                     "handshake-failed",
                                     "order-unanswered",
                                     "policy-refused",
                                     "quote-malformed",
                                     "quote-unsupported",
                                     "pck-extension",
                                     "certificate-revoked",
                                     "report-data"};
    return problem.code.starts_with("evidence-") ||
           std::find(refusals.begin(), refusals.end(), problem.code) != refusals.end();
}

Expected<Attested> attest(const AttestInput& input, Node& node) {
    const std::unique_ptr<Handshake> begun = begin_handshake(input);
    Handshake& handshake = *begun;
    const auto first = handshake.first(input.deployment);
    if (!first) {
        return tl::make_unexpected(first.error());
    }
    const Expected<v1::ControlReply> reply = send(input, node, {*first});
    if (!reply) {
        return tl::make_unexpected(reply.error());
    }
    ControlSession session;
    const std::vector<std::uint8_t> frames = octets_of(reply->frames());
    const Error error = handshake.second(frames, session);
    if (error != Error::none) {
        return tl::make_unexpected(handshake_failed(input.module, error_text(error)));
    }
    tee::Expectation expectation = input.expectation;
    expectation.report_data.assign(handshake.report_data().begin(), handshake.report_data().end());
    const std::vector<std::uint8_t> evidence =
        handshake.evidence().empty()
            ? octets_of(reply->evidence())
            : std::vector<std::uint8_t>(handshake.evidence().begin(), handshake.evidence().end());
    auto claims = input.verifier->verify(evidence, expectation);
    if (!claims) {
        Diagnostic problem = claims.error();
        problem.summary = fmt::format("module {}: {}", input.module, problem.summary);
        return tl::make_unexpected(std::move(problem));
    }
    auto audit = begin_session(input, node, session);
    if (!audit) {
        return tl::make_unexpected(audit.error());
    }
    if (const auto certified = certify(input, node); !certified) {
        return tl::make_unexpected(certified.error());
    }
    add_channel_facts(input, handshake, *claims);
    std::vector<std::uint8_t> serialized = session.serialize();
    Attested attested{
        .claims = std::move(*claims), .session = Secret(serialized), .audit = std::move(*audit)};
    wipe(serialized);
    return attested;
}

} // namespace authex::deployer
