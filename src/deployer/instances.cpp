#include "deployer/instances.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace authex::deployer {
namespace {

/// 1 where the name has none.
std::uint32_t number_of(const std::string& module, const std::string& on_node) {
    std::uint32_t number = 1;
    if (on_node.size() > module.size() + 1) {
        std::from_chars(
            on_node.data() + module.size() + 1, on_node.data() + on_node.size(), number);
    }
    return number;
}

/// Names in requests become those of the node, names in replies those of records.
class NamedNode final : public Node {
  public:
    NamedNode(std::unique_ptr<Node> node, std::shared_ptr<InstanceNames> names)
        : node_(std::move(node)), names_(std::move(names)) {}

    Expected<v1::HelloReply> hello(const v1::HelloRequest& request) override {
        return node_->hello(request);
    }
    Expected<v1::ModuleStatus> load(const v1::LoadSpec& spec,
                                    ByteView image,
                                    const std::function<void(std::uint64_t)>& progress) override {
        return named(node_->load(asked(spec), image, progress));
    }
    Expected<v1::ModuleReply> start(const v1::ModuleRequest& request) override {
        return named(node_->start(asked(request)));
    }
    Expected<v1::ModuleReply> stop(const v1::ModuleRequest& request) override {
        return named(node_->stop(asked(request)));
    }
    Expected<v1::ModuleReply> remove(const v1::ModuleRequest& request) override {
        return named(node_->remove(asked(request)));
    }
    Expected<v1::KeptStateReply> kept_state(const v1::ModuleRequest& request) override {
        return node_->kept_state(asked(request));
    }
    Expected<v1::ControlReply> control(const v1::ControlRequest& request) override {
        return node_->control(asked(request));
    }
    Expected<v1::CertifyReply> certify(const v1::CertifyRequest& request) override {
        return node_->certify(asked(request));
    }
    Expected<v1::ConnectReply> connect(const v1::ConnectRequest& request) override {
        v1::ConnectRequest named = request;
        for (std::string* module :
             {named.mutable_source_module(), named.mutable_destination_module()}) {
            *module = module->empty() ? "" : names_->on_node(*module);
        }
        return node_->connect(named);
    }
    Expected<v1::DisconnectReply> disconnect(const v1::DisconnectRequest& request) override {
        return node_->disconnect(request);
    }
    Expected<v1::DeliverReply> deliver(const v1::DeliverRequest& request) override {
        return node_->deliver(request);
    }
    Expected<v1::CallReply> call(const v1::CallRequest& request) override {
        return node_->call(asked(request));
    }
    Expected<v1::RegisterReply> register_periodic(const v1::RegisterRequest& request) override {
        return node_->register_periodic(asked(request));
    }
    Expected<v1::UnregisterReply>
    unregister_periodic(const v1::UnregisterRequest& request) override {
        return node_->unregister_periodic(request);
    }
    Expected<v1::StatusReply> status(const v1::StatusRequest& request) override {
        auto reply = node_->status(request);
        if (reply) {
            names_->learn(*reply);
            for (v1::ModuleStatus& module : *reply->mutable_modules()) {
                module.set_name(names_->record(module.name()));
            }
            for (v1::PeriodicStatus& periodic : *reply->mutable_periodic()) {
                periodic.set_module(names_->record(periodic.module()));
            }
            for (v1::ConnectionStatus& connection : *reply->mutable_connections()) {
                if (!connection.has_route()) {
                    continue;
                }
                v1::ConnectRequest& route = *connection.mutable_route();
                route.set_source_module(names_->record(route.source_module()));
                route.set_destination_module(names_->record(route.destination_module()));
            }
        }
        return reply;
    }
    Expected<bool> changes(const v1::ChangesRequest& request,
                           const std::function<bool(const v1::Changed&)>& take,
                           const std::stop_token& stop) override {
        return node_->changes(request, take, stop);
    }
    Expected<bool> logs(const v1::LogsRequest& request,
                        const std::function<bool(const v1::LogLine&)>& take,
                        const std::stop_token& stop) override {
        return node_->logs(
            asked(request),
            [&](const v1::LogLine& line) {
                v1::LogLine named = line;
                named.set_module(names_->record(line.module()));
                return take(named);
            },
            stop);
    }
    Expected<bool> record(const v1::RecordRequest& request,
                          const std::function<bool(const v1::Recorded&)>& take,
                          const std::stop_token& stop) override {
        return node_->record(asked(request), take, stop);
    }
    Expected<v1::MetricsReply> metrics(const v1::MetricsRequest& request) override {
        auto reply = node_->metrics(request);
        if (reply) {
            for (v1::Metric& metric : *reply->mutable_metrics()) {
                const auto module = metric.mutable_labels()->find("module");
                if (module != metric.mutable_labels()->end()) {
                    module->second = names_->record(module->second);
                }
            }
        }
        return reply;
    }
    Expected<v1::DeploymentsReply> deployments(const v1::DeploymentsRequest& request) override {
        return node_->deployments(request);
    }
    Expected<v1::RevokeReply> revoke(const v1::RevokeRequest& request) override {
        return node_->revoke(request);
    }
    Expected<v1::ResetReply> reset(const v1::ResetRequest& request) override {
        return node_->reset(request);
    }

