// The Node interface over a fake node.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "crypto/kdf.hpp"
#include "fake_frames.hpp"
#include "fake_world.hpp"
#include "tee/native/evidence.hpp"

namespace authex::test {
namespace {

/// The lines that a node keeps, and with `follow` those that come; then it waits as a real one
/// does.
Expected<bool> read_log(const FakeNode& node,
                        const v1::LogsRequest& request,
                        const std::function<bool(const v1::LogLine&)>& take,
                        const std::stop_token& stop) {
    if (!node.reachable) {
        return failure("node-unreachable", fmt::format("node {} is not there", node.name));
    }
    const auto tell = [&](const std::vector<v1::LogLine>& lines) {
        return std::all_of(lines.begin(), lines.end(), [&](const v1::LogLine& line) {
            return (!request.module().empty() && request.module() != line.module()) || take(line);
        });
    };
    if (!tell(node.log) || !request.follow() || !tell(node.later_log)) {
        return true;
    }
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    (void)wake.wait(lock, stop, [] { return false; });
    return true;
}

/// What a node sends of a module that is recorded; then the module runs on, or has ended.
Expected<bool> play(const FakeNode& node,
                    const v1::RecordRequest& request,
                    const std::function<bool(const v1::Recorded&)>& take,
                    const std::stop_token& stop) {
    const auto module = node.modules.find(request.module());
    if (module == node.modules.end() ||
        module->second.spec.image_sha256() != request.image_sha256()) {
        return failure("image-differs", "the module is of another image");
    }
    for (const v1::Recorded& message : node.recorded) {
        if (!take(message)) {
            return true;
        }
        if (message.has_ended()) {
            return true;
        }
    }
    if (node.recording_fails) {
        return failure("node-unreachable", fmt::format("node {} is gone", node.name));
    }
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    (void)wake.wait(lock, stop, [] { return false; });
    return true;
}

/// The deployer's side of a node: each call is two places to die, before and after it.
class FakeCall final : public deployer::Node {
  public:
    explicit FakeCall(FakeNode& node) : node_(node) {}

