// The state is given to another machine, which goes on with less rights.
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "deployer/delegation.hpp"
#include "deployer/owned_application.hpp"

namespace authex::deployer {

Outcome<RoleCertificate> OwnedApplication::delegate(const DelegationOrder& order) {
    const Expected<bool> owned = must_own();
    if (!owned) {
        return failed(owned.error());
    }
    if (outside_.owner.index != 0) {
        return failed(make_error("recovered",
                                 "this application was taken over with its recovery key, which its "
                                 "modules put above a delegate's",
                                 "make the application's keys anew first: docs/recovery.md"));
    }
    auto brought_up = up({});
    if (!brought_up) {
        return tl::make_unexpected(std::move(brought_up.error()));
    }
    auto state = open_to_change();
    if (!state) {
        return failed(state.error());
    }
    for (const auto& [name, module] : (*state)->modules()) {
        if (!module.instance_of.empty()) {
            return failed(make_error(
                "not-finished",
                fmt::format("an update of module {} is not finished", module.instance_of),
                "run authex up until there is nothing to do"));
        }
    }
    std::array<std::uint8_t, 16> id{};
    outside_.random(id);
    const auto made = delegate_state(**state,
                                     {.descriptor = descriptor_,
                                      .owner = outside_.owner,
                                      .values = values({}, **state),
                                      .state_directory = outside_.state_directory,
                                      .images = outside_.images,
                                      .folder = order.folder,
                                      .days = order.days,
                                      .delegation = {.name = order.name,
                                                     .id = fmt::format("{:02x}", fmt::join(id, "")),
                                                     .since_us = unix_time_us(outside_)}});
    return made ? Outcome<RoleCertificate>(*made) : failed(made.error());
}

} // namespace authex::deployer
