#include "simulation/remote_node.hpp"

#include <optional>

#include "em/control/messages.hpp"
#include "simulation/lies.hpp"
#include "simulation/world.hpp"

namespace authex::simulation {
namespace {

using Octets = std::vector<std::uint8_t>;

constexpr std::uint64_t timeout_us = 10'000'000;
constexpr std::uint64_t unreachable_us = 50'000;

Octets octets(const std::string& text) {
    return {text.begin(), text.end()};
}
std::string text_of(const Octets& bytes) {
    return {bytes.begin(), bytes.end()};
}

class RemoteNode final : public deployer::Node {
  public:
    RemoteNode(World& world, Machine& machine) : world_(world), machine_(machine) {}

    Expected<v1::HelloReply> hello(const v1::HelloRequest& request) override {
        return call<v1::HelloReply, em::Greeting>(
            request.deployment(),
            [application =
                 request.application()](em::Manager& manager, const em::Caller& caller, auto done) {
                manager.hello(caller, application, done);
            });
    }
    Expected<v1::ModuleStatus>
    load(const v1::LoadSpec& spec, ByteView, const std::function<void(std::uint64_t)>&) override {
        const Expected<em::LoadOrder> order = em::load_order_of(spec);
        if (!order) {
            return tl::make_unexpected(order.error());
        }
        return call<v1::ModuleStatus, em::Module>(
            spec.deployment(),
            [order = *order](em::Manager& manager, const em::Caller& caller, auto done) {
                const auto plan = manager.plan_load(caller, order);
                const bool receive = plan && *plan == em::LoadPlan::receive;
                manager.load(
                    caller, order, receive ? "image" : "", [] {}, done);
            });
    }
    Expected<v1::ModuleReply> start(const v1::ModuleRequest& request) override {
        return of_module(request.deployment(),
                         request.module(),
                         [](em::Manager& manager, auto&... rest) { manager.start(rest...); });
    }
    Expected<v1::ModuleReply> stop(const v1::ModuleRequest& request) override {
        return of_module(request.deployment(),
                         em::process_of(request),
                         [](em::Manager& manager, auto&... rest) { manager.stop(rest...); });
    }
    Expected<v1::ModuleReply> remove(const v1::ModuleRequest& request) override {
        return of_module(request.deployment(),
                         em::process_of(request),
                         [](em::Manager& manager, auto&... rest) { manager.remove(rest...); });
    }
    Expected<v1::KeptStateReply> kept_state(const v1::ModuleRequest& request) override {
        return call<v1::KeptStateReply, std::vector<std::uint8_t>>(
            request.deployment(),
            [module = machine_.meant_for(request.module())](
                em::Manager& manager, const em::Caller& caller, auto done) {
                manager.kept_state(caller, module, done);
            });
    }
    Expected<v1::ControlReply> control(const v1::ControlRequest& request) override {
        return call<v1::ControlReply, em::ControlAnswer>(
            request.deployment(),
            [request, module = machine_.meant_for(request.module())](
                em::Manager& manager, const em::Caller& caller, auto done) {
                manager.control(caller, module, octets(request.frames()), request.answers(), done);
            });
    }
    Expected<v1::CertifyReply> certify(const v1::CertifyRequest& request) override {
        return call<v1::CertifyReply, bool>(
            request.deployment(),
            [request, module = machine_.meant_for(request.module())](
                em::Manager& manager, const em::Caller& caller, auto done) {
                manager.certify(
                    caller, module, static_cast<std::uint16_t>(request.endpoint()), done);
            });
    }
    Expected<v1::ConnectReply> connect(const v1::ConnectRequest& request) override {
        Expected<em::Route> route = em::route_of(request);
        if (!route) {
            return tl::make_unexpected(route.error());
        }
        route->source_module = machine_.meant_for(route->source_module);
        route->destination_module = machine_.meant_for(route->destination_module);
        return at_once<v1::ConnectReply>(
            request.deployment(), [route = *route](em::Manager& manager, const em::Caller& caller) {
                return manager.connect(caller, route);
            });
    }
    Expected<v1::DisconnectReply> disconnect(const v1::DisconnectRequest& request) override {
        return at_once<v1::DisconnectReply>(
            request.deployment(),
            [channel = static_cast<std::uint16_t>(request.channel())](em::Manager& manager,
                                                                      const em::Caller& caller) {
                return manager.disconnect(caller, channel);
            });
    }
    Expected<v1::DeliverReply> deliver(const v1::DeliverRequest& request) override {
        return call<v1::DeliverReply, em::DirectResult>(
            request.deployment(),
            [request](em::Manager& manager, const em::Caller& caller, auto done) {
                manager.deliver(caller,
                                {.channel = static_cast<std::uint16_t>(request.channel()),
                                 .frames = octets(request.frames()),
                                 .wait_reply = request.wait_reply(),
                                 .replies_from = request.replies_from()},
                                done);
            });
    }
    Expected<v1::CallReply> call(const v1::CallRequest& request) override {
        return call<v1::CallReply, Octets>(
            request.deployment(),
            [request](em::Manager& manager, const em::Caller& caller, auto done) {
                manager.call(caller,
                             request.module(),
                             static_cast<std::uint16_t>(request.entry()),
                             octets(request.data()),
                             done);
            });
    }
    Expected<v1::RegisterReply> register_periodic(const v1::RegisterRequest& request) override {
        return at_once<v1::RegisterReply>(
            request.deployment(), [request](em::Manager& manager, const em::Caller& caller) {
                return manager.add_periodic(
                    caller,
                    {.name = request.name(),
                     .module = {.deployment = caller.deployment, .name = request.module()},
                     .entry = static_cast<std::uint16_t>(request.entry()),
                     .every_us = request.every_us()});
            });
    }
    Expected<v1::UnregisterReply>
    unregister_periodic(const v1::UnregisterRequest& request) override {
        return at_once<v1::UnregisterReply>(
            request.deployment(), [request](em::Manager& manager, const em::Caller& caller) {
                return manager.remove_periodic(caller, request.name());
            });
    }
    Expected<v1::StatusReply> status(const v1::StatusRequest& request) override {
        return call<v1::StatusReply, em::NodeStatus>(
            request.deployment(), [](em::Manager& manager, const em::Caller& caller, auto done) {
                done(manager.status(caller));
            });
    }
    Expected<bool> changes(const v1::ChangesRequest&,
                           const std::function<bool(const v1::Changed&)>&,
                           const std::stop_token&) override {
        return true; // simulated deployers look by themselves
    }
    Expected<bool> logs(const v1::LogsRequest&,
                        const std::function<bool(const v1::LogLine&)>&,
                        const std::stop_token&) override {
        return true; // no simulated deployer reads them
    }
    Expected<bool> record(const v1::RecordRequest&,
                          const std::function<bool(const v1::Recorded&)>&,
                          const std::stop_token&) override {
        return failure("not-replayable", "simulated nodes record all that happens by themselves");
    }
    Expected<v1::MetricsReply> metrics(const v1::MetricsRequest&) override {
        return v1::MetricsReply{};
    }
    Expected<v1::DeploymentsReply> deployments(const v1::DeploymentsRequest&) override {
        return v1::DeploymentsReply{}; // no simulated deployer loses its state
    }
    Expected<v1::RevokeReply> revoke(const v1::RevokeRequest&) override {
        return v1::RevokeReply{}; // nor has certificates
    }
    Expected<v1::ResetReply> reset(const v1::ResetRequest& request) override {
        return call<v1::ResetReply, em::ResetCounts>(
            request.deployment(), [](em::Manager& manager, const em::Caller& caller, auto done) {
                done(manager.reset(caller));
            });
    }

