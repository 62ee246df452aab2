#include "em/control/node.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace authex::em {
namespace {

constexpr std::size_t name_bytes_max = 63;
constexpr std::size_t number_digits_max = 9;
constexpr std::size_t application_bytes_max = 128;
constexpr std::size_t address_bytes_max = 300;
/// More often than this is the module's own timer's business.
constexpr std::uint64_t period_us_min = 100;

auto limit_reached(const char* what, std::uint64_t limit) {
    return failure("limit",
                   fmt::format("this node takes no more than {} {}", limit, what),
                   "remove some, or use another node");
}

auto unknown_module(const ModuleName& name) {
    return failure("unknown-module",
                   fmt::format("there is no module \"{}\" of deployment {} on this node",
                               name.name,
                               name.deployment),
                   "deploy it first");
}

bool same_terms(const tee::ModuleSpec& a, const tee::ModuleSpec& b) {
    return a.image_sha256 == b.image_sha256 && a.stack_bytes == b.stack_bytes &&
           a.devices == b.devices && a.keeps_state == b.keeps_state;
}

} // namespace

bool is_module_name(const std::string& instance) {
    const std::size_t dot = instance.find('.');
    const std::string name = instance.substr(0, dot);
    const std::string number = dot == std::string::npos ? "1" : instance.substr(dot + 1);
    const bool numbered = !number.empty() && number.size() <= number_digits_max &&
                          number.find_first_not_of("0123456789") == std::string::npos;
    const auto is_small = [](char c) { return c >= 'a' && c <= 'z'; };
    return numbered && !name.empty() && name.size() <= name_bytes_max && is_small(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) {
               return is_small(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
           });
}

void Node::restore(NodeRecords records) {
    for (Deployment& deployment : records.deployments) {
        const std::uint16_t id = deployment.id;
        deployments_.emplace(id, std::move(deployment));
    }
    for (Module& module : records.modules) {
        const ModuleName name = module.name();
        if (module.alive()) {
            module.state = ModuleState::starting;
        }
        modules_.emplace(name, std::move(module));
    }
    for (const Route& route : records.routes) {
        set_route(route);
    }
    for (const Periodic& periodic : records.periodic) {
        set_periodic(periodic);
    }
}

Expected<Deployment>
Node::hello(const Owner& owner, std::uint32_t deployment, std::string application) {
    if (deployment == 0 || deployment > 0xFFFF) {
        return failure("bad-request",
                       fmt::format("{} is no deployment id", deployment),
                       "use one from 1 to 65535");
    }
    if (application.size() > application_bytes_max) {
        return failure("bad-request", "the application's name is too long");
    }
    const auto id = static_cast<std::uint16_t>(deployment);
    const auto found = deployments_.find(id);
    if (found == deployments_.end()) {
        const auto held = std::count_if(deployments_.begin(),
                                        deployments_.end(),
                                        [](const auto& each) { return !each.second.released; });
        if (static_cast<std::uint64_t>(held) >= limits_.deployments) {
            return limit_reached("deployments", limits_.deployments);
        }
    } else if (found->second.owner != owner && !found->second.released) {
        return failure("deployment-taken",
                       fmt::format("deployment {} of this node belongs to another owner", id),
                       "choose another deployment id, or ask its owner to run authex reset");
    }
    Deployment& claimed = deployments_[id];
    claimed = {.id = id, .owner = owner, .application = std::move(application), .released = false};
    return claimed;
}

Expected<std::uint16_t> Node::authorize(const Owner& owner, std::uint32_t deployment) const {
    if (deployment == 0 || deployment > 0xFFFF) {
        return failure("bad-request",
                       fmt::format("{} is no deployment id", deployment),
                       "use one from 1 to 65535");
    }
    const auto found = deployments_.find(static_cast<std::uint16_t>(deployment));
    if (found == deployments_.end()) {
        return failure("no-hello",
                       fmt::format("deployment {} is not known on this node", deployment),
                       "say hello with it first");
    }
    if (found->second.owner != owner) {
        return failure(
            "not-owner",
            fmt::format("deployment {} of this node belongs to another owner", deployment),
            "use a certificate of the application that deployed it, or another deployment id");
    }
    return found->first;
}

