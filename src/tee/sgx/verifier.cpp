#include "tee/sgx/verifier.hpp"

#include <chrono>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tee/sgx/evidence.hpp"
#include "tee/sgx/verifier/quote_verifier.hpp"

namespace authex::tee::sgx {
namespace {

std::string hex(ByteView bytes) {
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

UnixTime now() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

/// The words that all verifiers use, for a step that failed.
const char* code_of(const Step& step) {
    if (step.problem->code == "collateral-missing") {
        return "collateral-missing";
    }
    if (step.name == "quote-structure") {
        return "evidence-malformed";
    }
    if (step.name == "policy-mrenclave") {
        return "evidence-identity";
    }
    if (step.name == "policy-report-data") {
        return "evidence-stale";
    }
    return step.name.starts_with("policy-") ? "evidence-platform" : "evidence-forged";
}

/// What the author of a descriptor can do, in its words; else what the step says.
std::string fix_of(const Step& step) {
    if (step.name == "policy-debug") {
        return "remove «debug» from the module's «enclave»; while developing, write «policy: { "
               "allow-debug: true }»";
    }
    if (step.name == "policy-version") {
        return "raise «svn» of the module's «enclave», or lower that of «policy»";
    }
    if (step.name == "policy-evaluation") {
        return "get current collateral, or lower «evaluation» of «policy»";
    }
    if (step.name == "policy-tcb-status") {
        return step.problem->fix + "; of a descriptor: «tcb» and «mitigated» of «policy»";
    }
    return step.problem->fix;
}

tl::unexpected<Diagnostic> refusal_of(const Step& step) {
    Diagnostic diagnostic = *step.problem;
    diagnostic.fix = fix_of(step);
    diagnostic.code = code_of(step);
    diagnostic.summary = fmt::format("{} (step {})", diagnostic.summary, step.name);
    return tl::make_unexpected(std::move(diagnostic));
}

Claims claims_of(const Verdict& verdict, const Expectation& expectation, bool simulated) {
    const std::string who = simulated ? "the node's simulated Quoting Enclave"
                                      : "Intel, through the platform's Quoting Enclave";
    const ReportBody& body = *verdict.body;
    Claims claims{.identity = {body.mrenclave.begin(), body.mrenclave.end()},
                  .simulated = simulated,
                  .text = fmt::format("enclave {} ({}{})",
                                      hex(body.mrenclave),
                                      simulated ? "simulated" : to_text(*verdict.combined_status),
                                      body.debug() ? ", debug" : "")};
    claims.facts = {{.name = "identity",
                     .value = "MRENCLAVE " + hex(body.mrenclave),
                     .compared_with = "the enclave that was built here: equal",
                     .vouched_by = who},
                    {.name = "signer",
                     .value = fmt::format("MRSIGNER {}, product {}, security version {}",
                                          hex(body.mrsigner),
                                          body.isv_prod_id,
                                          body.isv_svn),
                     .compared_with = "`policy` (svn) of the descriptor; the measurement says more",
                     .vouched_by = who},
                    {.name = "mode",
                     .value = body.debug() ? "debug: its host reads its memory" : "production",
                     .compared_with = "`policy` (allow-debug) of the descriptor: accepted",
                     .vouched_by = who},
                    {.name = "report data",
                     .value = hex(ByteView(body.report_data).first(expectation.report_data.size())),
                     .compared_with = "hash of this handshake, as computed here: equal",
                     .vouched_by = "the enclave"}};
    claims.facts.push_back(
        {.name = "quote",
         .value = fmt::format("{} checks, up to the root", verdict.steps.all().size()),
         .compared_with = "signatures, certificates, revocation, dates: all hold",
         .vouched_by = simulated ? "nobody: the node made its root itself" : "Intel's root"});
    claims.facts.push_back({.name = "platform",
                            .value = fmt::format("{}{}{}",
                                                 to_text(*verdict.combined_status),
                                                 verdict.advisories.empty() ? "" : ", ",
                                                 fmt::join(verdict.advisories, ", ")),
                            .compared_with = "`policy` of the descriptor: accepted",
                            .vouched_by = simulated ? "nobody" : "Intel"});
    if (simulated) {
        claims.proves = {"who holds the node's pinned root says that this enclave runs there"};
        claims.does_not_prove = {
            "that the enclave is protected: its host process and root on the node can read and "
            "change its memory",
            "anything to a third party: the evidence is simulated, for development"};
    } else {
        claims.proves = {"this enclave runs on a processor that Intel has certified",
                         "what it says is of this handshake, not of an earlier one"};
        claims.does_not_prove = {
            "that nobody with the machine in hand attacks the processor itself",
            "that side channels of the processor leak nothing"};
    }
    return claims;
}

} // namespace

SgxVerifier::SgxVerifier(Trust trust)
    : trust_(std::move(trust)),
      service_(trust_.service ? std::make_unique<CollateralService>(*trust_.service) : nullptr) {}

Expected<TrustAnchor> SgxVerifier::anchor_for(const Expectation& expectation) const {
    TrustAnchor anchor;
    if (!expectation.evidence_key.empty()) {
        if (!expectation.simulation_allowed) {
            return failure("simulation-refused",
                           "the node simulates SGX: its evidence is rooted in a key of its own",
                           "for development, say `simulation: allowed` in the descriptor");
        }
        if (expectation.evidence_key.size() != anchor.root_key.size()) {
            return failure("evidence-forged",
                           "the key that was pinned for this node is no root of SGX");
        }
        copy(expectation.evidence_key, anchor.root_key);
    } else if (!trust_.root.empty()) {
        const Expected<Point> root = read_root(trust_.root);
        if (!root) {
            return tl::make_unexpected(root.error());
        }
        anchor.root_key = *root;
    }
    return anchor;
}

Expected<Collateral> SgxVerifier::own_collateral(ByteView quote) const {
    if (!trust_.collateral.empty()) {
        return read_collateral(trust_.collateral);
    }
    return service_ == nullptr ? Expected<Collateral>(Collateral{}) : service_->fetch(quote);
}

Expected<Claims> SgxVerifier::verify(ByteView bytes, const Expectation& expectation) const {
    Expected<Evidence> evidence = parse_evidence(bytes);
    if (!evidence) {
        return tl::make_unexpected(evidence.error());
    }
    const Expected<TrustAnchor> anchor = anchor_for(expectation);
    if (!anchor) {
        return tl::make_unexpected(anchor.error());
    }
    if (expectation.identity.size() != measurement_bytes ||
        expectation.report_data.size() > sgx_report_data_bytes) {
        return failure("evidence-identity", "the module has no MRENCLAVE to compare with");
    }
    Policy policy = trust_.policy;
    policy.mrenclave.emplace();
    copy(expectation.identity, *policy.mrenclave);
    policy.report_data.emplace(); // what follows the hash is zero
    copy(expectation.report_data, *policy.report_data);
    const bool simulated = !expectation.evidence_key.empty();
    Expected<Collateral> collateral =
        simulated ? Expected<Collateral>(Collateral{}) : own_collateral(evidence->quote);
    if (!collateral) {
        return tl::make_unexpected(collateral.error());
    }
    collateral->files.merge(evidence->collateral.files);
    const Verdict verdict =
        QuoteVerifier(std::move(*collateral), *anchor).verify(evidence->quote, policy, now());
    if (const Step* failed = verdict.steps.failure()) {
        return refusal_of(*failed);
    }
    return claims_of(verdict, expectation, simulated);
}

} // namespace authex::tee::sgx
