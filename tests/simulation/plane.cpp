#include "simulation/plane.hpp"

#include <authex/abi.h>

#include <algorithm>
#include <utility>

namespace authex::simulation {
namespace {

using Octets = std::vector<std::uint8_t>;

tl::unexpected<Diagnostic> late(const std::string& who) {
    return failure("deadline", who + " did not answer in time");
}

} // namespace

Plane::Plane(PlaneOutside& outside,
             em::Observer& observer,
             std::uint64_t spill_limit_bytes,
             std::uint64_t seed)
    : outside_(outside), observer_(observer), router_(*this, spill_limit_bytes, seed),
      next_number_(outside.clock_us()) {
    router_.set_now(outside_.clock_us());
}

template <typename T>
void Plane::complete(Done<T> done, Expected<T> value) {
    if (done) {
        tasks_.push_back([done = std::move(done), value = std::move(value)]() mutable {
            done(std::move(value));
        });
    }
}

void Plane::at(Deadline deadline, std::function<void()> action) {
    const auto us =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline.time_since_epoch());
    alarms_.emplace(static_cast<std::uint64_t>(us.count()), std::move(action));
}

Plane::Hosted* Plane::find(const em::ModuleName& name) {
    const auto found = std::find_if(hosted_.begin(), hosted_.end(), [&](const auto& module) {
        return module != nullptr && module->name == name;
    });
    return found == hosted_.end() ? nullptr : found->get();
}

Plane::Hosted* Plane::find(em::ModuleId id) {
    return id < hosted_.size() ? hosted_[id].get() : nullptr;
}

void Plane::add_module(em::ModuleName module,
                       std::unique_ptr<tee::ModuleLink> link,
                       Deadline deadline,
                       Done<bool> done) {
    at(deadline, [this, module] {
        Hosted* hosted = find(module);
        if (hosted != nullptr && hosted->greeted) {
            complete(std::exchange(hosted->greeted, nullptr), Expected<bool>(late(module.name)));
        }
    });
    auto shared = std::make_shared<std::unique_ptr<tee::ModuleLink>>(std::move(link));
    tasks_.push_back([this, module = std::move(module), shared, done = std::move(done)]() mutable {
        host(std::move(module), std::move(*shared), std::move(done));
    });
}

void Plane::host(em::ModuleName name, std::unique_ptr<tee::ModuleLink> link, Done<bool> done) {
    if (find(name) != nullptr) {
        complete(std::move(done), Expected<bool>(failure("duplicate-module", "it is there")));
        return;
    }
    auto free = std::find(hosted_.begin(), hosted_.end(), nullptr);
    if (free == hosted_.end()) {
        free = hosted_.insert(hosted_.end(), nullptr);
    }
    *free = std::make_unique<Hosted>();
    Hosted& module = **free;
    module.id = static_cast<em::ModuleId>(free - hosted_.begin());
    module.name = std::move(name);
    // Links come from the machine's loader, which makes no others.
    module.link.reset(static_cast<ModuleLink*>(link.release()));
    module.greeted = std::move(done);
    router_.add_module(module.id, module.name);
    send(module, {.kind = wire::Kind::hello}, {});
}

std::unique_ptr<tee::ModuleLink> Plane::remove_module(const em::ModuleName& name) {
    Hosted* module = find(name);
    if (module == nullptr) {
        return nullptr;
    }
    service(*module); // frames that it wrote already are kept
    end_module(*module, make_error("module-ended", "the module was removed"));
    std::erase(failed_, module->id);
    std::unique_ptr<tee::ModuleLink> link = std::move(module->link);
    hosted_[module->id].reset();
    return link;
}

void Plane::control(em::ModuleName name,
                    std::vector<std::uint8_t> frames,
                    std::uint32_t answers,
                    Deadline deadline,
                    Done<std::vector<std::uint8_t>> done) {
    Hosted* module = find(name);
    if (module == nullptr || !module->alive) {
        complete(std::move(done), Expected<Octets>(failure("unknown-module", "no such module")));
        return;
    }
    if (module->control) {
        complete(std::move(done), Expected<Octets>(failure("busy", "it answers another order")));
        return;
    }
    if (answers > 0) {
        const std::uint64_t number = next_number_++;
        module->control = {.number = number,
                           .done = std::move(done),
                           .answers = {},
                           .missing = answers,
                           .refused = Error::none};
        at(deadline, [this, name, number] {
            Hosted* hosted = find(name);
            if (hosted != nullptr && hosted->control && hosted->control->number == number) {
                complete(std::move(hosted->control->done), Expected<Octets>(late(name.name)));
                hosted->control.reset();
            }
        });
    }
    wire::FrameView view;
    for (ByteView rest(frames); wire::parse_frame(rest, view) == Error::none;
         rest = rest.subspan(view.frame_bytes())) {
        send_bytes(*module, rest.first(view.frame_bytes()));
    }
    if (answers == 0) {
        complete(std::move(done), Expected<Octets>(Octets()));
    }
}

