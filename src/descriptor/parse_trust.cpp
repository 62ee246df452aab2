// Whom to believe, and who signs.
#include <algorithm>

#include <fmt/format.h>

#include "descriptor/sections.hpp"
#include "descriptor/values.hpp"

namespace authex::descriptor {
namespace {

/// Intel's TCB statuses but Revoked, which nobody should accept. (Intel PCS API v4, tcbStatus)
std::vector<std::string> read_statuses(const Element& list, Findings& findings) {
    static const std::vector<std::string> statuses = {"UpToDate",
                                                      "SWHardeningNeeded",
                                                      "ConfigurationNeeded",
                                                      "ConfigurationAndSWHardeningNeeded",
                                                      "OutOfDate",
                                                      "OutOfDateConfigurationNeeded"};
    std::vector<std::string> accepted;
    for (const ElementPointer& item : read_items(list, "«tcb»", findings)) {
        if (const auto index = read_choice(*item, "a TCB status", statuses, findings)) {
            accepted.push_back(statuses[*index]);
        }
    }
    return accepted;
}

/// INTEL-SA-00334 and the like; other characters would be a slip.
bool is_advisory(std::string_view text) {
    return !text.empty() && text.size() <= 40 &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) {
               return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
           });
}

std::vector<std::string> read_advisories(const Element& list, Findings& findings) {
    std::vector<std::string> advisories;
    for (const ElementPointer& item : read_items(list, "«mitigated»", findings)) {
        auto text = read_text(*item, "an advisory", findings);
        if (text && !is_advisory(*text)) {
            findings.error(item->where,
                           {"invalid-value",
                            fmt::format("{} is no advisory", quote(*text)),
                            "write it as Intel does: INTEL-SA-00334"});
        } else if (text) {
            advisories.push_back(std::move(*text));
        }
    }
    return advisories;
}

/// `https://host:port`, as text or in a map with the authority of its certificate.
std::optional<CollateralService> read_service(const Element& element, Findings& findings) {
    CollateralService service;
    const Element* url = &element;
    if (element.kind == Element::Kind::map) {
        const MapReader map(element, "«pccs»", {"url", "certificate"}, findings);
        url = map.require("url", element.where);
        if (const Element* certificate = map.find("certificate")) {
            service.authority = read_path(*certificate, "«certificate»", findings);
        }
    }
    const auto text = url == nullptr ? std::nullopt : read_text(*url, "«pccs»", findings);
    if (!text) {
        return std::nullopt;
    }
    constexpr std::string_view scheme = "https://";
    const std::string_view rest = std::string_view(*text).substr(
        text->compare(0, scheme.size(), scheme) == 0 ? scheme.size() : text->size());
    if (rest.empty() || rest.find_first_of("/?#@ \t") != std::string_view::npos) {
        findings.error(url->where,
                       {"invalid-url",
                        fmt::format("{} is no address of a provisioning service", quote(*text)),
                        "write https://host:port, without a path"});
        return std::nullopt;
    }
    service.url = *text;
    return service;
}

template <typename T>
void read_number(const Element* element,
                 std::string_view what,
                 std::uint64_t most,
                 Findings& findings,
                 T& into) {
    if (element != nullptr) {
        into = static_cast<T>(read_integer(*element, what, {0, most}, findings).value_or(0));
    }
}

Signing read_signer(const Element& element, std::string_view tee, Findings& findings) {
    const MapReader map(element,
                        fmt::format("«{}» of «signing»", tee),
                        {"key", "public-key", "signatures"},
                        findings);
    Signing signing;
    signing.where = element.where;
    const auto path_of = [&](const char* key) {
        const Element* path = map.find(key);
        return path == nullptr ? std::nullopt
                               : read_path(*path, fmt::format("«{}»", key), findings);
    };
    signing.key = path_of("key");
    signing.public_key = path_of("public-key");
    signing.signatures = path_of("signatures");
    const bool at_hand = map.find("key") != nullptr;
    const bool has_public = map.find("public-key") != nullptr;
    const bool has_signatures = map.find("signatures") != nullptr;
    if (map.is_map() && (has_public != has_signatures || at_hand == has_public)) {
        findings.error(element.where,
                       {at_hand ? "conflicting-keys" : "missing-key",
                        "images are signed with a key that is at hand, or elsewhere",
                        "write «key: vendor.pem», or «public-key: vendor.pub» and «signatures: "
                        "signatures»"});
    }
    return signing;
}

} // namespace

Policy read_policy(const Element& element, Findings& findings) {
    const MapReader map(
        element,
        "«policy»",
        {"allow-debug", "tcb", "mitigated", "evaluation", "svn", "root", "collateral", "pccs"},
        findings);
    Policy policy;
    policy.where = element.where;
    if (const Element* debug = map.find("allow-debug")) {
        policy.allow_debug = read_bool(*debug, "«allow-debug»", findings).value_or(false);
    }
    if (const Element* tcb = map.find("tcb")) {
        policy.tcb = read_statuses(*tcb, findings);
    }
    if (const Element* mitigated = map.find("mitigated")) {
        policy.mitigated = read_advisories(*mitigated, findings);
    }
    read_number(map.find("evaluation"), "«evaluation»", 0xFFFFFFFF, findings, policy.evaluation);
    read_number(map.find("svn"), "«svn»", 0xFFFF, findings, policy.svn);
    if (const Element* root = map.find("root")) {
        policy.root = read_path(*root, "«root»", findings);
    }
    const Element* collateral = map.find("collateral");
    if (collateral != nullptr) {
        policy.collateral = read_path(*collateral, "«collateral»", findings);
    }
    if (const Element* service = map.find("pccs")) {
        policy.pccs = read_service(*service, findings);
        if (collateral != nullptr) {
            findings.error(service->where,
                           {"conflicting-keys",
                            "collateral comes from a folder and from a service",
                            "remove «pccs», or «collateral»"});
        }
    }
    return policy;
}

std::map<Tee, Signing> read_signing(const Element& element, Findings& findings) {
    const MapReader map(element, "«signing»", {"sgx", "trustzone"}, findings);
    std::map<Tee, Signing> signing;
    for (const Tee tee : {Tee::sgx, Tee::trustzone}) {
        if (const Element* signer = map.find(to_string(tee))) {
            signing[tee] = read_signer(*signer, to_string(tee), findings);
        }
    }
    return signing;
}

} // namespace authex::descriptor