  private:
    template <typename T>
    struct Pending {
        std::optional<Expected<T>> answer;
    };

    /// `work(manager, caller, done)`, there and back.
    template <typename Reply, typename T, typename Work>
    Expected<Reply> call(std::uint32_t deployment, Work work) {
        world_.owner.burn();
        Expected<Reply> reply = travel<Reply, T>(deployment, std::move(work));
        if (reply && !machine_.lies.empty()) {
            const std::uint64_t seed = machine_.lies.front();
            machine_.lies.pop_front();
            lie(*reply, seed, world_);
        }
        if (reply) {
            world_.remember_answer(*reply);
        }
        world_.owner.burn();
        return reply;
    }

    template <typename Reply, typename T, typename Work>
    Expected<Reply> travel(std::uint32_t deployment, Work work) {
        if (machine_.deployer_parted || !machine_.is_up()) {
            world_.advance(unreachable_us);
            return failure("node-unreachable", "there is no answer");
        }
        const auto pending = std::make_shared<Pending<T>>();
        const std::uint64_t deadline = world_.now_us() + timeout_us;
        bool reply_lost = false;
        // It may arrive when nobody waits for it any more.
        const auto request = [&machine = machine_, deployment, pending, deadline, work] {
            machine.submit([&machine, deployment, pending, deadline, work](em::Manager& manager) {
                const em::Caller caller{
                    .identity = {.owner = em::local_owner},
                    .deployment = static_cast<std::uint16_t>(deployment),
                    .deadline = em::DataPlane::Deadline(
                        std::chrono::microseconds(deadline + machine.clock_ahead_us))};
                em::Manager::Done<T> done = [pending](Expected<T> result) {
                    if (!pending->answer) {
                        pending->answer = std::move(result);
                    }
                };
                work(manager, caller, std::move(done));
            });
        };
        send(request, reply_lost);
        world_.advance_until(deadline, [&] { return pending->answer.has_value(); });
        if (reply_lost && pending->answer) {
            world_.advance(unreachable_us);
        }
        if (!pending->answer || reply_lost) {
            return machine_.is_up() ? failure("deadline", "there is no answer in time")
                                    : failure("node-unreachable", "the connection broke");
        }
        if (!*pending->answer) {
            return tl::make_unexpected(pending->answer->error());
        }
        Reply reply;
        put(**pending->answer, reply);
        return reply;
    }

