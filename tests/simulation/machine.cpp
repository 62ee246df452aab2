#include "simulation/machine.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "simulation/images.hpp"
#include "simulation/shape.hpp"
#include "simulation/world.hpp"
#include "tee/native/evidence.hpp"

namespace authex::simulation {
namespace {

constexpr std::uint64_t spill_limit_bytes = std::uint64_t{1} << 20U;
constexpr std::uint64_t restart_us = 1'000'000;
constexpr std::uint64_t wake_us_max = 40;

} // namespace

/// What goes when the manager is killed.
struct Machine::Software {
    Software(Machine& machine, World& world)
        : logs(em::LogBook::Limits{}),
          manager(
              {.store = machine.disk,
               .loader = machine,
               .logs = logs,
               .post = [&machine](std::function<void()> work) { machine.tasks_.push_back(work); },
               .aside = [&machine](std::function<void()> work) { machine.tasks_.push_back(work); },
               .unix_time_us =
                   [&machine, &world] {
                       return date_us + world.now_us() +
                              static_cast<std::uint64_t>(machine.date_ahead_us);
                   },
               .now =
                   [&machine] {
                       return em::DataPlane::Deadline(
                           std::chrono::microseconds(machine.clock_us()));
                   },
               .wait_readable = [](int, int) {},
               .random = [&world] { return world.random.next(); }},
              em::NodeLimits{}),
          plane(machine, manager, spill_limit_bytes, machine.index_ + 1) {}
    ~Software() { manager.close(); }
    Software(const Software&) = delete;
    Software& operator=(const Software&) = delete;