bool Node::hold(std::uint16_t deployment) {
    const auto found = deployments_.find(deployment);
    return found != deployments_.end() && std::exchange(found->second.released, false);
}

const Deployment* Node::deployment(std::uint16_t id) const {
    const auto found = deployments_.find(id);
    return found == deployments_.end() ? nullptr : &found->second;
}

std::vector<Deployment> Node::deployments(const Owner& owner) const {
    std::vector<Deployment> all;
    for (const auto& [id, deployment] : deployments_) {
        if (deployment.owner == owner && !deployment.released) {
            all.push_back(deployment);
        }
    }
    return all;
}

Expected<LoadPlan>
Node::plan_load(const tee::ModuleSpec& spec, std::uint64_t image_bytes, bool replace) const {
    if (!is_module_name(spec.name)) {
        return failure(
            "bad-name",
            "this is no name of a module",
            fmt::format("begin with a small letter; then small letters, digits, - and _; "
                        "at most {} in all",
                        name_bytes_max));
    }
    if (image_bytes == 0 || image_bytes > limits_.image_bytes) {
        return failure("image-too-large",
                       fmt::format("module \"{}\" has {} bytes, and this node takes 1 to {}",
                                   spec.name,
                                   image_bytes,
                                   limits_.image_bytes),
                       "make the module smaller, or use another node");
    }
    const Module* present = module({spec.deployment, spec.name});
    if (present == nullptr) {
        if (modules_.size() >= limits_.modules) {
            return limit_reached("modules", limits_.modules);
        }
        return LoadPlan::receive;
    }
    if (same_terms(present->spec, spec)) {
        return present->alive() ? LoadPlan::nothing : LoadPlan::start;
    }
    if (present->alive() && !replace) {
        return failure("module-differs",
                       fmt::format("module \"{}\" runs here with another image", spec.name),
                       "stop or remove it first, or load with `replace`");
    }
    return LoadPlan::receive;
}

const Module* Node::module(const ModuleName& name) const {
    const auto found = modules_.find(name);
    return found == modules_.end() ? nullptr : &found->second;
}

const Module&
Node::starting(const tee::ModuleSpec& spec, std::uint64_t image_bytes, std::uint64_t now_us) {
    Module& module = modules_[{spec.deployment, spec.name}];
    const std::uint32_t instance = module.instance + 1;
    module = {.spec = spec,
              .image_bytes = image_bytes,
              .state = ModuleState::starting,
              .failure = {},
              .last_lines = {},
              .started_at_us = now_us,
              .instance = instance,
              .placement = {}};
    return module;
}

void Node::placed(const ModuleName& name, std::vector<std::uint8_t> placement) {
    modules_[name].placement = std::move(placement);
}

Module* Node::alive(const ModuleName& name, std::uint32_t instance) {
    const auto found = modules_.find(name);
    return found != modules_.end() && found->second.alive() && found->second.instance == instance
               ? &found->second
               : nullptr;
}

const Module* Node::running(const ModuleName& name, std::uint32_t instance) {
    Module* module = alive(name, instance);
    if (module != nullptr) {
        module->state = ModuleState::running;
    }
    return module;
}

const Module* Node::failed(const ModuleName& name,
                           std::uint32_t instance,
                           std::string failure,
                           std::vector<std::string> last_lines) {
    Module* module = alive(name, instance);
    if (module != nullptr) {
        module->state = ModuleState::failed;
        module->failure = std::move(failure);
        module->last_lines = std::move(last_lines);
    }
    return module;
}

const Module* Node::stopped(const ModuleName& name) {
    const auto found = modules_.find(name);
    if (found == modules_.end()) {
        return nullptr;
    }
    found->second.state = ModuleState::stopped;
    found->second.failure.clear();
    found->second.last_lines.clear();
    return &found->second;
}

