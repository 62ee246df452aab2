#pragma once
// The tables of a node and the rules that they obey: who owns which deployment, what state each
// module is in, which routes and periodic events there are. No clock, disk, network or thread in
// it.

#include <map>
#include <optional>
#include <utility>

#include "em/control/records.hpp"

namespace authex::em {

struct NodeLimits {
    std::uint32_t deployments = 256;
    std::uint32_t modules = 1024;
    std::uint32_t routes = 65'536;
    std::uint32_t periodic = 1024;
    std::uint64_t image_bytes = std::uint64_t{64} << 20U;
};

/// What a Load has to do.
enum class LoadPlan : std::uint8_t {
    nothing, ///< it runs, or is starting, with this very image
    start,   ///< the image is here, and the module does not run
    receive, ///< the image must come first; what runs under the name is ended then
};

/// Not thread-safe. Every query and change names the owner on whose behalf it is, except those
/// about what happened to a module.
class Node {
  public:
    explicit Node(const NodeLimits& limits) : limits_(limits) {}
    /// Takes what an earlier manager knew; modules that ran are `starting` until they answer.
    /// @pre nothing is known yet
    void restore(NodeRecords records);

    /// Claims the deployment for its first owner. @error bad-request | deployment-taken | limit
    Expected<Deployment>
    hello(const Owner& owner, std::uint32_t deployment, std::string application);
    /// @error bad-request (no deployment id) | no-hello | not-owner
    [[nodiscard]] Expected<std::uint16_t> authorize(const Owner& owner,
                                                    std::uint32_t deployment) const;
    /// The deployment is used: nobody else takes it over. @return whether that changed it.
    bool hold(std::uint16_t deployment);
    [[nodiscard]] const Deployment* deployment(std::uint16_t id) const;
    /// Those that the owner has, ordered by number.
    [[nodiscard]] std::vector<Deployment> deployments(const Owner& owner) const;

    /// @error bad-name | image-too-large | module-differs | limit
    [[nodiscard]] Expected<LoadPlan>
    plan_load(const tee::ModuleSpec& spec, std::uint64_t image_bytes, bool replace) const;
    /// Null: there is none.
    [[nodiscard]] const Module* module(const ModuleName& name) const;

    /// absent, stopped or failed → starting: a new instance.
    const Module&
    starting(const tee::ModuleSpec& spec, std::uint64_t image_bytes, std::uint64_t now_us);
    /// Where a module lies that is about to be greeted.
    void placed(const ModuleName& name, std::vector<std::uint8_t> placement);
    /// starting → running. Null where that instance is not starting any more.
    const Module* running(const ModuleName& name, std::uint32_t instance);
    /// starting or running → failed. Null where that instance has ended already.
    const Module* failed(const ModuleName& name,
                         std::uint32_t instance,
                         std::string failure,
                         std::vector<std::string> last_lines);
    /// any → stopped. Null: there is none.
    const Module* stopped(const ModuleName& name);
    void removed(const ModuleName& name) { modules_.erase(name); }

    /// @error bad-request | unknown-module (an end that is said to be here) | limit
    [[nodiscard]] Expected<bool> check_route(const Route& route) const;
    void set_route(const Route& route) { routes_[{route.deployment, route.channel}] = route; }
    [[nodiscard]] const Route* route(std::uint16_t deployment, std::uint16_t channel) const;
    void remove_route(std::uint16_t deployment, std::uint16_t channel) {
        routes_.erase({deployment, channel});
    }

    /// @error bad-name | bad-period | unknown-module | duplicate-name (with other terms) | limit
    /// @return false: it is there already, in the same words.
    [[nodiscard]] Expected<bool> check_periodic(const Periodic& periodic) const;
    void set_periodic(const Periodic& periodic) {
        periodic_[{periodic.module.deployment, periodic.name}] = periodic;
    }
    [[nodiscard]] const Periodic* periodic(std::uint16_t deployment, const std::string& name) const;
    void remove_periodic(std::uint16_t deployment, const std::string& name) {
        periodic_.erase({deployment, name});
    }

    /// Of one deployment, ordered by name or number.
    [[nodiscard]] std::vector<const Module*> modules(std::uint16_t deployment) const;
    [[nodiscard]] std::vector<const Route*> routes(std::uint16_t deployment) const;
    /// Of all deployments.
    [[nodiscard]] std::vector<const Module*> modules() const;
    [[nodiscard]] std::vector<const Route*> routes() const;
    [[nodiscard]] std::vector<const Periodic*> periodic() const;

    /// Forgets all of a deployment but who owned it last.
    void reset(std::uint16_t deployment);
    [[nodiscard]] const NodeLimits& limits() const { return limits_; }

  private:
    Module* alive(const ModuleName& name, std::uint32_t instance);

    NodeLimits limits_;
    std::map<std::uint16_t, Deployment> deployments_;
    std::map<ModuleName, Module> modules_;
    std::map<std::pair<std::uint16_t, std::uint16_t>, Route> routes_;
    std::map<std::pair<std::uint16_t, std::string>, Periodic> periodic_;
};

/// True for names of modules: they are folders too, so nothing but small letters, digits, `-` and
/// `_`, at most 63, a letter first; then, for later instances of a module, `.` and a number of at
/// most nine digits.
[[nodiscard]] bool is_module_name(const std::string& instance);

} // namespace authex::em