  private:
    template <typename Request>
    [[nodiscard]] Request asked(Request request) {
        if (!request.module().empty()) {
            if (!names_->has_record(request.module())) {
                look(request.deployment());
            }
            request.set_module(names_->on_node(request.module()));
        }
        return request;
    }
    /// Once is enough: who has no records starts no instances.
    void look(std::uint32_t deployment) {
        std::call_once(looked_, [&] {
            v1::StatusRequest request;
            request.set_deployment(deployment);
            (void)status(request);
        });
    }
    [[nodiscard]] Expected<v1::ModuleStatus> named(Expected<v1::ModuleStatus> status) const {
        if (status) {
            status->set_name(names_->record(status->name()));
        }
        return status;
    }
    [[nodiscard]] Expected<v1::ModuleReply> named(Expected<v1::ModuleReply> reply) const {
        if (reply) {
            reply->mutable_status()->set_name(names_->record(reply->status().name()));
        }
        return reply;
    }

    std::unique_ptr<Node> node_;
    std::shared_ptr<InstanceNames> names_;
    std::once_flag looked_;
};

} // namespace

std::string next_instance(const std::string& module, const std::string& on_node) {
    return fmt::format("{}.{}", module, number_of(module, on_node) + 1);
}

std::string instance_record(const std::string& module, const std::string& on_node) {
    return fmt::format("{}.{}", module, number_of(module, on_node));
}

void InstanceNames::follow(const std::map<std::string, ModuleRecord>& modules) {
    const std::lock_guard lock(mutex_);
    on_node_.clear();
    record_.clear();
    recorded_.clear();
    for (const auto& [name, module] : modules) {
        recorded_.insert(name);
        if (!module.on_node.empty() && module.on_node != name) {
            on_node_[name] = module.on_node;
            record_[module.on_node] = name;
        }
    }
    // The first instance of a module that has a later one now.
    for (const auto& [name, other] : std::map(on_node_)) {
        if (!record_.contains(name)) {
            const std::string first = instance_record(name, name);
            record_[name] = first;
            on_node_[first] = name;
        }
    }
}

void InstanceNames::learn(const v1::StatusReply& status) {
    const std::lock_guard lock(mutex_);
    const auto has = [&](const std::string& name) {
        return std::any_of(status.modules().begin(), status.modules().end(), [&](const auto& each) {
            return each.name() == name;
        });
    };
    for (const v1::ModuleStatus& each : status.modules()) {
        const std::string module = each.name().substr(0, each.name().find('.'));
        const bool later = module != each.name() && !recorded_.contains(each.name());
        if (later && !recorded_.contains(module) && !has(module)) {
            learned_[module] = each.name();
        }
    }
}

bool InstanceNames::has_record(const std::string& module) const {
    const std::lock_guard lock(mutex_);
    return recorded_.contains(module);
}

std::string InstanceNames::on_node(const std::string& record) const {
    const std::lock_guard lock(mutex_);
    const auto found = on_node_.find(record);
    if (found != on_node_.end() || recorded_.contains(record)) {
        return found == on_node_.end() ? record : found->second;
    }
    const auto learned = learned_.find(record);
    return learned == learned_.end() ? record : learned->second;
}

std::string InstanceNames::record(const std::string& on_node) const {
    const std::lock_guard lock(mutex_);
    const auto found = record_.find(on_node);
    if (found != record_.end()) {
        return found->second;
    }
    const std::string module = on_node.substr(0, on_node.find('.'));
    const auto learned = learned_.find(module);
    const bool is_learned =
        learned != learned_.end() && learned->second == on_node && !recorded_.contains(module);
    return is_learned ? module : on_node;
}

std::unique_ptr<Node> with_instance_names(std::unique_ptr<Node> node,
                                          std::shared_ptr<InstanceNames> names) {
    return std::make_unique<NamedNode>(std::move(node), std::move(names));
}

} // namespace authex::deployer