Expected<bool> Node::check_route(const Route& route) const {
    if (route.channel == 0) {
        return failure("bad-request", "0 is no connection id", "use one from 1 to 65535");
    }
    for (const std::string* end : {&route.source_module, &route.destination_module}) {
        if (!end->empty() && module({route.deployment, *end}) == nullptr) {
            return unknown_module({route.deployment, *end});
        }
    }
    const bool source_known =
        route.direct || !route.source_module.empty() || !route.source_address.empty();
    const bool destination_known =
        !route.destination_module.empty() || !route.destination_address.empty();
    const bool here = !route.source_module.empty() || !route.destination_module.empty();
    const bool ambiguous =
        (!route.source_module.empty() && !route.source_address.empty()) ||
        (!route.destination_module.empty() && !route.destination_address.empty()) ||
        (route.direct && (!route.source_module.empty() || !route.source_address.empty()));
    if (!source_known || !destination_known || !here || ambiguous ||
        route.source_address.size() > address_bytes_max ||
        route.destination_address.size() > address_bytes_max) {
        return failure("bad-request",
                       fmt::format("the ends of connection {} are not said rightly", route.channel),
                       "name a module or an address for each end, and at least one module here; a "
                       "direct connection has no source");
    }
    if (this->route(route.deployment, route.channel) == nullptr &&
        routes_.size() >= limits_.routes) {
        return limit_reached("connections", limits_.routes);
    }
    return true;
}

const Route* Node::route(std::uint16_t deployment, std::uint16_t channel) const {
    const auto found = routes_.find({deployment, channel});
    return found == routes_.end() ? nullptr : &found->second;
}

Expected<bool> Node::check_periodic(const Periodic& periodic) const {
    if (periodic.name.empty() || periodic.name.size() > name_bytes_max) {
        return failure("bad-name",
                       "a periodic event needs a name",
                       fmt::format("give one of at most {} bytes", name_bytes_max));
    }
    if (periodic.every_us < period_us_min) {
        return failure("bad-period",
                       fmt::format("a period of {} µs is too short", periodic.every_us),
                       fmt::format("give at least {} µs", period_us_min));
    }
    if (module(periodic.module) == nullptr) {
        return unknown_module(periodic.module);
    }
    const Periodic* present = this->periodic(periodic.module.deployment, periodic.name);
    if (present != nullptr) {
        if (present->module == periodic.module && present->entry == periodic.entry &&
            present->every_us == periodic.every_us) {
            return false;
        }
        return failure("duplicate-name",
                       fmt::format("there is another periodic event \"{}\"", periodic.name),
                       "unregister it first");
    }
    if (periodic_.size() >= limits_.periodic) {
        return limit_reached("periodic events", limits_.periodic);
    }
    return true;
}

const Periodic* Node::periodic(std::uint16_t deployment, const std::string& name) const {
    const auto found = periodic_.find({deployment, name});
    return found == periodic_.end() ? nullptr : &found->second;
}

std::vector<const Module*> Node::modules(std::uint16_t deployment) const {
    std::vector<const Module*> found;
    for (auto at = modules_.lower_bound({deployment, ""});
         at != modules_.end() && at->first.deployment == deployment;
         ++at) {
        found.push_back(&at->second);
    }
    return found;
}

std::vector<const Route*> Node::routes(std::uint16_t deployment) const {
    std::vector<const Route*> found;
    for (auto at = routes_.lower_bound({deployment, 0});
         at != routes_.end() && at->first.first == deployment;
         ++at) {
        found.push_back(&at->second);
    }
    return found;
}

std::vector<const Module*> Node::modules() const {
    std::vector<const Module*> found;
    for (const auto& [name, module] : modules_) {
        found.push_back(&module);
    }
    return found;
}

std::vector<const Route*> Node::routes() const {
    std::vector<const Route*> found;
    for (const auto& [key, route] : routes_) {
        found.push_back(&route);
    }
    return found;
}

std::vector<const Periodic*> Node::periodic() const {
    std::vector<const Periodic*> found;
    for (const auto& [key, periodic] : periodic_) {
        found.push_back(&periodic);
    }
    return found;
}

void Node::reset(std::uint16_t deployment) {
    std::erase_if(modules_, [&](const auto& each) { return each.first.deployment == deployment; });
    std::erase_if(routes_, [&](const auto& each) { return each.first.first == deployment; });
    std::erase_if(periodic_, [&](const auto& each) { return each.first.first == deployment; });
    const auto found = deployments_.find(deployment);
    if (found != deployments_.end()) {
        found->second.released = true;
    }
}

} // namespace authex::em