    Expected<v1::HelloReply> hello(const v1::HelloRequest& request) override {
        return at<v1::HelloReply>("hello", "", [&]() -> Expected<v1::HelloReply> {
            if (node_.taken.contains(request.deployment())) {
                return failure("deployment-taken", "it belongs to another owner");
            }
            node_.deployments[request.deployment()] = request.application();
            v1::HelloReply reply;
            reply.set_revoked(static_cast<std::uint32_t>(node_.revoked.size()));
            reply.set_protocol_version(wire::protocol_version);
            reply.set_tee(node_.tee);
            reply.set_node_id(node_.name);
            reply.set_boot(node_.boot);
            reply.set_simulated(true);
            reply.set_evidence_key(node_.key.public_key().data(), node_.key.public_key().size());
            reply.set_events_address("0.0.0.0:7000");
            return reply;
        });
    }
    Expected<v1::ModuleStatus> load(const v1::LoadSpec& spec,
                                    ByteView image,
                                    const std::function<void(std::uint64_t)>&) override {
        return at<v1::ModuleStatus>("load", spec.module(), [&] { return do_load(spec, image); });
    }
    Expected<v1::ModuleReply> start(const v1::ModuleRequest& request) override {
        return at<v1::ModuleReply>("start", request.module(), [&] { return do_start(request); });
    }
    Expected<v1::ModuleReply> stop(const v1::ModuleRequest& request) override {
        return at<v1::ModuleReply>("stop", request.module(), [&]() -> Expected<v1::ModuleReply> {
            FakeModule& module = node_.modules.at(request.module());
            module.runtime.reset();
            module.status.set_state(v1::ModuleStatus::STOPPED);
            return v1::ModuleReply{};
        });
    }
    Expected<v1::ModuleReply> remove(const v1::ModuleRequest& request) override {
        return at<v1::ModuleReply>("remove", request.module(), [&]() -> Expected<v1::ModuleReply> {
            if (std::exchange(node_.holds_removal, false)) {
                node_.held_removal = request;
                return failure("node-unreachable", "nobody answers");
            }
            const auto found = node_.modules.find(request.module());
            if (found == node_.modules.end()) {
                return v1::ModuleReply{};
            }
            if (request.started_at_us() != found->second.status.started_at_us()) {
                return failure("another-process", "it was started again since");
            }
            if (node_.removes_nothing) {
                return failure("store", "the disk is full");
            }
            node_.modules.erase(found);
            return v1::ModuleReply{};
        });
    }
    Expected<v1::KeptStateReply> kept_state(const v1::ModuleRequest& request) override {
        return at<v1::KeptStateReply>(
            "kept_state", request.module(), [&]() -> Expected<v1::KeptStateReply> {
                const FakeModule& module = node_.modules.at(request.module());
                for (const Octets& frame : module.kept_events) {
                    auto& waiting = node_.waiting[header_of(frame).channel];
                    const bool is_there = !waiting.empty() && header_of(waiting.back()).counter >=
                                                                  header_of(frame).counter;
                    if (!is_there) {
                        waiting.push_back(frame);
                    }
                }
                v1::KeptStateReply reply;
                reply.set_state(module.kept_state.data(), module.kept_state.size());
                return reply;
            });
    }
    Expected<v1::ControlReply> control(const v1::ControlRequest& request) override {
        return at<v1::ControlReply>(
            "control", request.module(), [&] { return do_control(request); });
    }
    Expected<v1::CertifyReply> certify(const v1::CertifyRequest& request) override {
        return at<v1::CertifyReply>(
            "certify", request.module(), [&]() -> Expected<v1::CertifyReply> {
                if (request.endpoint() != fake_server || node_.quotes_nothing) {
                    return failure("aesm-missing", "nobody makes quotes here");
                }
                node_.certified.push_back(request.module());
                return v1::CertifyReply{};
            });
    }
    Expected<v1::ConnectReply> connect(const v1::ConnectRequest& request) override {
        return at<v1::ConnectReply>(
            "connect", std::to_string(request.channel()), [&]() -> Expected<v1::ConnectReply> {
                v1::ConnectRequest& route = node_.routes[request.channel()];
                if (node_.frames_wait > 0 && route.source_module() != request.source_module()) {
                    --node_.frames_wait;
                    return failure("frames-wait", "there is no room yet");
                }
                if (route.epoch() != request.epoch()) {
                    node_.waiting.erase(request.channel());
                    node_.replies.erase(request.channel());
                }
                route = request;
                return v1::ConnectReply{};
            });
    }
    Expected<v1::DisconnectReply> disconnect(const v1::DisconnectRequest& request) override {
        return at<v1::DisconnectReply>("disconnect",
                                       std::to_string(request.channel()),
                                       [&]() -> Expected<v1::DisconnectReply> {
                                           node_.routes.erase(request.channel());
                                           node_.waiting.erase(request.channel());
                                           return v1::DisconnectReply{};
                                       });
    }
    Expected<v1::DeliverReply> deliver(const v1::DeliverRequest& request) override {
        return at<v1::DeliverReply>(
            "deliver", std::to_string(request.channel()), [&] { return do_deliver(request); });
    }
    Expected<v1::CallReply> call(const v1::CallRequest& request) override {
        return at<v1::CallReply>("call", request.module(), [&]() -> Expected<v1::CallReply> {
            node_.world.go(request.module());
            return v1::CallReply{};
        });
    }
    Expected<v1::RegisterReply> register_periodic(const v1::RegisterRequest& request) override {
        return at<v1::RegisterReply>(
            "register", request.name(), [&]() -> Expected<v1::RegisterReply> {
                const auto [it, is_new] = node_.periodic.emplace(request.name(), request);
                if (!is_new && it->second.every_us() != request.every_us()) {
                    return failure("duplicate-name", "there is another one");
                }
                return v1::RegisterReply{};
            });
    }
    Expected<v1::UnregisterReply>
    unregister_periodic(const v1::UnregisterRequest& request) override {
        return at<v1::UnregisterReply>(
            "unregister", request.name(), [&]() -> Expected<v1::UnregisterReply> {
                if (node_.periodic.erase(request.name()) == 0) {
                    return failure("unknown-periodic", "there is none");
                }
                return v1::UnregisterReply{};
            });
    }
    Expected<v1::StatusReply> status(const v1::StatusRequest& request) override {
        return at<v1::StatusReply>("status", "", [&]() -> Expected<v1::StatusReply> {
            v1::StatusReply reply;
            for (const auto& [name, module] : node_.modules) {
                if (module.spec.deployment() == request.deployment()) {
                    *reply.add_modules() = module.status;
                }
            }
            for (const auto& [channel, route] : node_.routes) {
                auto& connection = *reply.add_connections();
                connection.set_channel(channel);
                connection.set_epoch(route.epoch());
                *connection.mutable_route() = route;
            }
            for (const auto& [name, registered] : node_.periodic) {
                auto& periodic = *reply.add_periodic();
                periodic.set_name(name);
                periodic.set_module(registered.module());
                periodic.set_entry(registered.entry());
                periodic.set_every_us(registered.every_us());
            }
            return reply;
        });
    }
    Expected<bool> changes(const v1::ChangesRequest&,
                           const std::function<bool(const v1::Changed&)>& take,
                           const std::stop_token&) override {
        (void)take({});
        return true; // whoever wants more asks again
    }
    Expected<bool> logs(const v1::LogsRequest& request,
                        const std::function<bool(const v1::LogLine&)>& take,
                        const std::stop_token& stop) override {
        return read_log(node_, request, take, stop);
    }
    Expected<bool> record(const v1::RecordRequest& request,
                          const std::function<bool(const v1::Recorded&)>& take,
                          const std::stop_token& stop) override {
        return play(node_, request, take, stop);
    }
    Expected<v1::MetricsReply> metrics(const v1::MetricsRequest&) override {
        return v1::MetricsReply{};
    }
    Expected<v1::DeploymentsReply> deployments(const v1::DeploymentsRequest&) override {
        return at<v1::DeploymentsReply>("deployments", "", [&]() -> Expected<v1::DeploymentsReply> {
            v1::DeploymentsReply reply;
            for (const auto& [id, application] : node_.deployments) {
                v1::Deployment& deployment = *reply.add_deployments();
                deployment.set_deployment(id);
                deployment.set_application(application);
            }
            return reply;
        });
    }
    Expected<v1::RevokeReply> revoke(const v1::RevokeRequest& request) override {
        return at<v1::RevokeReply>("revoke", "", [&]() -> Expected<v1::RevokeReply> {
            node_.revoked.insert(request.serials().begin(), request.serials().end());
            v1::RevokeReply reply;
            reply.set_revoked(static_cast<std::uint32_t>(node_.revoked.size()));
            return reply;
        });
    }
    Expected<v1::ResetReply> reset(const v1::ResetRequest&) override {
        return at<v1::ResetReply>("reset", "", [&]() -> Expected<v1::ResetReply> {
            node_.modules.clear();
            node_.routes.clear();
            node_.periodic.clear();
            node_.waiting.clear();
            return v1::ResetReply{};
        });
    }

