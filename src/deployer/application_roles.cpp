// What is special where more people than the owner work with an application.
#include <fmt/format.h>

#include "deployer/owned_application.hpp"
#include "wire/frame.hpp"

namespace authex::deployer {

Expected<bool> OwnedApplication::no_delegates() const {
    return outside_.owner.is_delegates()
               ? failure("owners-alone",
                         "this is a delegate's folder: it heals and attests what is deployed",
                         "only the owner changes what is deployed; authex delegate --take-back "
                         "DIR in his folder gives him the state")
               : Expected<bool>(true);
}

Expected<bool> OwnedApplication::must_own() const {
    const Expected<bool> may = no_delegates();
    if (!may || outside_.has_owner_key) {
        return may;
    }
    return failure("no-owner-key",
                   "this state directory has a certificate, but no owner key",
                   "only the owner builds, attests and connects; status, logs and restart "
                   "work as far as the certificate's role goes");
}

Expected<std::unique_ptr<State>>
OwnedApplication::with_deployment_of_nodes(std::unique_ptr<State> state) {
    const auto found = deployment_at_nodes(0);
    if (!found) {
        return tl::make_unexpected(found.error());
    }
    if (*found != state->deployment()) {
        // The owner has deployed anew: nothing that was known before is true.
        Expected<bool> kept = state->deployment() == 0 ? true : state->set_deployment(0);
        if (kept) {
            kept = state->set_deployment(*found);
        }
        if (!kept) {
            return tl::make_unexpected(kept.error());
        }
    }
    return state;
}

Outcome<bool> OwnedApplication::restart(const std::string& module) {
    const descriptor::Module* stated = descriptor_.find_module(module);
    if (stated == nullptr) {
        return failed(
            make_error("unknown-module", fmt::format("the descriptor has no module {}", module)));
    }
    const auto state = open_to_change();
    if (!state) {
        return failed(state.error());
    }
    const auto node = node_of(stated->node.name);
    if (!node) {
        return failed(node.error());
    }
    v1::ModuleRequest request;
    request.set_deployment((*state)->deployment());
    request.set_module(module);
    Report report(reporter_, "restart", module, stated->node.name);
    auto done = (*node)->stop(request);
    if (done) {
        done = (*node)->start(request);
    }
    if (!done) {
        report.failed(done.error().summary);
        return failed(done.error());
    }
    report.done();
    return true;
}

Outcome<std::vector<std::uint8_t>> OwnedApplication::device_key(const std::string& name) {
    const descriptor::Node* stated = descriptor_.find_node(name);
    if (stated == nullptr) {
        return failed(make_error("unknown-node", fmt::format("there is no node \"{}\"", name)));
    }
    if (stated->tee != descriptor::Tee::trustzone) {
        return failed(
            make_error("no-device-key",
                       fmt::format("node {} is a {} node, which has no device key to enroll",
                                   name,
                                   to_string(stated->tee))));
    }
    const auto state = open_to_change();
    if (!state) {
        return failed(state.error());
    }
    v1::HelloRequest request;
    request.set_deployment((*state)->deployment());
    request.set_application(descriptor_.application);
    request.add_protocol_versions(wire::protocol_version);
    const auto node = node_of(name);
    const auto hello = node ? (*node)->hello(request)
                            : Expected<v1::HelloReply>(tl::make_unexpected(node.error()));
    if (!hello) {
        return failed(hello.error());
    }
    return std::vector<std::uint8_t>(hello->evidence_key().begin(), hello->evidence_key().end());
}

Outcome<bool> OwnedApplication::tell_revoked() {
    Errors errors;
    v1::RevokeRequest request;
    request.mutable_serials()->Add(outside_.revoked.begin(), outside_.revoked.end());
    for (const descriptor::Node& stated : descriptor_.nodes) {
        const auto node = node_of(stated.name);
        const auto told = node ? (*node)->revoke(request)
                               : Expected<v1::RevokeReply>(tl::make_unexpected(node.error()));
        if (!told) {
            errors.push_back(told.error());
        }
    }
    return errors.empty() ? Outcome<bool>(true) : tl::make_unexpected(std::move(errors));
}

} // namespace authex::deployer
