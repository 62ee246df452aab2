// The loop: rounds while there is work, a short spin after it, then sleep until something rings.
#include <authex/abi.h>

#include <algorithm>
#include <cstring>
#include <sched.h>

#include <fmt/format.h>

#include "em/outbox_file.hpp"
#include "em/plane.hpp"

namespace authex::em {
namespace {

/// The manager's own frames that wait for a module; beyond it they are dropped.
constexpr std::size_t urgent_max_bytes = 1U << 20U;
/// Rounds without work after which a module is no longer looked at unless it rings.
constexpr std::uint32_t idle_rounds_max = 256;
/// Between looks at sockets' readiness while there is other work.
constexpr std::uint64_t poll_every = 8;
constexpr std::uint64_t stalled_look_us = 1000;
/// Below it, the ring is asked for more room.
constexpr std::size_t low_room_bytes = 8 * 1024;

} // namespace

void Plane::run() {
    while (!stop_.load(std::memory_order_relaxed)) {
        if (round()) {
            spin_.worked(now_us_);
        } else if (spin_.worthwhile(now_us_)) {
            ::sched_yield();
            spin_.yielded(now_us_, monotonic_us());
        } else if (ready_to_sleep()) {
            sleep();
        }
    }
}

/// One look at everything that is awake. @return whether frames moved.
bool Plane::round() {
    worked_ = false;
    now_us_ = monotonic_us();
    router_.set_now(now_us_);
    if (++round_ % poll_every == 0 || std::exchange(poll_soon_, false)) {
        io_.poll();
    }
    worked_ = links_.poll_hot() || worked_;
    for (std::size_t i = 0; i < active_.size(); ++i) {
        Hosted& module = *active_[i];
        const bool any = service(module);
        worked_ = any || worked_;
        module.idle_rounds = any ? 0 : module.idle_rounds + 1;
        module.idle_rings = any ? 0 : module.idle_rings;
    }
    std::erase_if(active_, [this](Hosted* module) {
        return module->idle_rounds >= idle_rounds_max && settle(*module);
    });
    for (const ModuleId id : std::exchange(newly_ready_, {})) {
        router_.module_ready(id);
    }
    for (const ModuleId id : std::exchange(newly_keyed_, {})) {
        router_.module_keyed(id);
    }
    run_timers();
    router_.flush();
    publish();
    links_.flush(now_us_);
    check_failures();
    check_directs();
    return worked_;
}

/// Takes what the module wrote and gives it what waits for room.
bool Plane::service(Hosted& module) {
    if (!module.alive) {
        return false;
    }
    bool any = false;
    const std::optional<ByteView> readable = module.link->readable();
    if (!readable) {
        misbehaved(module.id, "its output ring is corrupt");
        return true;
    }
    if (!readable->empty()) {
        const std::size_t taken = router_.from_module(module.id, *readable);
        if (taken != 0) {
            module.link->consume(taken);
            touch(module);
            any = true;
        }
    }
    const bool waiting = module.urgent_begin < module.urgent.size();
    if (waiting) {
        drain_urgent(module);
    }
    if (router_.wants_room(module.id)) {
        router_.module_writable(module.id);
    }
    if (streams_.wants_room(module.id) && stream_room(module.id, low_room_bytes * 4)) {
        streams_.module_writable(module.id);
        any = true;
    }
    return any;
}

void Plane::run_timers() {
    if (now_us_ >= router_.next_due()) {
        router_.on_time();
    }
    if (now_us_ >= periodic_.next_due()) {
        periodic_.run(now_us_, [this](const PeriodicState& periodic, std::uint32_t ticks) {
            return fire(periodic, ticks);
        });
        worked_ = true;
    }
    while (const std::optional<ModuleTimers::Due> due = timers_.take(now_us_)) {
        if (Hosted* module = find(due->module)) {
            std::uint8_t body[8];
            Writer(body).u64(now_us_);
            send(*module,
                 {.kind = wire::Kind::timer, .channel = due->channel, .counter = due->arming},
                 body);
            worked_ = true;
        }
    }
}

/// Announces to a module that it must ring. @return false: there is something to do already.
bool Plane::settle(Hosted& module) {
    const bool want_room = router_.wants_room(module.id) || streams_.wants_room(module.id) ||
                           module.urgent_begin < module.urgent.size();
    if (module.alive && !module.link->prepare_sleep(want_room)) {
        module.idle_rounds = 0;
        // Twice without work in between: what is there cannot be taken yet. Looked at now and then.
        if (++module.awake_refusals < 2) {
            return false;
        }
        module.awake_refusals = 0;
        if (!module.stalled) {
            module.stalled = true;
            stalled_.push_back(&module);
        }
    }
    module.active = false;
    return true;
}

bool Plane::ready_to_sleep() {
    bool ready = true;
    std::erase_if(active_, [&](Hosted* module) {
        const bool settled = settle(*module);
        ready = ready && settled;
        return settled;
    });
    return ready;
}

void Plane::sleep() {
    std::uint64_t due =
        std::min({router_.next_due(), periodic_.next_due(), timers_.next_due(), links_.next_due()});
    if (!stalled_.empty()) {
        due = std::min(due, now_us_ + stalled_look_us);
    }
    if (due != wake_at_) {
        wake_at_ = due;
        wake_.cancel();
        if (due != ~std::uint64_t{0}) {
            wake_.expires_at(std::chrono::steady_clock::time_point(std::chrono::microseconds(due)));
            wake_.async_wait([this, due](const asio::error_code& cancelled) {
                if (!cancelled && wake_at_ == due) {
                    wake_at_ = ~std::uint64_t{0};
                }
            });
        }
    }
    if (stop_.load()) {
        return;
    }
    io_.run_one();
    for (Hosted* module : stalled_) {
        module->stalled = false;
        activate(*module);
    }
    stalled_.clear();
    now_us_ = monotonic_us();
    router_.set_now(now_us_);
}

void Plane::activate(Hosted& module) {
    module.idle_rounds = 0;
    if (!module.active && module.alive) {
        module.active = true;
        active_.push_back(&module);
    }
}

/// Looks at it in the next round, and in no further one unless there is work.
void Plane::glance_at(Hosted& module) {
    activate(module);
    module.idle_rounds = idle_rounds_max;
}

/// The module has to hear of something at the end of the round.
void Plane::touch(Hosted& module) {
    module.awake_refusals = 0;
    if (!module.touched) {
        module.touched = true;
        touched_.push_back(&module);
    }
}

/// Publishes what was written and looks how much room there is now.
bool Plane::refresh_room(Hosted& module) {
    if (module.used != 0) {
        module.link->commit(module.used);
        module.used = 0;
    }
    const std::optional<Bytes> writable = module.link->writable();
    if (!writable) {
        module.room = {};
        misbehaved(module.id, "its input ring is corrupt");
        return false;
    }
    module.room = *writable;
    return true;
}

void Plane::publish() {
    for (std::size_t i = 0; i < touched_.size(); ++i) {
        Hosted& module = *touched_[i];
        module.touched = false;
        if (module.used != 0) {
            module.link->commit(module.used);
            module.used = 0;
            worked_ = true;
        }
        module.room = {};
        if (module.alive) {
            module.link->notify();
        }
        activate(module);
    }
    touched_.clear();
}

std::size_t Plane::module_room(ModuleId id) {
    Hosted* module = find(id);
    if (module == nullptr || !module->alive) {
        return 0;
    }
    if (module->urgent_begin < module->urgent.size()) {
        drain_urgent(*module);
        if (!module->urgent.empty()) {
            return 0;
        }
    }
    if (module->room.size() - module->used < low_room_bytes && !refresh_room(*module)) {
        return 0;
    }
    return module->room.size() - module->used;
}

void Plane::to_module(ModuleId id, ByteView frames) {
    Hosted& module = *hosted_[id];
    std::memcpy(module.room.data() + module.used, frames.data(), frames.size());
    module.used += frames.size();
    touch(module);
}

void Plane::send(Hosted& module, const wire::FrameHeader& header, ByteView body) {
    std::vector<std::uint8_t> frame(wire::header_bytes + body.size());
    wire::FrameHeader complete = header;
    complete.deployment = module.name.deployment;
    complete.length = static_cast<std::uint32_t>(body.size());
    wire::write_header(complete, frame);
    copy(body, Bytes(frame).subspan(wire::header_bytes));
    send_bytes(module, frame);
}

void Plane::send_bytes(Hosted& module, ByteView frames) {
    if (module.urgent.empty() && module_room(module.id) >= frames.size()) {
        to_module(module.id, frames);
        return;
    }
    if (module.urgent.size() - module.urgent_begin + frames.size() > urgent_max_bytes) {
        if (!std::exchange(module.log_limited, true)) {
            observer_.log_line(
                module.name, AUTHEX_LOG_WARNING, "frames for it are dropped: it does not take any");
        }
        return;
    }
    module.urgent.insert(module.urgent.end(), frames.begin(), frames.end());
    activate(module);
}

void Plane::drain_urgent(Hosted& module) {
    while (module.urgent_begin < module.urgent.size()) {
        const ByteView rest = ByteView(module.urgent).subspan(module.urgent_begin);
        wire::FrameHeader header;
        if (wire::parse_header(rest, header) != Error::none) {
            break;
        }
        const std::size_t bytes = std::min(header.frame_bytes(), rest.size());
        if (module.room.size() - module.used < bytes &&
            (!refresh_room(module) || module.room.size() < bytes)) {
            return;
        }
        to_module(module.id, rest.first(bytes));
        module.urgent_begin += bytes;
    }
    module.urgent.clear();
    module.urgent_begin = 0;
    module.log_limited = false;
}

Expected<std::unique_ptr<Outbox>> Plane::open_outbox(const OutboxName& name, SpillBudget& budget) {
    if (options_.state_directory.empty()) {
        return Outbox::open(std::make_unique<MemoryStore>(), name, budget);
    }
    std::string note;
    auto outbox = open_outbox_file(options_.state_directory, name, budget, options_.durable, note);
    if (!note.empty()) {
        observer_.log_line({name.deployment, ""}, AUTHEX_LOG_WARNING, note);
    }
    return outbox;
}

void Plane::remove_outboxes(const OutboxName& name) {
    if (!options_.state_directory.empty()) {
        remove_outbox_files(options_.state_directory, name);
    }
}

void Plane::unblocked(ModuleId id) {
    if (Hosted* module = find(id)) {
        activate(*module);
    }
}

void Plane::disk_failed(ModuleId id, const Diagnostic& reason) {
    ++disk_failures_;
    Hosted* module = find(id);
    if (module != nullptr && module->held_up != reason.summary) {
        module->held_up = reason.summary;
        observer_.log_line(module->name,
                           AUTHEX_LOG_ERROR,
                           fmt::format("what it says waits, nothing is lost: {}; {}. It goes on by "
                                       "itself when the disk works",
                                       reason.summary,
                                       reason.fix));
    }
}

void Plane::disk_works(ModuleId id) {
    if (Hosted* module = find(id)) {
        module->held_up.clear();
        observer_.log_line(module->name, AUTHEX_LOG_INFO, "the disk works again: it goes on");
    }
}

void Plane::direct_changed(std::uint16_t, std::uint16_t) {
    directs_changed_ = true;
}

bool Plane::stream_room(ModuleId id, std::size_t frame_bytes) {
    return module_room(id) >= frame_bytes;
}

void Plane::stream_frame(ModuleId id, const wire::FrameHeader& header, ByteView body) {
    if (Hosted* module = find(id)) {
        send(*module, header, body);
    }
}

void Plane::stream_log(ModuleId id, std::string text) {
    if (Hosted* module = find(id)) {
        observer_.log_line(module->name, AUTHEX_LOG_WARNING, std::move(text));
    }
}

} // namespace authex::em