void Plane::go_on_with(em::ModuleName name, std::vector<std::uint8_t> frames, Done<bool> done) {
    const Hosted* module = find(name);
    const bool taken = module != nullptr && router_.go_on_with(module->id, frames);
    complete(std::move(done),
             taken ? Expected<bool>(true) : failure("kept-state", "there is no room for it"));
}

void Plane::call(em::ModuleName name,
                 std::uint16_t entry,
                 std::vector<std::uint8_t> data,
                 Deadline deadline,
                 Done<std::vector<std::uint8_t>> done) {
    Hosted* module = find(name);
    if (module == nullptr || !module->alive) {
        complete(std::move(done), Expected<Octets>(failure("unknown-module", "no such module")));
        return;
    }
    const std::uint64_t number = next_number_++;
    module->calls[number].done = std::move(done);
    at(deadline, [this, name, number] {
        Hosted* hosted = find(name);
        if (hosted != nullptr && hosted->calls.contains(number)) {
            complete(std::move(hosted->calls[number].done), Expected<Octets>(late(name.name)));
            hosted->calls.erase(number);
        }
    });
    send(*module, {.kind = wire::Kind::call, .channel = entry, .counter = number}, data);
}

Expected<bool> Plane::connect(const em::Route& route) {
    return router_.set_route(route);
}

void Plane::disconnect(std::uint16_t deployment, std::uint16_t channel) {
    router_.remove_route(deployment, channel);
    directs_changed_ = true;
}

void Plane::deliver(std::uint16_t deployment,
                    em::DeliverOrder order,
                    Deadline deadline,
                    Done<em::DirectResult> done) {
    router_.drop_replies(deployment, order.channel, order.replies_from);
    const Expected<std::uint64_t> after = router_.deliver(deployment, order.channel, order.frames);
    if (!after) {
        complete(std::move(done), Expected<em::DirectResult>(tl::make_unexpected(after.error())));
        return;
    }
    const std::uint64_t number = next_number_++;
    direct_waits_.push_back({.deployment = deployment,
                             .channel = order.channel,
                             .number = number,
                             .after = *after,
                             .wait_reply = order.wait_reply,
                             .done = std::move(done)});
    directs_changed_ = true;
    at(deadline, [this, number] {
        const auto found = std::find_if(direct_waits_.begin(),
                                        direct_waits_.end(),
                                        [&](const auto& wait) { return wait.number == number; });
        if (found != direct_waits_.end()) {
            complete(std::move(found->done), Expected<em::DirectResult>(late("the module")));
            direct_waits_.erase(found);
        }
    });
}

void Plane::check_directs() {
    if (!std::exchange(directs_changed_, false)) {
        return;
    }
    std::erase_if(direct_waits_, [this](DirectWait& wait) {
        const em::DirectState state = router_.direct_state(wait.deployment, wait.channel);
        const bool refused = state.refused != Error::none && state.refused_counter < wait.after;
        const bool taken = state.expected >= wait.after;
        const bool replied = !wait.wait_reply || wait.after == 0 ||
                             router_.has_reply(wait.deployment, wait.channel, wait.after - 1);
        if (!refused && !(taken && replied)) {
            return false;
        }
        em::DirectResult result{
            .expected = state.expected, .replies = {}, .refused = state.refused};
        if (wait.wait_reply) {
            const std::uint64_t before = wait.after == 0 ? ~std::uint64_t{0} : wait.after;
            result.replies = router_.replies(wait.deployment, wait.channel, before);
        }
        complete(std::move(wait.done), Expected<em::DirectResult>(std::move(result)));
        return true;
    });
}

Expected<bool> Plane::add_periodic(const std::string& name,
                                   const em::ModuleName& module,
                                   std::uint16_t entry,
                                   std::uint64_t every_us) {
    return periodic_.add({.deployment = module.deployment,
                          .name = name,
                          .module = module,
                          .entry = entry,
                          .every_us = every_us},
                         outside_.clock_us());
}

Expected<bool> Plane::remove_periodic(std::uint16_t deployment, const std::string& name) {
    return periodic_.remove(deployment, name);
}

