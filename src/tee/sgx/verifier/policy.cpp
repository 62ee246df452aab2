#include "tee/sgx/verifier/policy.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/hex.hpp"
#include "tee/sgx/verifier/refusal.hpp"

namespace authex::tee::sgx {
namespace {

tl::unexpected<Diagnostic>
against_policy(const std::string& found, const std::string& expected, const std::string& fix) {
    return refused("policy-refused", found, expected, fix.c_str());
}

/// Such enclaves' memory can be read by the machine's owner.
Expected<bool> check_debug(const Policy& policy, const ReportBody& body) {
    if (body.debug() && !policy.allow_debug) {
        return against_policy(
            "the enclave runs in debug mode: its owner reads its memory",
            "a production enclave",
            "build it for production, or allow it for development (--allow-debug)");
    }
    return true;
}

Expected<bool> check_attributes(const ReportBody& body) {
    constexpr std::uint64_t needed = attribute::init | attribute::mode64;
    constexpr std::uint64_t forbidden = attribute::provision_key | attribute::einit_token_key;
    const std::uint64_t flags = body.attributes.flags;
    if ((flags & needed) != needed || (flags & forbidden) != 0) {
        return against_policy(fmt::format("the enclave has the attributes {:#x}", flags),
                              "initialised, 64 bits, without the keys of provisioning and launch",
                              "build it without these attributes");
    }
    return true;
}

bool needs_hardening(TcbStatus status) {
    return status == TcbStatus::sw_hardening_needed ||
           status == TcbStatus::configuration_and_sw_hardening_needed;
}

Expected<bool> check_status(const Policy& policy, const Standing& standing) {
    const bool never =
        standing.status == TcbStatus::revoked || standing.status == TcbStatus::not_supported;
    std::vector<std::string_view> words;
    for (const TcbStatus each : policy.accepted) {
        words.push_back(to_text(each));
    }
    if (never || !policy.accepted.contains(standing.status)) {
        return against_policy(
            fmt::format("the platform is {}", to_text(standing.status)),
            fmt::format("{}", fmt::join(words, " or ")),
            never ? "do not trust this platform"
                  : "update the platform's firmware and microcode, or accept this (--accept)");
    }
    if (!needs_hardening(standing.status) || !policy.mitigated) {
        return true;
    }
    if (!standing.advisories_known) {
        return against_policy("the TCB info is of a version that names no advisories",
                              "TCB info of version 3",
                              "get the collateral from the current provisioning service");
    }
    for (const std::string& advisory : standing.advisories) {
        if (!policy.mitigated->contains(advisory)) {
            return against_policy(fmt::format("{} needs mitigation in the enclave", advisory),
                                  fmt::format("one of {}", fmt::join(*policy.mitigated, ", ")),
                                  "mitigate it, then say so (--mitigated)");
        }
    }
    return true;
}

Expected<bool> check_measurement(const std::optional<Measurement>& wanted,
                                 const Measurement& found,
                                 const char* name) {
    if (wanted && *wanted != found) {
        return against_policy(fmt::format("{} is {}", name, to_hex(found)),
                              to_hex(*wanted),
                              "deploy the enclave that was meant");
    }
    return true;
}

Expected<bool> check_version(const Policy& policy, const ReportBody& body) {
    if (policy.isv_prod_id && *policy.isv_prod_id != body.isv_prod_id) {
        return against_policy(fmt::format("the enclave is product {}", body.isv_prod_id),
                              fmt::format("product {}", *policy.isv_prod_id),
                              "deploy the enclave that was meant");
    }
    if (body.isv_svn < policy.isv_svn_min) {
        return against_policy(fmt::format("the enclave has the security version {}", body.isv_svn),
                              fmt::format("at least {}", policy.isv_svn_min),
                              "deploy a current enclave");
    }
    return true;
}

Expected<bool> check_report_data(const Policy& policy, const ReportBody& body) {
    if (policy.report_data && !equal_constant_time(*policy.report_data, body.report_data)) {
        return against_policy(fmt::format("the report data is {}", to_hex(body.report_data)),
                              to_hex(*policy.report_data),
                              "attest again: this quote is of another session");
    }
    return true;
}

Expected<bool> check_evaluation(const Policy& policy, const Standing& standing) {
    if (standing.evaluation_number < policy.evaluation_min) {
        return against_policy(
            fmt::format("the collateral is of evaluation {}", standing.evaluation_number),
            fmt::format("at least {}", policy.evaluation_min),
            "get current collateral");
    }
    return true;
}

} // namespace

void apply_policy(const Policy& policy,
                  const ReportBody& body,
                  const Standing& standing,
                  Steps& steps) {
    const bool accepted =
        steps.note("policy-debug", check_debug(policy, body), body.debug() ? "allowed" : "no") &&
        steps.note("policy-attributes",
                   check_attributes(body),
                   fmt::format("{:#x}", body.attributes.flags)) &&
        steps.note("policy-evaluation",
                   check_evaluation(policy, standing),
                   fmt::format("{}", standing.evaluation_number)) &&
        steps.note("policy-tcb-status",
                   check_status(policy, standing),
                   std::string(to_text(standing.status))) &&
        steps.note("policy-mrenclave",
                   check_measurement(policy.mrenclave, body.mrenclave, "MRENCLAVE"),
                   policy.mrenclave ? "as wanted" : "any") &&
        steps.note("policy-mrsigner",
                   check_measurement(policy.mrsigner, body.mrsigner, "MRSIGNER"),
                   policy.mrsigner ? "as wanted" : "any") &&
        steps.note("policy-version",
                   check_version(policy, body),
                   fmt::format("product {}, security version {}", body.isv_prod_id, body.isv_svn));
    if (accepted) {
        steps.note("policy-report-data",
                   check_report_data(policy, body),
                   policy.report_data ? "as wanted" : "any");
    }
}

} // namespace authex::tee::sgx