    em::LogBook logs;
    em::Manager manager;
    Plane plane;
};

Machine::Machine(World& world, std::size_t index)
    : world_(world), index_(index), name_(fmt::format("n{}", index)), key_(evidence_key(index)) {}

Machine::~Machine() = default;

void Machine::start() {
    if (is_up()) {
        return;
    }
    auto software = std::make_unique<Software>(*this, world_);
    if (!software->manager.load_records()) {
        kill(restart_us);
        return;
    }
    software_ = std::move(software);
    software_->manager.recover(software_->plane);
}

void Machine::kill(std::uint64_t down_us) {
    const std::unique_ptr<Software> dying = std::move(software_);
    tasks_.clear();
    if (dying != nullptr) {
        world_.network.forget(index_);
    }
    world_.events.at(world_.now_us() + down_us, [this] { start(); });
}

bool Machine::round() {
    if (!is_up()) {
        return false;
    }
    const bool any_task = !tasks_.empty();
    if (any_task) {
        for (auto tasks = std::exchange(tasks_, {}); !tasks.empty(); tasks.pop_front()) {
            tasks.front()();
        }
    }
    bool any = software_->plane.round() || any_task;
    any = spread_hidden() || any;
    return world_.network.flush(index_) || any || !tasks_.empty();
}

std::uint64_t Machine::next_due() const {
    if (!is_up()) {
        return Events::never;
    }
    const std::uint64_t due = software_->plane.next_due();
    return due == Events::never ? due : due - std::min(due, clock_ahead_us);
}

void Machine::submit(std::function<void(em::Manager&)> work) {
    if (is_up()) {
        tasks_.push_back([this, work = std::move(work)] { work(software_->manager); });
    }
}

em::Router& Machine::router() {
    return software_->plane.router();
}

em::Manager* Machine::manager() {
    return is_up() ? &software_->manager : nullptr;
}

em::Snapshot Machine::snapshot() {
    return is_up() ? software_->plane.snapshot() : em::Snapshot{};
}

std::size_t Machine::log_bytes() const {
    return is_up() ? software_->logs.bytes() : 0;
}

std::shared_ptr<Process> Machine::process(const std::string& module) const {
    const auto found = processes_.find(module);
    const bool runs =
        found != processes_.end() && found->second->alive() && !found->second->hidden();
    return runs ? found->second : nullptr;
}

std::vector<std::shared_ptr<Process>> Machine::processes() const {
    std::vector<std::shared_ptr<Process>> alive;
    for (const auto& [name, process] : processes_) {
        if (process->alive() && !process->hidden()) {
            alive.push_back(process);
        }
    }
    return alive;
}

std::map<std::string, std::shared_ptr<Process>> Machine::keepers() const {
    std::map<std::string, std::shared_ptr<Process>> all;
    for (const auto& [name, process] : processes_) {
        if (process->alive() && !process->hidden() && process->keeps()) {
            all.emplace(name, process);
        }
    }
    return all;
}

void Machine::end_impostors() {
    for (const auto& [name, process] : processes_) {
        const bool other = process->impostor || process->module() != name.substr(0, name.find('.'));
        if (other || process->spoiled) {
            process->kill();
        }
    }
}

void Machine::hide(const std::string& module) {
    if (const auto process = this->process(module)) {
        // It keeps on what it had; whoever comes after it has a copy.
        if (process->keeps()) {
            disk.put_state(module, disk.kept_state(module));
        }
        process->hide();
        hidden_.push_back(process);
    }
}

void Machine::end_hidden() {
    for (const auto& process : std::exchange(hidden_, {})) {
        process->kill();
    }
}

/// To all modules there are.
bool Machine::spread_hidden() {
    bool any = false;
    for (const auto& process : hidden_) {
        const ByteView output = process->output();
        const std::vector<std::uint8_t> left(output.begin(), output.end());
        process->consume(left.size());
        wire::FrameView view;
        for (ByteView frames(left); wire::parse_frame(frames, view) == Error::none;
             frames = frames.subspan(view.frame_bytes())) {
            const ByteView frame = frames.first(view.frame_bytes());
            world_.remember(frame);
            for (const auto& machine : world_.machines) {
                for (const auto& other : machine->processes()) {
                    machine->inject(other, frame);
                }
            }
            any = true;
        }
        if (!left.empty() && process->has_input()) {
            wake(process); // it has room again
        }
    }
    return any;
}

void Machine::show_hidden(const std::shared_ptr<Process>& process, ByteView frame) {
    for (const auto& other : hidden_) {
        if (other != process && other->module() == process->module() &&
            other->room() >= frame.size()) {
            other->feed(frame);
            wake(other);
        }
    }
}

void Machine::inject(const std::shared_ptr<Process>& process, ByteView frames) {
    wire::FrameView view;
    const bool parsed = wire::parse_frame(frames, view) == Error::none;
    // Who says when a state is kept may say it too seldom: that gives an old one.
    const bool keeps_late = parsed && view.header.kind == wire::Kind::state && process->keeps();
    if (process->room() >= frames.size() && (!keeps_late || world_.roll_back(process->module()))) {
        process->spoiled = process->spoiled || !parsed || view.frame_bytes() != frames.size() ||
                           (view.header.kind == wire::Kind::hello &&
                            view.header.deployment != process->deployment());
        process->feed(frames);
        wake(process);
    }
}

std::uint64_t Machine::clock_us() const {
    return world_.now_us() + clock_ahead_us;
}

std::string Machine::events_address() const {
    return fmt::format("0.0.0.0:{}", events_port + index_);
}

std::size_t Machine::link_room(em::PeerId peer) {
    return world_.network.room(index_, peer);
}
void Machine::link_send(em::PeerId peer, ByteView frames) {
    world_.network.send(index_, peer, frames);
}
em::PeerId Machine::link_open(const std::string& address) {
    return world_.network.open(index_, address);
}

void Machine::wake(const std::shared_ptr<Process>& process) {
    if (process->scheduled || !process->alive()) {
        return;
    }
    process->scheduled = true;
    world_.events.at(world_.now_us() + world_.random.between(1, wake_us_max), [process] {
        process->scheduled = false;
        process->run();
    });
}

void Machine::give(const std::shared_ptr<Process>& process, ByteView frames) {
    wire::FrameView view;
    for (; wire::parse_frame(frames, view) == Error::none;
         frames = frames.subspan(view.frame_bytes())) {
        const ByteView frame = frames.first(view.frame_bytes());
        world_.remember(frame);
        show_hidden(process, frame);
        if (!apply_frame_fault(process, frame)) {
            process->feed(frame);
        }
    }
    wake(process);
}

/// @return whether the frame has been dealt with.
bool Machine::apply_frame_fault(const std::shared_ptr<Process>& process, ByteView frame) {
    if (frame_faults.empty()) {
        return false;
    }
    const FrameFault fault = frame_faults.front();
    frame_faults.pop_front();
    std::vector<std::uint8_t> changed(frame.begin(), frame.end());
    switch (fault.what) {
    case FrameFault::What::drop:
        return true;
    case FrameFault::What::repeat:
        inject(process, frame);
        return false;
    case FrameFault::What::swap:
        std::swap(held_back_, changed);
        inject(process, changed);
        return true;
    case FrameFault::What::flip:
        changed[fault.value / 8 % changed.size()] ^=
            static_cast<std::uint8_t>(1U << (fault.value % 8));
        inject(process, changed);
        return true;
    }
    return false;
}

void Machine::took(const std::shared_ptr<Process>& process, ByteView frames) {
    wire::FrameView view;
    const std::size_t bytes = frames.size();
    for (; wire::parse_frame(frames, view) == Error::none;
         frames = frames.subspan(view.frame_bytes())) {
        world_.remember(frames.first(view.frame_bytes()));
    }
    process->consume(bytes);
    if (process->has_input()) {
        wake(process);
    }
}

tee::TeeInfo Machine::info() const {
    return {.name = "native",
            .simulated = true,
            .evidence_key = key_.public_key(),
            .max_body_bytes = wire::max_body_bytes,
            .max_image_bytes = 1U << 20U};
}

Expected<std::unique_ptr<tee::ModuleLink>> Machine::start(const tee::ModuleSpec& spec,
                                                          const std::filesystem::path&) {
    const auto impostor = impostors.find(spec.name);
    const LoadedImage* image = impostor == impostors.end()
                                   ? find_image(spec.image_sha256)
                                   : world_.owner.newest_image(impostor->second);
    if (image == nullptr) {
        return failure("image", "there is no such image");
    }
    const auto earlier = processes_.find(spec.name);
    if (earlier != processes_.end()) {
        ended_.push_back(earlier->second);
    }
    std::array<std::uint8_t, 32> entropy{};
    world_.random.fill(entropy);
    const auto process = std::make_shared<Process>(Process::Birth{.actor = world_.next_actor(),
                                                                  .module = image->module,
                                                                  .deployment = spec.deployment,
                                                                  .program = image->program,
                                                                  .identity = image->sha256,
                                                                  .persists = spec.keeps_state},
                                                   world_.owner_public_key(),
                                                   entropy);
    process->impostor = impostor != impostors.end();
    if (spec.keeps_state) {
        auto area = disk.keep_state(spec.name);
        if (!area) {
            return tl::make_unexpected(area.error());
        }
        process->keep_in(std::move(*area));
    }
    processes_[spec.name] = process;
    world_.born(process);
    return std::make_unique<ModuleLink>(process);
}

Expected<std::unique_ptr<tee::ModuleLink>> Machine::adopt(const tee::ModuleSpec& spec,
                                                          const std::filesystem::path&) {
    const auto found = processes_.find(spec.name);
    if (found == processes_.end()) {
        return failure("not-running", "there is no such process");
    }
    return std::make_unique<ModuleLink>(found->second);
}

Expected<std::vector<std::uint8_t>> Machine::evidence(const tee::ModuleSpec&,
                                                      ByteView report_data) {
    const auto gave = [&](const std::shared_ptr<Process>& process) {
        return std::any_of(
            process->reported.begin(), process->reported.end(), [&](const auto& report) {
                return equal_constant_time(report, report_data);
            });
    };
    std::vector<std::shared_ptr<Process>> all = ended_;
    for (const auto& [name, process] : processes_) {
        all.push_back(process);
    }
    const auto found = std::find_if(all.begin(), all.end(), gave);
    if (found == all.end()) {
        return failure("evidence", "no enclave of this TEE gave that report data");
    }
    tee::native::Evidence evidence;
    evidence.identity = (*found)->identity();
    copy(report_data, evidence.report_data);
    const auto signature = key_.sign(tee::native::signed_bytes(evidence));
    if (!signature) {
        return tl::make_unexpected(signature.error());
    }
    evidence.signature = *signature;
    return tee::native::write_evidence(evidence);
}

} // namespace authex::simulation