void Plane::clear(std::uint16_t deployment) {
    router_.clear(deployment);
    periodic_.clear(deployment);
}

em::Snapshot Plane::snapshot() {
    em::Snapshot snapshot;
    router_.fill(snapshot);
    periodic_.fill(snapshot);
    return snapshot;
}

bool Plane::round() {
    router_.set_now(outside_.clock_us());
    bool any = !tasks_.empty();
    if (any) {
        for (auto tasks = std::exchange(tasks_, {}); !tasks.empty(); tasks.pop_front()) {
            tasks.front()();
        }
    }
    for (std::size_t i = 0; i < hosted_.size(); ++i) {
        if (hosted_[i] != nullptr && hosted_[i]->alive) {
            any = service(*hosted_[i]) || any;
        }
    }
    for (const em::ModuleId id : std::exchange(newly_ready_, {})) {
        router_.module_ready(id);
    }
    for (const em::ModuleId id : std::exchange(newly_keyed_, {})) {
        router_.module_keyed(id);
    }
    run_timers();
    router_.flush();
    check_failures();
    check_directs();
    return any || !tasks_.empty();
}

void Plane::run_timers() {
    const std::uint64_t now = outside_.clock_us();
    if (now >= router_.next_due()) {
        router_.on_time();
    }
    if (now >= periodic_.next_due()) {
        periodic_.run(now, [this](const em::PeriodicState& periodic, std::uint32_t) {
            return fire(periodic);
        });
    }
    while (const auto due = timers_.take(now)) {
        if (Hosted* module = find(due->module)) {
            std::uint8_t body[8];
            Writer(body).u64(now);
            send(*module,
                 {.kind = wire::Kind::timer, .channel = due->channel, .counter = due->arming},
                 body);
        }
    }
    while (!alarms_.empty() && alarms_.begin()->first <= now) {
        const std::function<void()> action = std::move(alarms_.begin()->second);
        alarms_.erase(alarms_.begin());
        action();
    }
}

std::uint64_t Plane::next_due() const {
    const std::uint64_t alarm = alarms_.empty() ? ~std::uint64_t{0} : alarms_.begin()->first;
    return std::min({router_.next_due(), periodic_.next_due(), timers_.next_due(), alarm});
}

/// Takes what the module wrote, and sees whether it has ended.
bool Plane::service(Hosted& module) {
    bool any = false;
    const ByteView readable = module.link->process()->output();
    if (!readable.empty()) {
        const std::size_t taken = router_.from_module(module.id, readable);
        if (taken != 0) {
            outside_.took(module.link->process(), readable.first(taken));
            any = true;
        }
    }
    any = drain_urgent(module) || any;
    if (router_.wants_room(module.id)) {
        router_.module_writable(module.id);
    }
    const std::optional<tee::Exit> exit = module.link->exit();
    if (exit && module.alive) {
        end_module(module, make_error("module-ended", "the module has ended"));
        tasks_.push_back(
            [this, name = module.name, ended = *exit] { observer_.module_ended(name, ended); });
        any = true;
    }
    return any;
}

void Plane::end_module(Hosted& module, const Diagnostic& reason) {
    module.alive = false;
    module.ready = false;
    router_.remove_module(module.id);
    timers_.remove(module.id);
    complete(std::exchange(module.greeted, nullptr), Expected<bool>(tl::make_unexpected(reason)));
    if (module.control) {
        complete(std::move(module.control->done), Expected<Octets>(tl::make_unexpected(reason)));
        module.control.reset();
    }
    for (auto& [number, call] : module.calls) {
        complete(std::move(call.done), Expected<Octets>(tl::make_unexpected(reason)));
    }
    module.calls.clear();
    module.periodic_running.clear();
    module.urgent.clear();
}

void Plane::misbehaved(em::ModuleId id, std::string reason) {
    Hosted* module = find(id);
    if (module != nullptr && module->alive) {
        module->alive = false;
        module->failure = std::move(reason);
        failed_.push_back(id);
    }
}

void Plane::check_failures() {
    for (const em::ModuleId id : std::exchange(failed_, {})) {
        Hosted& module = *hosted_[id];
        module.link->kill();
        end_module(module, make_error("module-ended", "it was killed: it " + module.failure));
        tasks_.push_back([this, name = module.name, reason = module.failure] {
            observer_.module_misbehaved(name, reason);
        });
    }
}