  private:
    template <typename Reply, typename Work>
    Expected<Reply> at(const char* method, const std::string& subject, const Work& work) {
        node_.world.burn();
        if (!node_.reachable) {
            return failure("node-unreachable", fmt::format("node {} is not there", node_.name));
        }
        node_.world.calls.push_back(fmt::format("{} {} {}", node_.name, method, subject));
        const auto lost = [&] {
            return failure("node-unreachable",
                           fmt::format("node {} went away during {}", node_.name, method));
        };
        if (node_.world.call_is_lost()) {
            return lost();
        }
        Expected<Reply> reply = work();
        node_.world.burn();
        return node_.world.call_is_lost() ? Expected<Reply>(lost()) : std::move(reply);
    }

    Expected<v1::ModuleStatus> do_load(const v1::LoadSpec& spec, ByteView image) {
        const crypto::Hash hash = crypto::sha256(image);
        const std::string sha256(hash.begin(), hash.end());
        if (spec.image_sha256() != sha256) {
            return failure("image-mismatch", "not the image");
        }
        FakeModule& module = node_.modules[spec.module()];
        const bool same = module.spec.image_sha256() == spec.image_sha256() &&
                          module.spec.stack_bytes() == spec.stack_bytes() &&
                          module.spec.keeps_state() == spec.keeps_state();
        if (!same || module.runtime == nullptr) {
            module.spec = spec;
            module.identity.assign(hash.begin(), hash.end());
            node_.start(module);
        }
        return module.status;
    }

