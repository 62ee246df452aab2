#include "deployer/sgx_trust.hpp"

namespace authex::deployer {
namespace {

tee::sgx::Policy sgx_policy(const descriptor::Policy& policy) {
    tee::sgx::Policy all;
    all.allow_debug = policy.allow_debug;
    all.isv_svn_min = policy.svn;
    all.evaluation_min = policy.evaluation;
    if (policy.mitigated) {
        all.mitigated.emplace(policy.mitigated->begin(), policy.mitigated->end());
    }
    for (const std::string& word : policy.tcb) {
        if (const auto status = tee::sgx::parse_tcb_status(word)) {
            all.accepted.insert(*status);
        }
    }
    return all;
}

} // namespace

tee::sgx::Trust sgx_trust(const descriptor::Descriptor& descriptor) {
    const descriptor::Policy& policy = descriptor.policy;
    const auto in_folder = [&](const std::optional<std::filesystem::path>& path) {
        return path ? descriptor.directory / *path : std::filesystem::path();
    };
    tee::sgx::Trust trust{.policy = sgx_policy(policy),
                          .root = in_folder(policy.root),
                          .collateral = in_folder(policy.collateral),
                          .service = std::nullopt};
    if (policy.pccs) {
        trust.service = {.url = policy.pccs->url, .authority = in_folder(policy.pccs->authority)};
    }
    return trust;
}

} // namespace authex::deployer