std::size_t Plane::module_room(em::ModuleId id) {
    Hosted* module = find(id);
    return module == nullptr || !module->alive || !module->urgent.empty()
               ? 0
               : module->link->process()->room();
}

void Plane::to_module(em::ModuleId id, ByteView frames) {
    outside_.give(hosted_[id]->link->process(), frames);
}

void Plane::send(Hosted& module, const wire::FrameHeader& header, ByteView body) {
    Octets frame(wire::header_bytes + body.size());
    wire::FrameHeader complete = header;
    complete.deployment = module.name.deployment;
    complete.length = static_cast<std::uint32_t>(body.size());
    wire::write_header(complete, frame);
    copy(body, Bytes(frame).subspan(wire::header_bytes));
    send_bytes(module, frame);
}

void Plane::send_bytes(Hosted& module, ByteView frame) {
    module.urgent.emplace_back(frame.begin(), frame.end());
    (void)drain_urgent(module);
}

bool Plane::drain_urgent(Hosted& module) {
    bool any = false;
    while (!module.urgent.empty() &&
           module.link->process()->room() >= module.urgent.front().size()) {
        outside_.give(module.link->process(), module.urgent.front());
        module.urgent.pop_front();
        any = true;
    }
    return any;
}

bool Plane::fire(const em::PeriodicState& periodic) {
    Hosted* module = find(periodic.module);
    if (module == nullptr || !module->ready ||
        !module->periodic_running.insert(periodic.name).second) {
        return false;
    }
    const std::uint64_t number = next_number_++;
    module->calls[number].periodic = periodic.name;
    send(*module, {.kind = wire::Kind::call, .channel = periodic.entry, .counter = number}, {});
    return true;
}

void Plane::service_frame(em::ModuleId id, const wire::FrameHeader& header, ByteView body) {
    Hosted& module = *hosted_[id];
    switch (header.kind) {
    case wire::Kind::hello:
        if (!module.ready) {
            module.ready = true;
            newly_ready_.push_back(id);
            complete(std::exchange(module.greeted, nullptr), Expected<bool>(true));
        }
        return;
    case wire::Kind::handshake:
    case wire::Kind::control:
        take_control_answer(module, header, body);
        return;
    case wire::Kind::refusal:
        take_control_refusal(module, body);
        return;
    case wire::Kind::result:
        take_result(module, header, body);
        return;
    case wire::Kind::timer:
        if (body.size() == 8) {
            (void)timers_.arm({id, header.channel, header.counter},
                              outside_.clock_us() + Reader(body).u64());
        }
        return;
    case wire::Kind::log:
        observer_.log_line(module.name, AUTHEX_LOG_INFO, std::string(body.begin(), body.end()));
        return;
    default:
        return; // streams, which no simulated module has
    }
}

void Plane::take_control_answer(Hosted& module, const wire::FrameHeader& header, ByteView body) {
    if (!module.control || header.direction() != wire::Direction::back) {
        return;
    }
    PendingControl& control = *module.control;
    std::array<std::uint8_t, wire::header_bytes> head{};
    wire::write_header(header, head);
    control.answers.insert(control.answers.end(), head.begin(), head.end());
    control.answers.insert(control.answers.end(), body.begin(), body.end());
    one_order_less(module);
}

void Plane::take_control_refusal(Hosted& module, ByteView body) {
    Reader reader(body);
    const auto kind = static_cast<wire::Kind>(reader.u8());
    const auto error = static_cast<Error>(reader.u8());
    if (module.control && reader.done() &&
        (kind == wire::Kind::control || kind == wire::Kind::handshake)) {
        module.control->refused = error;
        one_order_less(module);
    }
}

void Plane::one_order_less(Hosted& module) {
    PendingControl& control = *module.control;
    if (--control.missing == 0) {
        complete(std::move(control.done),
                 control.refused == Error::none
                     ? Expected<Octets>(std::move(control.answers))
                     : Expected<Octets>(failure("order-refused", "it refuses its owner's orders")));
        module.control.reset();
        newly_keyed_.push_back(module.id);
    }
}

void Plane::take_result(Hosted& module, const wire::FrameHeader& header, ByteView body) {
    const auto found = module.calls.find(header.counter);
    if (found == module.calls.end()) {
        return;
    }
    PendingCall call = std::move(found->second);
    module.calls.erase(found);
    module.periodic_running.erase(call.periodic);
    complete(std::move(call.done),
             header.negative()
                 ? Expected<Octets>(failure("entry-refused", "the module refused the call"))
                 : Expected<Octets>(Octets(body.begin(), body.end())));
}

} // namespace authex::simulation
