// Modules: their coming and going, their calls, control frames, timers and log lines.
#include <authex/abi.h>

#include <algorithm>

#include <fmt/format.h>

#include "em/plane.hpp"

namespace authex::em {
namespace {

/// Calls of a module that wait for their result.
constexpr std::size_t calls_max = 1024;
/// Rings without a frame after which a module is only looked at now and then.
constexpr std::uint32_t idle_rings_max = 64;
constexpr auto rest_time = std::chrono::milliseconds(1);
/// The longest line that is passed on.
constexpr std::size_t line_max_bytes = 4096;

Diagnostic unknown_module(const ModuleName& name) {
    return make_error("unknown-module",
                      fmt::format("there is no module \"{}\" of deployment {} on this node",
                                  name.name,
                                  name.deployment),
                      "deploy it first");
}

Diagnostic deadline_passed(const std::string& what) {
    return make_error("deadline", fmt::format("{} in time", what));
}

/// How many frames of an owner there are; nothing: these are none.
std::optional<std::uint32_t> count_orders(ByteView frames) {
    std::uint32_t orders = 0;
    for (; !frames.empty(); ++orders) {
        wire::FrameView view;
        if (wire::parse_frame(frames, view) != Error::none ||
            (view.header.kind != wire::Kind::handshake &&
             view.header.kind != wire::Kind::control)) {
            return std::nullopt;
        }
        frames = frames.subspan(view.frame_bytes());
    }
    return orders;
}

} // namespace

Plane::Hosted* Plane::find(ModuleId id) {
    return id < hosted_.size() ? hosted_[id].get() : nullptr;
}

Plane::Hosted* Plane::find(const ModuleName& name) {
    const auto found = std::find_if(hosted_.begin(), hosted_.end(), [&](const auto& module) {
        return module != nullptr && module->name == name;
    });
    return found == hosted_.end() ? nullptr : found->get();
}

Plane::Timer Plane::at(Deadline deadline, std::function<void()> action) {
    auto timer = std::make_unique<asio::steady_timer>(io_);
    timer->expires_at(deadline);
    timer->async_wait([action = std::move(action)](const asio::error_code& cancelled) {
        if (!cancelled) {
            action();
        }
    });
    return timer;
}

void Plane::host(ModuleName name,
                 std::unique_ptr<tee::ModuleLink> link,
                 Deadline deadline,
                 Done<bool> done) {
    if (find(name) != nullptr) {
        complete(
            std::move(done),
            Expected<bool>(failure("duplicate-module",
                                   fmt::format("there is a module \"{}\" already", name.name))));
        return;
    }
    auto free = std::find(hosted_.begin(), hosted_.end(), nullptr);
    if (free == hosted_.end()) {
        free = hosted_.insert(hosted_.end(), nullptr);
    }
    const ModuleId id = static_cast<ModuleId>(free - hosted_.begin());
    *free = std::make_unique<Hosted>(io_);
    Hosted& module = **free;
    module.id = id;
    module.name = std::move(name);
    module.link = std::move(link);
    module.greeted = std::move(done);
    module.greeting_timer = at(deadline, [this, id, module_name = module.name] {
        Hosted* late = find(id);
        if (late != nullptr && late->name == module_name) {
            complete(std::exchange(late->greeted, nullptr),
                     Expected<bool>(tl::make_unexpected(deadline_passed(
                         fmt::format("module \"{}\" did not answer", module_name.name)))));
        }
    });
    router_.add_module(id, module.name);
    watch(module);
    send(module, {.kind = wire::Kind::hello}, {});
    activate(module);
}

void Plane::watch(Hosted& module) {
    module.doorbell.assign(module.link->doorbell_fd());
    watch_doorbell(module);
    if (module.link->exit_fd() >= 0) {
        module.ended.assign(module.link->exit_fd());
        watch_exit(module);
    }
}

void Plane::watch_doorbell(Hosted& module) {
    module.doorbell.async_wait(asio::posix::stream_descriptor::wait_read,
                               [this, &module](const asio::error_code& error) {
                                   // With an error the module may be gone already.
                                   if (!error) {
                                       rang(module);
                                   }
                               });
}

/// A module that rings again and again without having written anything is not listened to for a
/// while: it must not keep the thread awake, which others need.
void Plane::rang(Hosted& module) {
    module.link->drain_doorbell();
    module.awake_refusals = 0;
    if (++module.idle_rings <= idle_rings_max) {
        activate(module);
        watch_doorbell(module);
        return;
    }
    module.resting = true;
    module.doorbell.release(); // as long as the reactor has it, each ring wakes the thread
    module.rest = at(std::chrono::steady_clock::now() + rest_time, [this, id = module.id] {
        Hosted* rested = find(id);
        if (rested != nullptr && std::exchange(rested->resting, false)) {
            glance_at(*rested);
            rested->doorbell.assign(rested->link->doorbell_fd());
            watch_doorbell(*rested);
        }
    });
}

void Plane::watch_exit(Hosted& module) {
    module.ended.async_wait(asio::posix::stream_descriptor::wait_read,
                            [this, &module](const asio::error_code& error) {
                                if (error) {
                                    return;
                                }
                                const std::optional<tee::Exit> exit = module.link->exit();
                                if (!exit) {
                                    watch_exit(module);
                                    return;
                                }
                                service(module); // its last words
                                end_module(module,
                                           make_error("module-ended",
                                                      fmt::format("module \"{}\" has ended: {}",
                                                                  module.name.name,
                                                                  tee::to_text(*exit))));
                                asio::post(io_, [this, name = module.name, ended = *exit] {
                                    observer_.module_ended(name, ended);
                                });
                            });
}

/// Nothing is expected from the module any more.
void Plane::end_module(Hosted& module, const Diagnostic& reason) {
    module.alive = false;
    module.ready = false;
    router_.remove_module(module.id);
    streams_.remove(module.id);
    timers_.remove(module.id);
    const auto error = tl::make_unexpected(reason);
    complete(std::exchange(module.greeted, nullptr), Expected<bool>(error));
    module.greeting_timer.reset();
    if (module.control) {
        complete(std::move(module.control->done), Expected<std::vector<std::uint8_t>>(error));
        module.control.reset();
    }
    for (auto& [number, call] : module.calls) {
        complete(std::move(call.done), Expected<std::vector<std::uint8_t>>(error));
    }
    module.calls.clear();
    module.periodic_running.clear();
    module.urgent.clear();
    module.urgent_begin = 0;
}

std::unique_ptr<tee::ModuleLink> Plane::unhost(const ModuleName& name) {
    Hosted* module = find(name);
    if (module == nullptr) {
        return nullptr;
    }
    // Frames that it wrote already are kept before it goes.
    service(*module);
    if (module->used != 0) {
        module->link->commit(std::exchange(module->used, 0));
        module->link->notify();
    }
    end_module(*module,
               make_error("module-ended", fmt::format("module \"{}\" was removed", name.name)));
    for (std::vector<Hosted*>* list : {&active_, &touched_, &stalled_, &failed_}) {
        list->erase(std::remove(list->begin(), list->end(), module), list->end());
    }
    // The descriptors belong to the link.
    module->doorbell.release();
    if (module->ended.is_open()) {
        module->ended.release();
    }
    std::unique_ptr<tee::ModuleLink> link = std::move(module->link);
    // Handlers of the descriptors that are on their way see the error, not the module; but one that
    // was ready before the release may still run.
    graveyard_.push_back(std::move(hosted_[module->id]));
    asio::post(io_, [this] { graveyard_.clear(); });
    return link;
}

void Plane::misbehaved(ModuleId id, std::string reason) {
    Hosted* module = find(id);
    if (module != nullptr && module->alive) {
        module->alive = false;
        module->failure = std::move(reason);
        failed_.push_back(module);
    }
}

void Plane::check_failures() {
    const std::vector<Hosted*> failed = std::exchange(failed_, {});
    for (Hosted* module : failed) {
        module->link->kill();
        end_module(*module,
                   make_error("module-ended",
                              fmt::format("module \"{}\" was killed: it {}",
                                          module->name.name,
                                          module->failure)));
        asio::post(io_, [this, name = module->name, reason = module->failure] {
            observer_.module_misbehaved(name, reason);
        });
    }
}

void Plane::service_frame(ModuleId id, const wire::FrameHeader& header, ByteView body) {
    Hosted& module = *hosted_[id];
    switch (header.kind) {
    case wire::Kind::result:
        take_result(module, header, body);
        return;
    case wire::Kind::handshake:
    case wire::Kind::control:
        take_control_answer(module, header, body);
        return;
    case wire::Kind::hello:
        take_hello(module, body);
        return;
    case wire::Kind::timer:
        take_timer(module, header, body);
        return;
    case wire::Kind::log:
        take_log(module, header, body);
        return;
    case wire::Kind::listen:
        take_listen(module, header, body);
        return;
    case wire::Kind::stream_open:
        streams_.pull(id, header.counter);
        return;
    case wire::Kind::stream_data:
        streams_.write(id, header.counter, body);
        return;
    case wire::Kind::stream_close:
        streams_.close(id, header.counter);
        return;
    case wire::Kind::refusal:
        take_control_refusal(module, body);
        return;
    case wire::Kind::time:
        if (header.direction() == wire::Direction::forward && module.link != nullptr) {
            module.link->give_time();
        }
        return;
    case wire::Kind::state: // its host's, which keeps it where it is to be kept
    case wire::Kind::event:
    case wire::Kind::request:
    case wire::Kind::reply:
    case wire::Kind::ack:
    case wire::Kind::call:
    case wire::Kind::ping:
        return; // the router's
    }
}

void Plane::take_listen(Hosted& module, const wire::FrameHeader& header, ByteView body) {
    Reader reader(body);
    const std::uint16_t port = reader.u16();
    const std::uint8_t pulled = reader.u8();
    if (!reader.done() || pulled > 1) {
        misbehaved(module.id, "sent a listen frame of a wrong size");
        return;
    }
    streams_.listen(
        module.id, header.channel, port, pulled == 1 ? Delivery::pulled : Delivery::pushed);
}

void Plane::take_hello(Hosted& module, ByteView body) {
    if (module.ready) {
        return;
    }
    const std::uint16_t version = Reader(body).u16();
    Done<bool> done = std::exchange(module.greeted, nullptr);
    module.greeting_timer.reset();
    if (version != wire::protocol_version) {
        complete(
            std::move(done),
            Expected<bool>(failure(
                "protocol-version",
                fmt::format("module \"{}\" speaks protocol version {}", module.name.name, version),
                "build it anew")));
        return;
    }
    module.ready = true;
    newly_ready_.push_back(module.id);
    set_own_clocks();
    complete(std::move(done), Expected<bool>(true));
}

void Plane::take_result(Hosted& module, const wire::FrameHeader& header, ByteView body) {
    const auto found = module.calls.find(header.counter);
    if (found == module.calls.end()) {
        return; // too late, or of an earlier manager
    }
    PendingCall call = std::move(found->second);
    module.calls.erase(found);
    module.periodic_running.erase(call.periodic);
    if (header.negative()) {
        const Error error = static_cast<Error>(body.empty() ? std::uint8_t{0} : Reader(body).u8());
        if (!call.periodic.empty() && error == Error::paused) {
            periodic_.not_taken(module.name.deployment, call.periodic, call.ticks);
        }
        complete(std::move(call.done),
                 Expected<std::vector<std::uint8_t>>(
                     failure("entry-refused",
                             fmt::format("the module refused the call: {}", error_text(error)))));
        return;
    }
    complete(
        std::move(call.done),
        Expected<std::vector<std::uint8_t>>(std::vector<std::uint8_t>(body.begin(), body.end())));
}

void Plane::take_control_answer(Hosted& module, const wire::FrameHeader& header, ByteView body) {
    if (header.direction() != wire::Direction::back || is_unclaimed(module)) {
        return;
    }
    PendingControl& control = *module.control;
    std::array<std::uint8_t, wire::header_bytes> head{};
    wire::write_header(header, head);
    control.answers.insert(control.answers.end(), head.begin(), head.end());
    control.answers.insert(control.answers.end(), body.begin(), body.end());
    one_order_less(module);
}

/// A module that cannot open an order says so at once: nobody waits for an answer that never comes.
void Plane::take_control_refusal(Hosted& module, ByteView body) {
    Reader reader(body);
    const auto kind = static_cast<wire::Kind>(reader.u8());
    const auto error = static_cast<Error>(reader.u8());
    const bool of_owner = kind == wire::Kind::control || kind == wire::Kind::handshake;
    if (!reader.done() || !of_owner || is_unclaimed(module)) {
        return;
    }
    module.control->refused = error;
    one_order_less(module);
}

/// Answers come in the order of what they answer. Before hello, they are to what an earlier manager
/// has passed on.
bool Plane::is_unclaimed(Hosted& module) {
    if (module.unclaimed != 0) {
        --module.unclaimed;
        return true;
    }
    return !module.control || !module.ready;
}

/// Each frame of the owner has one answer or one refusal.
void Plane::one_order_less(Hosted& module) {
    using Result = Expected<std::vector<std::uint8_t>>;
    PendingControl& control = *module.control;
    if (--control.missing != 0) {
        return;
    }
    complete(std::move(control.done),
             control.refused == Error::none
                 ? Result(std::move(control.answers))
                 : Result(failure("order-refused",
                                  fmt::format("module \"{}\" refuses its owner's orders: {}",
                                              module.name.name,
                                              error_text(control.refused)),
                                  "run authex up: it is attested anew")));
    module.unclaimed += control.unasked;
    module.control.reset();
    newly_keyed_.push_back(module.id);
}

void Plane::take_timer(Hosted& module, const wire::FrameHeader& header, ByteView body) {
    if (body.size() != 8) {
        misbehaved(module.id, "sent a timer frame of a wrong size");
        return;
    }
    // A year is as good as for ever, and sums do not overflow.
    const std::uint64_t delay_us =
        std::min(Reader(body).u64(), std::uint64_t{365} * 24 * 3600 * 1'000'000);
    if (!timers_.arm({module.id, header.channel, header.counter}, now_us_ + delay_us)) {
        observer_.log_line(module.name, AUTHEX_LOG_WARNING, "a timer was not armed: too many");
    }
}

void Plane::take_log(Hosted& module, const wire::FrameHeader& header, ByteView body) {
    const ByteView line = body.first(std::min(body.size(), line_max_bytes));
    observer_.log_line(module.name,
                       static_cast<std::uint8_t>(std::min<std::uint16_t>(header.channel, 255)),
                       std::string(line.begin(), line.end()));
}

void Plane::start_call(const ModuleName& name,
                       std::uint16_t entry,
                       const std::vector<std::uint8_t>& data,
                       Deadline deadline,
                       Done<std::vector<std::uint8_t>> done) {
    using Result = Expected<std::vector<std::uint8_t>>;
    Hosted* module = find(name);
    if (module == nullptr || !module->alive) {
        complete(std::move(done), Result(tl::make_unexpected(unknown_module(name))));
        return;
    }
    if (data.size() > wire::max_body_bytes || module->calls.size() >= calls_max) {
        complete(
            std::move(done),
            Result(failure("call-refused",
                           data.size() > wire::max_body_bytes ? "the data is too long"
                                                              : "too many calls wait already")));
        return;
    }
    const std::uint64_t number = next_call_++;
    PendingCall& call = module->calls[number];
    call.done = std::move(done);
    call.timer = at(deadline, [this, id = module->id, number, name] {
        Hosted* late = find(id);
        const auto found =
            late == nullptr ? decltype(late->calls.end()){} : late->calls.find(number);
        if (late == nullptr || found == late->calls.end()) {
            return;
        }
        complete(std::move(found->second.done),
                 Result(tl::make_unexpected(deadline_passed(
                     fmt::format("module \"{}\" did not answer the call", name.name)))));
        late->calls.erase(found);
    });
    send(*module, {.kind = wire::Kind::call, .channel = entry, .counter = number}, data);
}

bool Plane::fire(const PeriodicState& periodic, std::uint32_t ticks) {
    Hosted* module = find(periodic.module);
    if (module == nullptr || !module->ready || module->calls.size() >= calls_max ||
        !module->periodic_running.insert(periodic.name).second) {
        return false;
    }
    const std::uint64_t number = next_call_++;
    PendingCall& call = module->calls[number];
    call.periodic = periodic.name;
    call.ticks = ticks;
    std::array<std::uint8_t, sizeof ticks> data{};
    Writer(data).u32(ticks);
    send(*module, {.kind = wire::Kind::call, .channel = periodic.entry, .counter = number}, data);
    return true;
}

void Plane::control(ModuleName name,
                    std::vector<std::uint8_t> frames,
                    std::uint32_t answers,
                    Deadline deadline,
                    Done<std::vector<std::uint8_t>> done) {
    later([this,
           name = std::move(name),
           frames = std::move(frames),
           answers,
           deadline,
           done = std::move(done)]() mutable {
        Hosted* module = find(name);
        const std::optional<std::uint32_t> orders = count_orders(frames);
        Expected<bool> may = true;
        if (module == nullptr || !module->alive) {
            may = tl::make_unexpected(unknown_module(name));
        } else if (!orders) {
            may = failure("malformed-frames", "these are no control frames");
        } else if (answers > *orders) {
            may = failure("malformed-frames",
                          fmt::format("{} control frames have no {} answers", *orders, answers));
        } else if (module->control) {
            may = failure(
                "busy", fmt::format("module \"{}\" answers another order", name.name), "try again");
        }
        if (!may) {
            complete(std::move(done),
                     Expected<std::vector<std::uint8_t>>(tl::make_unexpected(may.error())));
            return;
        }
        // One by one: a frame is either all there or waits.
        for (ByteView rest(frames); !rest.empty();) {
            wire::FrameView view;
            (void)wire::parse_frame(rest, view);
            send_bytes(*module, rest.first(view.frame_bytes()));
            rest = rest.subspan(view.frame_bytes());
        }
        if (answers == 0) {
            module->unclaimed += *orders;
            complete(std::move(done), Expected<std::vector<std::uint8_t>>());
        } else {
            await_answers(*module, *orders, answers, deadline, std::move(done));
        }
    });
}

void Plane::await_answers(Hosted& module,
                          std::uint32_t orders,
                          std::uint32_t answers,
                          Deadline deadline,
                          Done<std::vector<std::uint8_t>> done) {
    PendingControl& control = module.control.emplace();
    control.missing = answers;
    control.unasked = orders - answers;
    control.done = std::move(done);
    control.timer = at(deadline, [this, id = module.id] {
        Hosted* late = find(id);
        if (late == nullptr || !late->control) {
            return;
        }
        complete(std::move(late->control->done),
                 Expected<std::vector<std::uint8_t>>(tl::make_unexpected(deadline_passed(
                     fmt::format("module \"{}\" did not answer its owner", late->name.name)))));
        late->unclaimed += late->control->missing + late->control->unasked;
        late->control.reset();
    });
}

} // namespace authex::em
