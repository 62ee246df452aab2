#include "em/data_plane.hpp"

#include <algorithm>
#include <pthread.h>
#include <random>
#include <system_error>

#include <fmt/format.h>

#include "em/plane.hpp"

namespace authex::em {
namespace {

/// A yield that takes longer: others want the processor, and get it for so long.
constexpr std::uint64_t crowded_us = 50;
constexpr std::uint64_t rest_us = 1'000;

bool keeps(const tee::OwnClock& clock, std::uint64_t every_us) {
    return every_us >= clock.period_us_min && every_us <= clock.period_us_max &&
           every_us % clock.unit_us == 0;
}

tl::unexpected<Diagnostic> cannot_keep(const tee::OwnClock& clock, const std::string& name) {
    return failure("bad-period",
                   fmt::format("the clock of this node does not keep the period of \"{}\"", name),
                   fmt::format("give a multiple of {} µs from {} to {} µs",
                               clock.unit_us,
                               clock.period_us_min,
                               clock.period_us_max));
}

} // namespace

Plane::Plane(const DataPlaneOptions& options, Observer& observer)
    : options_(options), observer_(observer), guard_(asio::make_work_guard(io_)),
      router_(*this, options.spill_limit_bytes, options.node_id),
      links_(io_, *this, options.node_id, options.dead_peer_us),
      streams_(io_, *this, options.stream_bind), wake_(io_),
      spin_({.longest = options.spin_us, .crowded = crowded_us, .rest = rest_us}) {}

Plane::~Plane() {
    if (thread_.joinable()) {
        asio::post(io_, [this] { stop_ = true; });
        thread_.join();
    }
    links_.close();
    for (const auto& module : hosted_) {
        if (module != nullptr) {
            // The modules live on; the descriptors belong to their links.
            module->doorbell.release();
            if (module->ended.is_open()) {
                module->ended.release();
            }
        }
    }
}

Expected<bool> Plane::start() {
    if (!options_.state_directory.empty()) {
        std::error_code error;
        std::filesystem::create_directories(options_.state_directory, error);
        if (error) {
            return failure("state-directory",
                           fmt::format("{} cannot be made: {}",
                                       options_.state_directory.string(),
                                       error.message()));
        }
    }
    if (!options_.tls_certificate.empty()) {
        auto tls =
            TlsContext::open(options_.tls_certificate, options_.tls_key, options_.tls_authority);
        if (!tls) {
            return tl::make_unexpected(tls.error());
        }
        tls_ = std::move(*tls);
    }
    Expected<bool> listening = links_.listen(options_.listen, tls_.get());
    if (!listening) {
        return listening;
    }
    address_ = links_.address();
    router_.set_now(monotonic_us());
    thread_ = std::thread([this] { run(); });
    ::pthread_setname_np(thread_.native_handle(), "data-plane");
    return true;
}

Expected<std::unique_ptr<DataPlane>> DataPlane::open(const DataPlaneOptions& options,
                                                     Observer& observer) {
    DataPlaneOptions complete = options;
    if (complete.node_id == 0) {
        std::random_device random;
        complete.node_id = (std::uint64_t{random()} << 32U) | random();
    }
    auto plane = std::make_unique<Plane>(complete, observer);
    const Expected<bool> started = plane->start();
    if (!started) {
        return tl::make_unexpected(started.error());
    }
    return plane;
}

void Plane::add_module(ModuleName module,
                       std::unique_ptr<tee::ModuleLink> link,
                       Deadline deadline,
                       Done<bool> done) {
    // Handlers are copied by the queue; a link cannot be.
    auto shared = std::make_shared<std::unique_ptr<tee::ModuleLink>>(std::move(link));
    later([this, module = std::move(module), shared, deadline, done = std::move(done)]() mutable {
        host(std::move(module), std::move(*shared), deadline, std::move(done));
    });
}

std::unique_ptr<tee::ModuleLink> Plane::remove_module(const ModuleName& module) {
    return blocking([&] { return unhost(module); });
}

void Plane::go_on_with(ModuleName module, std::vector<std::uint8_t> frames, Done<bool> done) {
    later([this,
           name = std::move(module),
           frames = std::move(frames),
           done = std::move(done)]() mutable {
        const Hosted* module = find(name);
        const bool taken = module != nullptr && router_.go_on_with(module->id, frames);
        const bool by_disk = module != nullptr && !module->held_up.empty();
        complete(std::move(done),
                 taken ? Expected<bool>(true)
                       : failure("kept-state",
                                 fmt::format("what module \"{}\" has left finds no room{}",
                                             name.name,
                                             by_disk ? ": " + module->held_up : ""),
                                 by_disk ? "mend the disk, and try again"
                                         : "its receivers are slow or away; see authex status, and "
                                           "try again"));
    });
}

void Plane::call(ModuleName module,
                 std::uint16_t entry,
                 std::vector<std::uint8_t> data,
                 Deadline deadline,
                 Done<std::vector<std::uint8_t>> done) {
    later([this,
           module = std::move(module),
           entry,
           data = std::move(data),
           deadline,
           done = std::move(done)]() mutable {
        start_call(module, entry, data, deadline, std::move(done));
    });
}

Expected<bool> Plane::connect(const Route& route) {
    return blocking([&] { return router_.set_route(route); });
}

void Plane::disconnect(std::uint16_t deployment, std::uint16_t channel) {
    blocking([&] {
        router_.remove_route(deployment, channel);
        directs_changed_ = true;
        return true;
    });
}

void Plane::deliver(std::uint16_t deployment,
                    DeliverOrder order,
                    Deadline deadline,
                    Done<DirectResult> done) {
    later([this, deployment, order = std::move(order), deadline, done = std::move(done)]() mutable {
        router_.drop_replies(deployment, order.channel, order.replies_from);
        const Expected<std::uint64_t> after =
            router_.deliver(deployment, order.channel, order.frames);
        if (!after) {
            complete(std::move(done), Expected<DirectResult>(tl::make_unexpected(after.error())));
            return;
        }
        const std::uint64_t number = next_call_++;
        DirectWait wait{.deployment = deployment,
                        .channel = order.channel,
                        .number = number,
                        .after = *after,
                        .wait_reply = order.wait_reply,
                        .done = std::move(done)};
        wait.timer = at(deadline, [this, number] {
            const auto found =
                std::find_if(direct_waits_.begin(), direct_waits_.end(), [&](const DirectWait& w) {
                    return w.number == number;
                });
            if (found != direct_waits_.end()) {
                Done<DirectResult> late = std::move(found->done);
                direct_waits_.erase(found);
                complete(std::move(late),
                         Expected<DirectResult>(
                             failure("deadline", "the module did not take the event in time")));
            }
        });
        direct_waits_.push_back(std::move(wait));
        directs_changed_ = true;
    });
}

void Plane::check_directs() {
    if (!std::exchange(directs_changed_, false)) {
        return;
    }
    for (std::size_t i = 0; i < direct_waits_.size();) {
        DirectWait& wait = direct_waits_[i];
        const DirectState state = router_.direct_state(wait.deployment, wait.channel);
        const bool refused = state.refused != Error::none && state.refused_counter < wait.after;
        const bool taken = state.expected >= wait.after;
        const bool replied = !wait.wait_reply || wait.after == 0 ||
                             router_.has_reply(wait.deployment, wait.channel, wait.after - 1);
        if (!refused && !(taken && replied)) {
            ++i;
            continue;
        }
        DirectResult result{.expected = state.expected, .refused = state.refused};
        if (wait.wait_reply) {
            const std::uint64_t before = wait.after == 0 ? ~std::uint64_t{0} : wait.after;
            result.replies = router_.replies(wait.deployment, wait.channel, before);
        }
        complete(std::move(wait.done), Expected<DirectResult>(std::move(result)));
        direct_waits_.erase(direct_waits_.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

Expected<bool> Plane::add_periodic(const std::string& name,
                                   const ModuleName& module,
                                   std::uint16_t entry,
                                   std::uint64_t every_us) {
    return blocking([&]() -> Expected<bool> {
        const Hosted* hosted = find(module);
        const auto clock = hosted == nullptr ? std::nullopt : hosted->link->own_clock();
        if (clock && !keeps(*clock, every_us)) {
            return cannot_keep(*clock, name);
        }
        Expected<bool> added = periodic_.add({.deployment = module.deployment,
                                              .name = name,
                                              .module = module,
                                              .entry = entry,
                                              .every_us = every_us},
                                             monotonic_us());
        if (added && clock && periodic_.size() > clock->calls_max) {
            (void)periodic_.remove(module.deployment, name);
            return failure("too-many-periodic",
                           fmt::format("the clock of this node makes {} periodic calls, and there "
                                       "is no room for \"{}\"",
                                       clock->calls_max,
                                       name),
                           "unregister another, or let one entry do the work of several");
        }
        set_own_clocks();
        return added;
    });
}

Expected<bool> Plane::remove_periodic(std::uint16_t deployment, const std::string& name) {
    return blocking([&] {
        Expected<bool> removed = periodic_.remove(deployment, name);
        set_own_clocks();
        return removed;
    });
}

bool Plane::may_stay_on_node(ModuleId source, std::uint16_t channel, ModuleId destination) {
    return find(source)->link->carry_to(channel, *find(destination)->link);
}

void Plane::must_not_stay_on_node(ModuleId source, std::uint16_t channel) {
    if (Hosted* module = find(source)) {
        module->link->carry_no_more(channel);
    }
}

/// Nodes that call entries by themselves are told which.
void Plane::set_own_clocks() {
    for (const auto& module : hosted_) {
        if (module != nullptr && module->ready && module->link->own_clock()) {
            module->link->set_periodic(periodic_.hand_over(module->name));
        }
    }
}

void Plane::clear(std::uint16_t deployment) {
    blocking([&] {
        router_.clear(deployment);
        periodic_.clear(deployment);
        set_own_clocks();
        return true;
    });
}

void Plane::fill(Snapshot& snapshot, Hosted& module) {
    for (const tee::Carried& events : module.link->take_carried()) {
        router_.carried(module.name.deployment, events);
    }
    if (!module.held_up.empty()) {
        snapshot.held_up.push_back({module.name, module.held_up});
    }
    if (const auto entries = module.link->entries()) {
        snapshot.entries.push_back({module.name, *entries});
    }
}

Snapshot Plane::snapshot() {
    return blocking([&] {
        Snapshot snapshot;
        for (const auto& module : hosted_) {
            if (module != nullptr) {
                fill(snapshot, *module);
            }
        }
        snapshot.disk_failures = disk_failures_;
        router_.fill(snapshot);
        links_.fill(snapshot);
        periodic_.fill(snapshot);
        for (PeriodicState& state : snapshot.periodic) {
            const Hosted* module = find(state.module);
            if (module != nullptr && module->link->own_clock()) {
                const tee::PeriodicCounts counts = module->link->periodic_counts(state.name);
                state.fired = counts.fired;
                state.missed = counts.missed;
            }
        }
        return snapshot;
    });
}

} // namespace authex::em
