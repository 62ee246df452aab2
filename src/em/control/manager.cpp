#include "em/control/manager.hpp"

#include <authex/abi.h>

#include <set>

#include <fmt/format.h>

#include "em/control/node_metrics.hpp"
#include "tee/process/kept_copy.hpp"
#include "wire/frame.hpp"

namespace authex::em {
namespace {

constexpr std::uint32_t control_answers_max = 4096;

/// Frames say for which deployment they are; nobody speaks for another one.
Expected<bool> check_frames(const std::vector<std::uint8_t>& frames, std::uint16_t deployment) {
    for (ByteView rest(frames); !rest.empty();) {
        wire::FrameView view;
        const Error error = wire::parse_frame(rest, view);
        if (error != Error::none || view.header.deployment != deployment) {
            return failure("malformed-frames",
                           error == Error::none ? "a frame is of another deployment"
                                                : fmt::format("a frame is {}", error_text(error)));
        }
        rest = rest.subspan(view.frame_bytes());
    }
    return true;
}

/// The report data that stands behind the Noise message in a handshake's answer, with what the TEE
/// has made of it (runtime/control.cpp); of the last one, where there are several.
std::optional<std::vector<std::uint8_t>> report_data_of(const std::vector<std::uint8_t>& frames) {
    constexpr std::size_t report_data_bytes = 32;
    std::optional<std::vector<std::uint8_t>> found;
    wire::FrameView view;
    for (ByteView rest(frames); wire::parse_frame(rest, view) == Error::none;
         rest = rest.subspan(view.frame_bytes())) {
        Reader body(view.body);
        if (view.header.kind == wire::Kind::handshake && !view.header.negative()) {
            (void)body.take(body.u16());
            const ByteView report_data = body.rest();
            if (body.ok() && report_data.size() >= report_data_bytes) {
                found.emplace(report_data.begin(), report_data.end());
            }
        }
    }
    return found;
}

} // namespace

Expected<bool> Manager::authorize(const Caller& caller) const {
    const auto authorized = node_.authorize(caller.identity.owner, caller.deployment);
    return authorized ? Expected<bool>(true) : tl::make_unexpected(authorized.error());
}

/// Authorizes a change, after which nobody else may take the deployment over.
Expected<bool> Manager::use(const Caller& caller) {
    Expected<bool> authorized = authorize(caller);
    if (authorized && node_.hold(caller.deployment)) {
        authorized = outside_.store.put(*node_.deployment(caller.deployment));
    }
    return authorized;
}

void Manager::hello(const Caller& caller, std::string application, const Done<Greeting>& done) {
    Expected<bool> known = true;
    if (caller.identity.role == rpc::Role::owner) {
        const Expected<Deployment> claimed =
            node_.hello(caller.identity.owner, caller.deployment, std::move(application));
        known = claimed ? outside_.store.put(*claimed)
                        : Expected<bool>(tl::make_unexpected(claimed.error()));
    } else {
        known = authorize(caller);
    }
    if (!known) {
        done(tl::make_unexpected(known.error()));
        return;
    }
    done(Greeting{.tee = outside_.loader.info(),
                  .node_id = node_id_,
                  .boot = boot_,
                  .events_address = plane_->events_address(),
                  .limits = node_.limits(),
                  .unix_time_us = outside_.unix_time_us()});
}

void Manager::control(const Caller& caller,
                      const std::string& module,
                      std::vector<std::uint8_t> frames,
                      std::uint32_t answers,
                      Done<ControlAnswer> done) {
    const Expected<const Module*> found = find_running(caller, module);
    const Expected<bool> checked = found ? check_frames(frames, caller.deployment)
                                         : Expected<bool>(tl::make_unexpected(found.error()));
    if (!checked) {
        done(tl::make_unexpected(checked.error()));
        return;
    }
    if (answers > control_answers_max) {
        done(failure("bad-request",
                     fmt::format("{} answers are too many to wait for", answers),
                     fmt::format("ask for at most {} at once", control_answers_max)));
        return;
    }
    const auto answered = [this, spec = (*found)->spec, done = std::move(done)](
                              Expected<std::vector<std::uint8_t>> back) {
        if (!back) {
            done(tl::make_unexpected(back.error()));
            return;
        }
        const auto report_data = report_data_of(*back);
        if (!report_data) {
            done(ControlAnswer{.frames = std::move(*back), .evidence = {}});
            return;
        }
        outside_.aside(
            [this, spec, done, report_data = *report_data, back = std::move(*back)]() mutable {
                auto evidence = outside_.loader.evidence(spec, report_data);
                done(evidence ? Expected<ControlAnswer>(ControlAnswer{
                                    .frames = std::move(back), .evidence = std::move(*evidence)})
                              : tl::make_unexpected(evidence.error()));
            });
    };
    plane_->control((*found)->name(), std::move(frames), answers, caller.deadline, answered);
}

void Manager::kept_state(const Caller& caller,
                         const std::string& module,
                         Done<std::vector<std::uint8_t>> done) {
    using State = std::vector<std::uint8_t>;
    const Expected<const Module*> found = find_running(caller, module);
    if (!found) {
        done(tl::make_unexpected(found.error()));
        return;
    }
    const ModuleName name = (*found)->name();
    Expected<tee::process::KeptCopy> kept = tee::process::read_kept(outside_.store.folder(name));
    if (!kept || kept->state.empty() || plane_ == nullptr) {
        done(kept ? Expected<State>(State()) : tl::make_unexpected(kept.error()));
        return;
    }
    plane_->go_on_with(
        name,
        std::move(kept->frames),
        [state = std::move(kept->state), done = std::move(done)](const Expected<bool>& gone_on) {
            done(gone_on ? Expected<State>(state) : tl::make_unexpected(gone_on.error()));
        });
}

void Manager::certify(const Caller& caller,
                      const std::string& module,
                      std::uint16_t endpoint,
                      Done<bool> done) {
    using Data = std::vector<std::uint8_t>;
    const Expected<const Module*> found = find_running(caller, module);
    if (!found) {
        done(tl::make_unexpected(found.error()));
        return;
    }
    const auto given = [done = std::move(done)](const Expected<Data>& answer) {
        done(answer ? Expected<bool>(true) : tl::make_unexpected(answer.error()));
    };
    const auto give = [this, caller, module, endpoint, instance = (*found)->instance, given](
                          const Expected<Data>& evidence) {
        const Expected<const Module*> still = find_running(caller, module);
        if (!evidence || !still) {
            given(evidence ? Expected<Data>(tl::make_unexpected(still.error())) : evidence);
        } else if ((*still)->instance != instance || plane_ == nullptr) {
            given(failure("module-restarted",
                          fmt::format("module {} has ended while evidence was made for it", module),
                          fmt::format("authex attest --module {}", module)));
        } else {
            plane_->call((*still)->name(), endpoint, *evidence, caller.deadline, given);
        }
    };
    const auto reported = [this, spec = (*found)->spec, give, given](const Expected<Data>& report) {
        if (!report || report->empty()) {
            given(report);
            return;
        }
        outside_.aside([this, spec, give, report = *report] {
            outside_.post([give, evidence = outside_.loader.certificate_evidence(spec, report)] {
                give(evidence);
            });
        });
    };
    plane_->call((*found)->name(), endpoint, {}, caller.deadline, reported);
}

void Manager::call(const Caller& caller,
                   const std::string& module,
                   std::uint16_t entry,
                   std::vector<std::uint8_t> data,
                   Done<std::vector<std::uint8_t>> done) {
    const Expected<const Module*> found = find_running(caller, module);
    if (!found) {
        done(tl::make_unexpected(found.error()));
        return;
    }
    plane_->call((*found)->name(), entry, std::move(data), caller.deadline, std::move(done));
}

Expected<bool> Manager::connect(const Caller& caller, const Route& route) {
    Expected<bool> done = use(caller);
    if (done) {
        done = node_.check_route(route);
    }
    // On disk first: a route that was answered for is never lost.
    if (done) {
        done = outside_.store.put(route);
    }
    if (!done) {
        return done;
    }
    Expected<bool> connected = plane_->connect(route);
    if (!connected) {
        const Route* earlier = node_.route(route.deployment, route.channel);
        const Expected<bool> undone =
            earlier != nullptr ? outside_.store.put(*earlier)
                               : outside_.store.erase_route(route.deployment, route.channel);
        if (!undone) {
            warn({route.deployment, ""}, undone.error().summary);
        }
        return connected;
    }
    node_.set_route(route);
    changes_.note(route.deployment);
    return true;
}

Expected<bool> Manager::disconnect(const Caller& caller, std::uint16_t channel) {
    Expected<bool> done = use(caller);
    if (done) {
        done = outside_.store.erase_route(caller.deployment, channel);
    }
    if (done) {
        plane_->disconnect(caller.deployment, channel);
        node_.remove_route(caller.deployment, channel);
        changes_.note(caller.deployment);
    }
    return done;
}

void Manager::deliver(const Caller& caller, DeliverOrder order, Done<DirectResult> done) {
    Expected<bool> allowed = authorize(caller);
    if (allowed) {
        allowed = check_frames(order.frames, caller.deployment);
    }
    if (!allowed) {
        done(tl::make_unexpected(allowed.error()));
        return;
    }
    plane_->deliver(caller.deployment, std::move(order), caller.deadline, std::move(done));
}

Expected<bool> Manager::add_periodic(const Caller& caller, const Periodic& periodic) {
    Expected<bool> used = use(caller);
    if (!used) {
        return used;
    }
    Expected<bool> is_new = node_.check_periodic(periodic);
    if (!is_new || !*is_new) {
        return is_new;
    }
    Expected<bool> kept = outside_.store.put(periodic);
    if (!kept) {
        return kept;
    }
    Expected<bool> added =
        plane_->add_periodic(periodic.name, periodic.module, periodic.entry, periodic.every_us);
    if (!added) {
        (void)outside_.store.erase_periodic(caller.deployment, periodic.name);
        return added;
    }
    node_.set_periodic(periodic);
    changes_.note(caller.deployment);
    return true;
}

Expected<bool> Manager::remove_periodic(const Caller& caller, const std::string& name) {
    Expected<bool> used = use(caller);
    if (!used) {
        return used;
    }
    if (node_.periodic(caller.deployment, name) == nullptr) {
        return failure("unknown-periodic",
                       fmt::format("there is no periodic event \"{}\" on this node", name));
    }
    Expected<bool> erased = outside_.store.erase_periodic(caller.deployment, name);
    if (!erased) {
        return erased;
    }
    node_.remove_periodic(caller.deployment, name);
    changes_.note(caller.deployment);
    return plane_->remove_periodic(caller.deployment, name);
}

Expected<NodeStatus> Manager::status(const Caller& caller) {
    const Expected<bool> authorized = authorize(caller);
    if (!authorized) {
        return tl::make_unexpected(authorized.error());
    }
    NodeStatus status;
    const std::optional<Diagnostic> trouble = outside_.loader.trouble();
    for (const Module* module : node_.modules(caller.deployment)) {
        status.modules.push_back(*module);
        if (trouble && module->alive()) {
            status.modules.back().failure = trouble->summary;
        }
    }
    status.traffic = plane_->snapshot();
    std::set<std::string> peers;
    for (const Route* route : node_.routes(caller.deployment)) {
        status.routes.push_back(*route);
        peers.insert(route->source_address);
        peers.insert(route->destination_address);
    }
    std::erase_if(status.traffic.connections,
                  [&](const auto& each) { return each.deployment != caller.deployment; });
    std::erase_if(status.traffic.held_up,
                  [&](const auto& each) { return each.module.deployment != caller.deployment; });
    std::erase_if(status.traffic.periodic,
                  [&](const auto& each) { return each.deployment != caller.deployment; });
    std::erase_if(status.traffic.links,
                  [&](const auto& each) { return peers.count(each.address) == 0; });
    return status;
}

Expected<std::vector<metrics::Family>> Manager::metrics(const Caller& caller) {
    const Expected<NodeStatus> known = status(caller);
    if (!known) {
        return tl::make_unexpected(known.error());
    }
    return traffic_metrics(known->modules, known->traffic);
}

std::vector<metrics::Family> Manager::metrics() {
    std::vector<Module> modules;
    for (const Module* module : node_.modules()) {
        modules.push_back(*module);
    }
    const Snapshot traffic = plane_ == nullptr ? Snapshot{} : plane_->snapshot();
    std::vector<metrics::Family> families = traffic_metrics(modules, traffic);
    metrics::Family logs{
        "authex_log_bytes", metrics::Type::gauge, "Bytes of log lines that are kept.", {}};
    logs.add({}, std::uint64_t{outside_.logs.bytes()});
    families.push_back(delivery_metrics(traffic));
    families.push_back(lateness_metrics(traffic));
    families.push_back(std::move(logs));
    for (metrics::Family& family : process_metrics()) {
        families.push_back(std::move(family));
    }
    return families;
}

Expected<ResetCounts> Manager::reset(const Caller& caller) {
    const Expected<bool> authorized = authorize(caller);
    if (!authorized) {
        return tl::make_unexpected(authorized.error());
    }
    const std::vector<const Module*> modules = node_.modules(caller.deployment);
    const ResetCounts counts{
        .modules = static_cast<std::uint32_t>(modules.size()),
        .connections = static_cast<std::uint32_t>(node_.routes(caller.deployment).size())};
    const Expected<bool> erased = outside_.store.erase_all_of(caller.deployment);
    if (!erased) {
        return tl::make_unexpected(erased.error());
    }
    for (const Module* module : modules) {
        end_process(module->name());
        outside_.store.remove_folder(module->name());
        outside_.logs.forget(module->name());
    }
    outside_.logs.forget({caller.deployment, ""});
    plane_->clear(caller.deployment);
    node_.reset(caller.deployment);
    changes_.note(caller.deployment);
    const Expected<bool> kept = outside_.store.put(*node_.deployment(caller.deployment));
    return kept ? Expected<ResetCounts>(counts) : tl::make_unexpected(kept.error());
}

std::vector<Deployment> Manager::deployments(const Caller& caller) const {
    return node_.deployments(caller.identity.owner);
}

void Manager::log_line(const ModuleName& module, std::uint8_t level, std::string text) {
    outside_.logs.add(module, level, std::move(text), outside_.unix_time_us());
}

void Manager::warn(const ModuleName& module, const std::string& text) {
    outside_.logs.add(module, AUTHEX_LOG_WARNING, text, outside_.unix_time_us());
}

} // namespace authex::em
