// The life of modules: loaded, started, found again after a restart, ended.
#include <authex/abi.h>

#include <algorithm>

#include <fmt/format.h>

#include "em/control/manager.hpp"
#include "tee/process/exit.hpp"
#include "tee/process/link.hpp"

namespace authex::em {
namespace {

/// With FAILED, Status carries so many of the lines that the module logged last.
constexpr std::size_t last_lines_max = 20;
/// How long a module may take to answer that an earlier manager left, or that is recorded.
constexpr auto recovery_time = std::chrono::seconds(30);
/// A killed process ends at once, unless the kernel holds it in a system call.
constexpr int end_ms_max = 2000;

std::string state_text(ModuleState state) {
    switch (state) {
    case ModuleState::absent:
        return "absent";
    case ModuleState::starting:
        return "starting";
    case ModuleState::running:
        return "running";
    case ModuleState::stopped:
        return "stopped";
    case ModuleState::failed:
        return "failed";
    }
    return "in an unknown state";
}

/// What was ordered may arrive when the process that it is for has long ended.
Expected<bool> is_meant(const Module& module, const ProcessName& process) {
    if (process.started_at_us == 0 || process.started_at_us == module.started_at_us) {
        return true;
    }
    return failure("another-process",
                   fmt::format("module \"{}\" of deployment {} was started again since the order "
                               "was given",
                               process.module,
                               module.spec.deployment),
                   "look at its status, and say again what is to be done");
}

/// As to_text(); with what to do, where that can be said.
std::string end_text(const tee::Exit& exit, const std::filesystem::path& folder) {
    const std::string text = tee::to_text(exit);
    if (exit.signalled || exit.code != tee::process::exit_state_not_kept) {
        return text;
    }
    return fmt::format("{}; nothing that it did since went out. Look at the disk of {}, then run "
                       "authex up, or let authex watch bring it back",
                       text,
                       (folder / tee::process::kept_file).string());
}

} // namespace

Manager::Manager(ManagerOutside outside, const NodeLimits& limits)
    : outside_(std::move(outside)), node_(limits) {}

Expected<std::uint64_t> Manager::load_records() {
    Expected<NodeRecords> records = outside_.store.load();
    if (!records) {
        return tl::make_unexpected(records.error());
    }
    node_id_ = records->node_id != 0 ? records->node_id : outside_.random() | 1U;
    boot_ = records->boot + 1;
    node_.restore(std::move(*records));
    const Expected<bool> kept = outside_.store.put_identity(node_id_, boot_);
    return kept ? Expected<std::uint64_t>(node_id_) : tl::make_unexpected(kept.error());
}

void Manager::recover(DataPlane& plane) {
    plane_ = &plane;
    // Routes first: what modules have written in the meantime must find its way.
    for (const Route* route : node_.routes()) {
        const Expected<bool> connected = plane.connect(*route);
        if (!connected) {
            warn({route->deployment, ""},
                 fmt::format("connection {} was not restored: {}",
                             route->channel,
                             connected.error().summary));
        }
    }
    for (const Periodic* periodic : node_.periodic()) {
        const Expected<bool> added = plane.add_periodic(
            periodic->name, periodic->module, periodic->entry, periodic->every_us);
        if (!added) {
            warn(periodic->module,
                 fmt::format("periodic event \"{}\" was not restored: {}",
                             periodic->name,
                             added.error().summary));
        }
    }
    for (const Module* module : node_.modules()) {
        if (module->alive()) {
            restore_module(*module);
        }
    }
}

void Manager::restore_module(const Module& module) {
    auto link = outside_.loader.adopt(module.spec, outside_.store.folder(module.name()));
    if (!link) {
        fail(module.name(), module.instance, link.error().summary);
        return;
    }
    host(module, std::move(*link), outside_.now() + recovery_time);
}

Expected<const Module*> Manager::find(const Caller& caller, const std::string& name) const {
    const Expected<bool> authorized = authorize(caller);
    if (!authorized) {
        return tl::make_unexpected(authorized.error());
    }
    const Module* module = node_.module({caller.deployment, name});
    if (module == nullptr) {
        return failure("unknown-module",
                       fmt::format("there is no module \"{}\" of deployment {} on this node",
                                   name,
                                   caller.deployment),
                       "deploy it first");
    }
    return module;
}

Expected<const Module*> Manager::find_running(const Caller& caller, const std::string& name) const {
    Expected<const Module*> found = find(caller, name);
    if (!found) {
        return found;
    }
    if (const std::optional<Diagnostic> trouble = outside_.loader.trouble()) {
        return tl::make_unexpected(*trouble);
    }
    if ((*found)->state != ModuleState::running) {
        const Module& module = **found;
        return failure("module-not-running",
                       fmt::format("module \"{}\" is {}{}{}",
                                   name,
                                   state_text(module.state),
                                   module.failure.empty() ? "" : ": ",
                                   module.failure),
                       "run authex up");
    }
    return found;
}

Expected<LoadPlan> Manager::plan_load(const Caller& caller, const LoadOrder& order) const {
    const Expected<bool> authorized = authorize(caller);
    if (!authorized) {
        return tl::make_unexpected(authorized.error());
    }
    Expected<LoadPlan> plan = node_.plan_load(order.spec, order.image_bytes, order.replace);
    if (plan && *plan == LoadPlan::receive && caller.identity.role != rpc::Role::owner) {
        return failure("role-too-low",
                       fmt::format("module \"{}\" is not on this node with this image, and only an "
                                   "owner brings one",
                                   order.spec.name),
                       "ask the owner to run authex up");
    }
    return plan;
}

void Manager::load(const Caller& caller,
                   const LoadOrder& order,
                   const std::filesystem::path& received,
                   std::function<void()> started,
                   Done<Module> done) {
    // Planned anew: much may have happened while the image came.
    Expected<LoadPlan> plan = plan_load(caller, order);
    if (plan && *plan == LoadPlan::receive && received.empty()) {
        plan = failure("busy", "the module was changed by somebody else meanwhile", "try again");
    }
    const Expected<bool> used = use(caller);
    if (!plan || !used) {
        done(tl::make_unexpected(plan ? used.error() : plan.error()));
        return;
    }
    const ModuleName name{caller.deployment, order.spec.name};
    const Module* present = node_.module(name);
    if (*plan == LoadPlan::nothing) {
        if (present->state == ModuleState::starting) {
            waiting_.push_back({name, present->instance, std::move(done)});
        } else {
            done(*present);
        }
        return;
    }
    if (*plan == LoadPlan::receive) {
        if (present != nullptr) {
            end_process(name);
            node_.stopped(name);
            outside_.store.clear_folder(name);
        }
        const Expected<bool> taken = outside_.store.take_image(name, received);
        if (!taken) {
            done(tl::make_unexpected(taken.error()));
            return;
        }
    }
    start_instance(
        order.spec, order.image_bytes, caller.deadline, std::move(started), std::move(done));
}

void Manager::start(const Caller& caller, const std::string& name, Done<Module> done) {
    const Expected<bool> used = use(caller);
    const Expected<const Module*> found = find(caller, name);
    if (!used || !found) {
        done(tl::make_unexpected(used ? found.error() : used.error()));
        return;
    }
    const Module& module = **found;
    if (module.state == ModuleState::running) {
        done(module);
    } else if (module.state == ModuleState::starting) {
        waiting_.push_back({module.name(), module.instance, std::move(done)});
    } else {
        start_instance(
            tee::ModuleSpec(module.spec), module.image_bytes, caller.deadline, {}, std::move(done));
    }
}

void Manager::record(const Caller& caller,
                     const std::string& name,
                     const tee::Sha256& image,
                     std::shared_ptr<Recorder> recorder,
                     Done<Module> done) {
    const Expected<bool> used = use(caller);
    const Expected<const Module*> found = find(caller, name);
    if (!used || !found) {
        done(tl::make_unexpected(used ? found.error() : used.error()));
        return;
    }
    const Module& module = **found;
    const tee::TeeInfo tee = outside_.loader.info();
    if (!tee.simulated || !tee.replayable) {
        done(failure("not-replayable",
                     fmt::format("modules of this node ({}) draw their first random numbers where "
                                 "nobody sees them: what they are given cannot be replayed",
                                 tee.name),
                     "record the module on a native node"));
        return;
    }
    if (module.spec.image_sha256 != image) {
        done(failure("image-differs",
                     fmt::format("module \"{}\" on this node is of another image", name),
                     "run authex up, then record"));
        return;
    }
    end_process(module.name());
    keep(*node_.stopped(module.name()));
    start_instance(tee::ModuleSpec(module.spec),
                   module.image_bytes,
                   std::min(caller.deadline, outside_.now() + recovery_time),
                   {},
                   std::move(done),
                   std::move(recorder));
}

void Manager::stop(const Caller& caller, const ProcessName& process, const Done<Module>& done) {
    const Expected<bool> used = use(caller);
    const Expected<const Module*> found = find(caller, process.module);
    const Expected<bool> meant = !found ? true : is_meant(**found, process);
    if (!used || !found || !meant) {
        done(tl::make_unexpected(!used ? used.error() : !found ? found.error() : meant.error()));
        return;
    }
    end_process((*found)->name());
    keep(*node_.stopped({caller.deployment, process.module}));
    done(**found);
}

void Manager::remove(const Caller& caller, const ProcessName& process, const Done<Module>& done) {
    const Expected<bool> used = use(caller);
    if (!used) {
        done(tl::make_unexpected(used.error()));
        return;
    }
    const ModuleName module{caller.deployment, process.module};
    if (const Module* found = node_.module(module); found != nullptr) {
        const Expected<bool> meant = is_meant(*found, process);
        if (!meant) {
            done(tl::make_unexpected(meant.error()));
            return;
        }
        const Expected<bool> erased = outside_.store.erase_module(module);
        if (!erased) {
            done(tl::make_unexpected(erased.error()));
            return;
        }
        end_process(module);
        outside_.store.remove_folder(module);
        outside_.logs.forget(module);
        node_.removed(module);
        changes_.note(caller.deployment);
    }
    Module absent;
    absent.spec.name = process.module;
    absent.spec.deployment = caller.deployment;
    done(absent);
}

void Manager::start_instance(const tee::ModuleSpec& spec,
                             std::uint64_t image_bytes,
                             DataPlane::Deadline deadline,
                             std::function<void()> started,
                             Done<Module> done,
                             std::shared_ptr<Recorder> recorder) {
    const Module& module = node_.starting(spec, image_bytes, outside_.unix_time_us());
    const ModuleName name = module.name();
    const std::uint32_t instance = module.instance;
    const Expected<bool> kept = outside_.store.put(module);
    if (!kept) {
        fail(name, instance, kept.error().summary);
        done(tl::make_unexpected(kept.error()));
        return;
    }
    tee::ModuleSpec begun = spec;
    if (recorder != nullptr) {
        begun.entropy = recorder->entropy();
    }
    waiting_.push_back({name, instance, std::move(done)});
    starts_.push_back({.module = name,
                       .instance = instance,
                       .spec = std::move(begun),
                       .deadline = deadline,
                       .started = std::move(started),
                       .recorder = std::move(recorder)});
    if (starts_.size() == 1) {
        start_next();
    }
}

void Manager::start_next() {
    const Start& next = starts_.front();
    tee::ModuleSpec spec = next.spec;
    spec.durable = outside_.durable;
    outside_.aside([this, spec = std::move(spec), folder = outside_.store.folder(next.module)] {
        auto link = std::make_shared<Expected<std::unique_ptr<tee::ModuleLink>>>(
            outside_.loader.start(spec, folder));
        outside_.post([this, link] { take_started(std::move(*link)); });
    });
}

/// What the loader has made of the first of `starts_`. Much may have happened meanwhile.
void Manager::take_started(Expected<std::unique_ptr<tee::ModuleLink>> link) {
    const Start start = std::move(starts_.front());
    starts_.pop_front();
    const Module* module = node_.module(start.module);
    const bool wanted = module != nullptr && module->alive() && module->instance == start.instance;
    if (!link) {
        fail(start.module, start.instance, link.error().summary);
        answer_waiting(start.module, start.instance, tl::make_unexpected(link.error()));
    } else if (!wanted) {
        (void)end(**link, start.module);
        answer_waiting(
            start.module,
            start.instance,
            failure("module-ended",
                    fmt::format("module \"{}\" was ended before it had started", start.module.name),
                    "somebody else works on it; run authex up again"));
    } else if (plane_ != nullptr) {
        host(*module,
             start.recorder == nullptr ? std::move(*link)
                                       : recorded(std::move(*link), start.recorder),
             start.deadline);
        if (start.started) {
            start.started();
        }
    } // else the next manager finds it
    if (!starts_.empty() && plane_ != nullptr) {
        start_next();
    }
}

void Manager::host(const Module& module,
                   std::unique_ptr<tee::ModuleLink> link,
                   DataPlane::Deadline deadline) {
    {
        const std::lock_guard lock(instances_mutex_);
        instances_[module.name()] = module.instance;
    }
    node_.placed(module.name(), link->placement());
    plane_->add_module(
        module.name(),
        std::move(link),
        deadline,
        [this, name = module.name(), instance = module.instance](const Expected<bool>& answer) {
            outside_.post([this, name, instance, answer] { greeted(name, instance, answer); });
        });
}

void Manager::greeted(const ModuleName& name,
                      std::uint32_t instance,
                      const Expected<bool>& answer) {
    if (answer) {
        const Module* running = node_.running(name, instance);
        if (running != nullptr) {
            changes_.note(name.deployment);
            answer_waiting(name, instance, *running);
        }
        return;
    }
    const Module* module = node_.module(name);
    Diagnostic reason = answer.error();
    if (module != nullptr && module->alive() && module->instance == instance) {
        const bool ended = reason.code == "module-ended";
        const std::optional<tee::Exit> exit = end_process(name);
        const std::string end = exit ? end_text(*exit, outside_.store.folder(name)) : "";
        fail(name, instance, ended && exit ? end : reason.summary);
        if (ended && exit) {
            reason.summary = fmt::format("module \"{}\" ended as it started: {}", name.name, end);
        }
        for (const std::string& line : module->last_lines) {
            reason.detail += (reason.detail.empty() ? "" : "\n") + line;
        }
    }
    answer_waiting(name, instance, tl::make_unexpected(reason));
}

void Manager::answer_waiting(const ModuleName& name,
                             std::uint32_t instance,
                             const Expected<Module>& result) {
    std::vector<Done<Module>> told;
    std::erase_if(waiting_, [&](Waiting& waiting) {
        const bool match = waiting.module == name && waiting.instance == instance;
        if (match) {
            told.push_back(std::move(waiting.done));
        }
        return match;
    });
    for (const Done<Module>& done : told) {
        done(result);
    }
}

/// Takes the module from the data plane and sees its process ended, at once and for good.
std::optional<tee::Exit> Manager::end_process(const ModuleName& name) {
    const std::unique_ptr<tee::ModuleLink> link = plane_->remove_module(name);
    // What the data plane had to tell of the module is told, under its instance, when it comes to a
    // second request.
    (void)plane_->remove_module(name);
    if (link == nullptr) {
        return std::nullopt;
    }
    return end(*link, name);
}

std::optional<tee::Exit> Manager::end(tee::ModuleLink& link, const ModuleName& name) {
    std::optional<tee::Exit> exit = link.exit();
    if (!exit) {
        link.kill();
        outside_.wait_readable(link.exit_fd(), end_ms_max);
        exit = link.exit();
        if (!exit) {
            warn(name, "its process does not end");
        }
    }
    return exit;
}

void Manager::fail(const ModuleName& name, std::uint32_t instance, const std::string& failure) {
    const Module* before = node_.module(name);
    if (before == nullptr || !before->alive() || before->instance != instance) {
        return;
    }
    for (std::string& line : outside_.store.host_log(name, last_lines_max)) {
        outside_.logs.add(name, AUTHEX_LOG_ERROR, std::move(line), outside_.unix_time_us());
    }
    const Module* failed =
        node_.failed(name, instance, failure, outside_.logs.last(name, last_lines_max));
    outside_.logs.add(
        name, AUTHEX_LOG_ERROR, "the module has failed: " + failure, outside_.unix_time_us());
    keep(*failed);
}

/// The record on disk follows; where it cannot, the next manager finds out by itself.
void Manager::keep(const Module& module) {
    const Expected<bool> kept = outside_.store.put(module);
    if (!kept) {
        warn(module.name(), kept.error().summary);
    }
    changes_.note(module.spec.deployment);
}

void Manager::stop_all() {
    for (const Module* module : node_.modules()) {
        if (module->alive()) {
            end_process(module->name());
            keep(*node_.stopped(module->name()));
        }
    }
}

void Manager::note_end(const ModuleName& name, std::string failure) {
    std::uint32_t instance = 0;
    {
        const std::lock_guard lock(instances_mutex_);
        instance = instances_[name];
    }
    outside_.post([this, name, instance, failure = std::move(failure)] {
        const Module* module = node_.module(name);
        if (plane_ != nullptr && module != nullptr && module->alive() &&
            module->instance == instance) {
            end_process(name);
            fail(name, instance, failure);
        }
    });
}

void Manager::module_ended(const ModuleName& name, const tee::Exit& exit) {
    note_end(name, end_text(exit, outside_.store.folder(name)));
}

void Manager::module_misbehaved(const ModuleName& name, const std::string& reason) {
    note_end(name, "it was killed because it " + reason);
}

} // namespace authex::em