    Expected<v1::ModuleReply> do_start(const v1::ModuleRequest& request) {
        FakeModule& module = node_.modules.at(request.module());
        if (module.runtime == nullptr) {
            node_.start(module);
        }
        v1::ModuleReply reply;
        *reply.mutable_status() = module.status;
        return reply;
    }

    Expected<v1::ControlReply> do_control(const v1::ControlRequest& request) {
        const auto found = node_.modules.find(request.module());
        if (found == node_.modules.end() || found->second.runtime == nullptr) {
            return failure("module-not-running", "it does not run");
        }
        node_.world.saw_orders(request.module(), octets(request.frames()));
        v1::ControlReply reply;
        std::uint32_t answers = 0;
        for (const Octets& frame : node_.invoke(found->second, octets(request.frames()))) {
            const wire::FrameHeader header = header_of(frame);
            const auto of_control = static_cast<std::uint8_t>(wire::Kind::control);
            if (header.kind == wire::Kind::refusal && frame[wire::header_bytes] <= of_control) {
                return failure("order-refused",
                               error_text(static_cast<Error>(frame[wire::header_bytes + 1])));
            }
            if (header.kind != wire::Kind::control && header.kind != wire::Kind::handshake) {
                continue;
            }
            ++answers;
            reply.mutable_frames()->append(frame.begin(), frame.end());
            if (header.kind == wire::Kind::handshake) {
                tee::native::Evidence evidence;
                copy(found->second.identity, evidence.identity);
                copy(ByteView(frame).last(tee::native::report_data_bytes), evidence.report_data);
                evidence.signature = *node_.key.sign(tee::native::signed_bytes(evidence));
                const Octets bytes = tee::native::write_evidence(evidence);
                reply.set_evidence(bytes.data(), bytes.size());
            }
        }
        if (answers != request.answers()) {
            return failure("deadline", "the module did not answer in time");
        }
        return reply;
    }

    Expected<v1::DeliverReply> do_deliver(const v1::DeliverRequest& request) {
        const auto route = node_.routes.find(request.channel());
        if (route == node_.routes.end()) {
            return failure("unknown-connection", "there is none");
        }
        const Octets frames = octets(request.frames());
        node_.world.saw_sealed_by_deployer(static_cast<std::uint16_t>(request.channel()), frames);
        v1::DeliverReply reply;
        FakeModule& module = node_.modules.at(route->second.destination_module());
        node_.replies[request.channel()].clear();
        for (const Octets& frame : node_.invoke(module, frames)) {
            const wire::FrameHeader header = header_of(frame);
            if (header.channel != request.channel()) {
                continue;
            }
            if (header.kind == wire::Kind::refusal) {
                const auto cause = static_cast<Error>(frame[wire::header_bytes + 1]);
                if (cause != Error::replayed) {
                    reply.set_refused(static_cast<std::uint32_t>(cause));
                }
            } else if (header.kind == wire::Kind::ack) {
                reply.set_expected(header.counter);
            } else if (header.kind == wire::Kind::reply) {
                reply.mutable_frames()->append(frame.begin(), frame.end());
            }
        }
        node_.world.pump();
        return reply;
    }

    FakeNode& node_;
};

} // namespace

std::unique_ptr<deployer::Node> call_of(FakeNode& node) {
    return std::make_unique<FakeCall>(node);
}

} // namespace authex::test