    void send(const std::function<void()>& request, bool& reply_lost) {
        std::uint64_t after_us = world_.random.between(20, 300);
        if (!machine_.call_faults.empty()) {
            const CallFault fault = machine_.call_faults.front();
            machine_.call_faults.pop_front();
            switch (fault.what) {
            case CallFault::What::lose_request:
                return;
            case CallFault::What::lose_reply:
                reply_lost = true;
                break;
            case CallFault::What::delay_request:
                after_us += fault.value;
                break;
            case CallFault::What::repeat_request:
                world_.events.at(world_.now_us() + after_us + fault.value, request);
                break;
            }
        }
        world_.events.at(world_.now_us() + after_us, request);
    }

    template <typename Reply, typename Work>
    Expected<Reply> at_once(std::uint32_t deployment, Work work) {
        return call<Reply, bool>(
            deployment,
            [work = std::move(work)](em::Manager& manager, const em::Caller& caller, auto done) {
                done(work(manager, caller));
            });
    }
    template <typename Name, typename Work>
    Expected<v1::ModuleReply> of_module(std::uint32_t deployment, const Name& name, Work work) {
        return call<v1::ModuleReply, em::Module>(
            deployment, [name, work](em::Manager& manager, const em::Caller& caller, auto done) {
                work(manager, caller, name, done);
            });
    }

    static void put(const Octets& from, v1::KeptStateReply& to) { to.set_state(text_of(from)); }
    static void put(const em::Greeting& from, v1::HelloReply& to) { em::fill(from, to); }
    static void put(const em::Module& from, v1::ModuleStatus& to) { em::fill(from, to); }
    static void put(const em::Module& from, v1::ModuleReply& to) {
        em::fill(from, *to.mutable_status());
    }
    static void put(const em::NodeStatus& from, v1::StatusReply& to) { em::fill(from, to); }
    static void put(const em::ControlAnswer& from, v1::ControlReply& to) {
        to.set_frames(text_of(from.frames));
        to.set_evidence(text_of(from.evidence));
    }
    static void put(const em::DirectResult& from, v1::DeliverReply& to) {
        to.set_expected(from.expected);
        to.set_frames(text_of(from.replies));
        to.set_refused(static_cast<std::uint32_t>(from.refused));
    }
    static void put(const Octets& from, v1::CallReply& to) { to.set_data(text_of(from)); }
    static void put(const em::ResetCounts& from, v1::ResetReply& to) {
        to.set_modules(from.modules);
        to.set_connections(from.connections);
    }
    template <typename Reply>
    static void put(bool, Reply&) {}

    World& world_;
    Machine& machine_;
};

} // namespace

std::unique_ptr<deployer::Node> make_remote_node(World& world, const std::string& name) {
    for (const auto& machine : world.machines) {
        if (machine->name() == name) {
            return std::make_unique<RemoteNode>(world, *machine);
        }
    }
    return nullptr;
}

} // namespace authex::simulation
