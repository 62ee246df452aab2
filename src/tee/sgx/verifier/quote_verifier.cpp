#include "tee/sgx/verifier/quote_verifier.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <openssl/sha.h>

#include "base/hex.hpp"
#include "tee/sgx/verifier/refusal.hpp"

namespace authex::tee::sgx {
namespace {

constexpr auto fix_quote = "do not trust this quote; ask the node for another";

tl::unexpected<Diagnostic>
bad_quote(const char* code, const std::string& found, const std::string& expected) {
    return refused(code, found, expected, fix_quote);
}

Expected<PckExtension> read_pck(const X509& certificate) {
    const Expected<ByteView> content = extension_of(certificate, pck_extension_oid);
    return content ? parse_pck_extension(*content) : tl::make_unexpected(content.error());
}

Expected<bool> check_same_platform(const PckExtension& pck, const TcbInfo& info) {
    if (pck.fmspc != info.fmspc || pck.pce_id != info.pce_id) {
        return refused("collateral-other",
                       fmt::format("the TCB info is of FMSPC {}, PCE {}",
                                   to_hex(info.fmspc),
                                   to_hex(info.pce_id)),
                       fmt::format("FMSPC {}, PCE {}, as the PCK certificate says",
                                   to_hex(pck.fmspc),
                                   to_hex(pck.pce_id)),
                       "get the collateral of this platform");
    }
    return true;
}

Expected<bool> check_qe_signature(const Quote& quote, const X509& pck) {
    if (!signature_holds(
            *p256_key(pck), quote.quoting_enclave_raw, quote.quoting_enclave_signature)) {
        return bad_quote("quote-forged",
                         "the signature of the Quoting Enclave's report does not hold",
                         "a signature by the PCK");
    }
    return true;
}

/// REPORTDATA = SHA-256(attestation key ‖ authentication data) ‖ 32 zero bytes.
Expected<bool> check_binding(const Quote& quote) {
    std::array<std::uint8_t, sgx_report_data_bytes> expected{};
    std::vector<std::uint8_t> hashed(quote.attestation_key.begin(), quote.attestation_key.end());
    hashed.insert(hashed.end(), quote.authentication_data.begin(), quote.authentication_data.end());
    SHA256(hashed.data(), hashed.size(), expected.data());
    if (expected != quote.quoting_enclave.report_data) {
        return bad_quote("quote-forged",
                         fmt::format("the Quoting Enclave vouches for {}",
                                     to_hex(quote.quoting_enclave.report_data)),
                         to_hex(expected) + ", the hash of the attestation key");
    }
    return true;
}

Expected<bool> check_qe(const ReportBody& body, const QeIdentity& identity) {
    const Attributes masked = {.flags = body.attributes.flags & identity.attributes_mask.flags,
                               .xfrm = body.attributes.xfrm & identity.attributes_mask.xfrm};
    if ((body.misc_select & identity.misc_select_mask) != identity.misc_select ||
        masked != identity.attributes) {
        return bad_quote("quote-forged",
                         fmt::format("the Quoting Enclave has the attributes {:#x} and {:#x}",
                                     masked.flags,
                                     masked.xfrm),
                         fmt::format("{:#x} and {:#x}, as Intel's identity says",
                                     identity.attributes.flags,
                                     identity.attributes.xfrm));
    }
    if (body.mrsigner != identity.mrsigner || body.isv_prod_id != identity.isv_prod_id) {
        return bad_quote("quote-forged",
                         fmt::format("the Quoting Enclave is product {} of {}",
                                     body.isv_prod_id,
                                     to_hex(body.mrsigner)),
                         fmt::format("product {} of {}, as Intel's identity says",
                                     identity.isv_prod_id,
                                     to_hex(identity.mrsigner)));
    }
    return true;
}

Expected<bool> check_quote_signature(const Quote& quote) {
    const PublicKey key = key_of(quote.attestation_key);
    if (key == nullptr) {
        return bad_quote("quote-forged", "the attestation key is no point on P-256", "a P-256 key");
    }
    if (!signature_holds(*key, quote.signed_bytes, quote.signature)) {
        return bad_quote("quote-forged",
                         "the signature of the quote does not hold",
                         "a signature by the attestation key");
    }
    return true;
}

std::vector<std::string> both(const std::vector<std::string>& one,
                              const std::vector<std::string>& other) {
    std::set<std::string> all(one.begin(), one.end());
    all.insert(other.begin(), other.end());
    return {all.begin(), all.end()};
}

/// Of the platform, of its Quoting Enclave, and of both.
void rate(const Quote& quote, const CheckedCollateral& collateral, Verdict& verdict) {
    const TcbLevel* level = level_of(collateral.tcb_info(), verdict.pck->tcb);
    const EnclaveLevel* qe_level =
        level_of(collateral.qe_identity(), quote.quoting_enclave.isv_svn);
    const std::vector<std::string> none;
    verdict.tcb_status = level == nullptr ? TcbStatus::not_supported : level->status;
    verdict.qe_status = qe_level == nullptr ? TcbStatus::not_supported : qe_level->status;
    verdict.combined_status = combine(*verdict.tcb_status, *verdict.qe_status);
    verdict.advisories = both(level == nullptr ? none : level->advisories,
                              qe_level == nullptr ? none : qe_level->advisories);
}

/// Everything of the quote itself. @return whether all of it is right
bool check_quote(const Quote& quote,
                 const CheckedCollateral& collateral,
                 ChainVerifier& chains,
                 UnixTime now,
                 Verdict& verdict) {
    Steps& steps = verdict.steps;
    const Expected<Chain> chain = chains.check(quote.pck_chain, ChainKind::pck, now);
    if (!steps.note("pck-chain", chain, "up to the trusted root, in their time") ||
        !steps.note("pck-revoked",
                    collateral.check_not_revoked(*chain),
                    collateral.anchor().check_revocation ? "no" : "not looked at")) {
        return false;
    }
    const Expected<PckExtension> pck = read_pck(*chain->leaf);
    if (!steps.note("pck-extension", pck, pck ? "FMSPC " + to_hex(pck->fmspc) : "")) {
        return false;
    }
    verdict.pck = *pck;
    return steps.note("tcb-info-platform",
                      check_same_platform(*pck, collateral.tcb_info()),
                      "of the PCK's platform") &&
           steps.note(
               "qe-report-signature", check_qe_signature(quote, *chain->leaf), "by the PCK") &&
           steps.note("qe-report-binding", check_binding(quote), "hash of the attestation key") &&
           steps.note("qe-report-identity",
                      check_qe(quote.quoting_enclave, collateral.qe_identity()),
                      fmt::format("security version {}", quote.quoting_enclave.isv_svn)) &&
           steps.note("quote-signature", check_quote_signature(quote), "by the attestation key");
}

Outcome outcome_of(const Verdict& verdict) {
    const Step* failure = verdict.steps.failure();
    if (failure == nullptr) {
        return Outcome::accepted;
    }
    const std::string& code = failure->problem->code;
    return code == "collateral-missing" || code == "out-of-memory" ? Outcome::could_not_check
                                                                   : Outcome::refused;
}

} // namespace

const CheckedCollateral* QuoteVerifier::collateral_at(UnixTime now, Steps& steps) {
    if (!checked_ || !checked_->period().contains(now)) {
        checked_steps_ = {};
        checked_ = CheckedCollateral::check(collateral_, anchor_, chains_, now, checked_steps_);
    }
    steps.append(checked_steps_);
    return checked_ ? &*checked_ : nullptr;
}

Verdict QuoteVerifier::verify(ByteView bytes, const Policy& policy, UnixTime now) {
    Verdict verdict;
    const Expected<Quote> quote = parse_quote(bytes);
    if (!verdict.steps.note(
            "quote-structure", quote, quote ? fmt::format("version {}", quote->version) : "")) {
        return verdict;
    }
    verdict.body = quote->body;
    const CheckedCollateral* collateral = collateral_at(now, verdict.steps);
    if (collateral != nullptr && check_quote(*quote, *collateral, chains_, now, verdict)) {
        verdict.genuine = true;
        rate(*quote, *collateral, verdict);
        apply_policy(policy,
                     quote->body,
                     {.status = *verdict.combined_status,
                      .advisories_known = collateral->tcb_info().has_advisories,
                      .advisories = verdict.advisories,
                      .evaluation_number = std::min(collateral->tcb_info().evaluation_number,
                                                    collateral->qe_identity().evaluation_number)},
                     verdict.steps);
    }
    verdict.outcome = outcome_of(verdict);
    return verdict;
}

} // namespace authex::tee::sgx
