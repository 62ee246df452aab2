#include "deployer/removal.hpp"

#include <algorithm>

namespace authex::deployer {

Expected<bool> remove_module(Node& node, std::uint16_t deployment, const std::string& module) {
    v1::StatusRequest question;
    question.set_deployment(deployment);
    const Expected<v1::StatusReply> status = node.status(question);
    if (!status) {
        return tl::make_unexpected(status.error());
    }
    const auto& modules = status->modules();
    const auto found = std::find_if(
        modules.begin(), modules.end(), [&](const auto& each) { return each.name() == module; });
    if (found == modules.end()) {
        return true;
    }
    v1::ModuleRequest request;
    request.set_deployment(deployment);
    request.set_module(module);
    request.set_started_at_us(found->started_at_us());
    const Expected<v1::ModuleReply> removed = node.remove(request);
    return removed ? Expected<bool>(true) : tl::make_unexpected(removed.error());
}

} // namespace authex::deployer
