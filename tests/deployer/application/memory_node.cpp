#include "memory_node.hpp"

#include <fmt/format.h>

#include "crypto/kdf.hpp"
#include "wire/frame.hpp"

namespace authex::test {
namespace {

using Octets = std::vector<std::uint8_t>;

std::map<const runtime::Runtime*, MemoryModule*>& by_runtime() {
    static std::map<const runtime::Runtime*, MemoryModule*> modules;
    return modules;
}

extern const authex_endpoint endpoints[5];
void on_in(authex_message* message) {
    ++by_runtime().at(runtime::active_runtime)->taken;
    authex_output(&endpoints[endpoint_out], message->data, message->size);
}
void on_reply(authex_message*) {}
void on_request(authex_message* message) {
    const std::uint32_t taken = by_runtime().at(runtime::active_runtime)->taken;
    Writer(Bytes(message->result, message->result_room)).u32(taken);
    message->result_size = 4;
}
void on_tick(authex_message*) {}

const authex_endpoint endpoints[5] = {{"out", nullptr, AUTHEX_KIND_OUTPUT},
                                      {"in", on_in, AUTHEX_KIND_INPUT},
                                      {"ask", on_reply, AUTHEX_KIND_REQUEST},
                                      {"answer", on_request, AUTHEX_KIND_HANDLER},
                                      {"tick", on_tick, AUTHEX_KIND_ENTRY}};

Octets digest_of(ByteView bytes) {
    const crypto::Hash hash = crypto::sha256(bytes);
    return {hash.begin(), hash.end()};
}

} // namespace

MemoryNode::MemoryNode(std::string name,
                       MemoryNetwork& network,
                       const std::filesystem::path& folder)
    : name_(std::move(name)), network_(network) {
    new_evidence_key(folder);
}

void MemoryNode::new_evidence_key(const std::filesystem::path& folder) {
    key_ =
        std::make_shared<tee::native::EvidenceKey>(*tee::native::EvidenceKey::open(folder / name_));
}

void MemoryNode::start(MemoryModule& module) {
    static std::uint8_t boots = 0;
    by_runtime().erase(module.runtime.get());
    module.runtime = std::make_unique<runtime::Runtime>();
    by_runtime()[module.runtime.get()] = &module;
    ++module.instance;
    module.taken = 0;
    std::array<std::uint8_t, 32> entropy{};
    entropy.fill(++boots);
    // The first 32 bytes of an image stand for the owner key that the builder compiles in.
    std::copy_n(module.image.begin(), 32, module.owner_key.begin());
    module.runtime->start(endpoints, module.owner_key, entropy);
}

void MemoryNode::restart_module(const std::string& name) {
    start(modules_.at(name));
}

Octets MemoryNode::feed(const std::string& name, ByteView frames) {
    Octets out(4 * runtime::output_min_bytes);
    Octets emitted;
    while (!frames.empty()) {
        const runtime::Progress progress = modules_.at(name).runtime->invoke(frames, out);
        emitted.insert(emitted.end(),
                       out.begin(),
                       out.begin() + static_cast<std::ptrdiff_t>(progress.produced));
        if (progress.consumed == 0) {
            break;
        }
        frames = frames.subspan(progress.consumed);
    }
    Octets to_deployer;
    ByteView rest(emitted);
    wire::FrameView view;
    while (wire::parse_frame(rest, view) == Error::none) {
        const ByteView frame = rest.first(view.frame_bytes());
        rest = rest.subspan(view.frame_bytes());
        const auto route = routes_.find(view.header.channel);
        if (view.header.kind != wire::Kind::event) {
            to_deployer.insert(to_deployer.end(), frame.begin(), frame.end());
        } else if (route != routes_.end()) {
            for (const auto& [other, node] : network_.nodes) {
                const std::string& destination =
                    node->routes_.contains(view.header.channel)
                        ? node->routes_.at(view.header.channel).destination_module()
                        : std::string();
                if (!destination.empty() && node->has_module(destination)) {
                    (void)node->feed(destination, frame);
                }
            }
        }
    }
    return to_deployer;
}

/// What the deployer holds.
class MemoryNodeHandle final : public deployer::Node {
  public:
    explicit MemoryNodeHandle(MemoryNode& node) : node_(node) {}

    Expected<v1::HelloReply> hello(const v1::HelloRequest&) override {
        return act<v1::HelloReply>([this](v1::HelloReply& reply) {
            reply.set_protocol_version(1);
            reply.set_tee("native");
            reply.set_simulated(true);
            reply.set_node_id(node_.name_);
            reply.set_events_address(node_.name_ + ":1");
            reply.set_max_body_bytes(65536);
            reply.set_max_image_bytes(1 << 20);
            reply.set_max_modules(100);
            const auto& key = node_.key_->public_key();
            reply.set_evidence_key(key.data(), key.size());
            return std::optional<Diagnostic>();
        });
    }
    Expected<v1::ModuleStatus> load(const v1::LoadSpec& spec,
                                    ByteView image,
                                    const std::function<void(std::uint64_t)>&) override {
        return act<v1::ModuleStatus>([&](v1::ModuleStatus& reply) {
            MemoryModule& module = node_.modules_[spec.module()];
            if (module.image != Octets(image.begin(), image.end())) {
                module.image.assign(image.begin(), image.end());
                module.image_sha256 = digest_of(image);
                node_.start(module);
            }
            fill(spec.module(), module, reply);
            return std::optional<Diagnostic>();
        });
    }
    Expected<v1::ModuleReply> start(const v1::ModuleRequest& request) override {
        return act<v1::ModuleReply>([&](v1::ModuleReply& reply) {
            fill(request.module(), node_.modules_.at(request.module()), *reply.mutable_status());
            return std::optional<Diagnostic>();
        });
    }
    Expected<v1::ModuleReply> stop(const v1::ModuleRequest& request) override {
        return remove(request);
    }
    Expected<v1::ModuleReply> remove(const v1::ModuleRequest& request) override {
        return act<v1::ModuleReply>([&](v1::ModuleReply&) {
            node_.modules_.erase(request.module());
            return std::optional<Diagnostic>();
        });
    }
    Expected<v1::ControlReply> control(const v1::ControlRequest& request) override;
    Expected<v1::ConnectReply> connect(const v1::ConnectRequest& request) override {
        return act<v1::ConnectReply>([&](v1::ConnectReply&) {
            node_.routes_[static_cast<std::uint16_t>(request.channel())] = request;
            return std::optional<Diagnostic>();
        });
    }
    Expected<v1::DisconnectReply> disconnect(const v1::DisconnectRequest& request) override {
        return act<v1::DisconnectReply>([&](v1::DisconnectReply&) {
            node_.routes_.erase(static_cast<std::uint16_t>(request.channel()));
            return std::optional<Diagnostic>();
        });
    }
    Expected<v1::DeliverReply> deliver(const v1::DeliverRequest& request) override;
    Expected<v1::CallReply> call(const v1::CallRequest&) override {
        return act<v1::CallReply>([](v1::CallReply&) { return std::optional<Diagnostic>(); });
    }
    Expected<v1::RegisterReply> register_periodic(const v1::RegisterRequest& request) override {
        return act<v1::RegisterReply>([&](v1::RegisterReply&) {
            node_.periodic_[request.name()] = request;
            return std::optional<Diagnostic>();
        });
    }
    Expected<v1::UnregisterReply>
    unregister_periodic(const v1::UnregisterRequest& request) override {
        return act<v1::UnregisterReply>([&](v1::UnregisterReply&) {
            node_.periodic_.erase(request.name());
            return std::optional<Diagnostic>();
        });
    }
    Expected<v1::StatusReply> status(const v1::StatusRequest&) override;
    Expected<bool> logs(const v1::LogsRequest&,
                        const std::function<bool(const v1::LogLine&)>&) override {
        return true;
    }
    Expected<v1::MetricsReply> metrics(const v1::MetricsRequest&) override {
        return v1::MetricsReply();
    }
    Expected<v1::ResetReply> reset(const v1::ResetRequest&) override {
        return act<v1::ResetReply>([this](v1::ResetReply&) {
            node_.modules_.clear();
            node_.routes_.clear();
            node_.periodic_.clear();
            return std::optional<Diagnostic>();
        });
    }

  private:
    /// One call: the deployer may be killed before or after it has its effect.
    template <typename Reply, typename Work>
    Expected<Reply> act(const Work& work) {
        MemoryNetwork& network = node_.network_;
        const bool kill = ++network.calls == network.killed_at;
        if (kill && !network.killed_after_effect) {
            throw Killed();
        }
        if (!node_.reachable) {
            return failure("node-unreachable", "node " + node_.name_ + " does not answer");
        }
        Reply reply;
        const std::optional<Diagnostic> problem = work(reply);
        if (kill) {
            throw Killed();
        }
        if (problem) {
            return tl::make_unexpected(*problem);
        }
        return reply;
    }
    static void
    fill(const std::string& name, const MemoryModule& module, v1::ModuleStatus& status) {
        status.set_name(name);
        status.set_state(v1::ModuleStatus::RUNNING);
        status.set_image_sha256(module.image_sha256.data(), module.image_sha256.size());
        status.set_image_bytes(module.image.size());
        status.set_started_at_us(1);
        status.set_instance(module.instance);
    }

    MemoryNode& node_;
};

Expected<v1::ControlReply> MemoryNodeHandle::control(const v1::ControlRequest& request) {
    return act<v1::ControlReply>([&](v1::ControlReply& reply) -> std::optional<Diagnostic> {
        const auto found = node_.modules_.find(request.module());
        if (found == node_.modules_.end()) {
            return make_error("module-not-running", "there is no module " + request.module());
        }
        const std::string& frames = request.frames();
        const Octets answer =
            node_.feed(request.module(),
                       {reinterpret_cast<const std::uint8_t*>(frames.data()), frames.size()});
        Octets wanted;
        for (ByteView rest(answer); !rest.empty();) {
            wire::FrameView view;
            if (wire::parse_frame(rest, view) != Error::none) {
                break;
            }
            const ByteView frame = rest.first(view.frame_bytes());
            rest = rest.subspan(view.frame_bytes());
            if (view.header.kind == wire::Kind::handshake) {
                tee::native::Evidence evidence;
                std::copy_n(found->second.image_sha256.begin(), 32, evidence.identity.begin());
                std::copy_n(view.body.end() - 32, 32, evidence.report_data.begin());
                evidence.signature = *node_.key_->sign(tee::native::signed_bytes(evidence));
                Octets bytes = tee::native::write_evidence(evidence);
                if (node_.network_.tamper != nullptr) {
                    bytes = node_.network_.tamper(request.module(), std::move(bytes));
                }
                reply.set_evidence(bytes.data(), bytes.size());
            }
            if (view.header.kind == wire::Kind::handshake ||
                view.header.kind == wire::Kind::control) {
                wanted.insert(wanted.end(), frame.begin(), frame.end());
            }
        }
        reply.set_frames(wanted.data(), wanted.size());
        return std::nullopt;
    });
}

Expected<v1::DeliverReply> MemoryNodeHandle::deliver(const v1::DeliverRequest& request) {
    return act<v1::DeliverReply>([&](v1::DeliverReply& reply) -> std::optional<Diagnostic> {
        const auto route = node_.routes_.find(static_cast<std::uint16_t>(request.channel()));
        if (route == node_.routes_.end() || !node_.has_module(route->second.destination_module())) {
            return make_error("unknown-connection", "no such route");
        }
        const std::string& frames = request.frames();
        const Octets answer =
            node_.feed(route->second.destination_module(),
                       {reinterpret_cast<const std::uint8_t*>(frames.data()), frames.size()});
        for (ByteView rest(answer); !rest.empty();) {
            wire::FrameView view;
            if (wire::parse_frame(rest, view) != Error::none) {
                break;
            }
            const ByteView frame = rest.first(view.frame_bytes());
            rest = rest.subspan(view.frame_bytes());
            if (view.header.kind == wire::Kind::ack) {
                reply.set_expected(view.header.counter);
            } else if (view.header.kind == wire::Kind::reply) {
                reply.mutable_frames()->append(reinterpret_cast<const char*>(frame.data()),
                                               frame.size());
            }
        }
        return std::nullopt;
    });
}

Expected<v1::StatusReply> MemoryNodeHandle::status(const v1::StatusRequest&) {
    return act<v1::StatusReply>([this](v1::StatusReply& reply) {
        for (const auto& [name, module] : node_.modules_) {
            fill(name, module, *reply.add_modules());
        }
        for (const auto& [channel, route] : node_.routes_) {
            v1::ConnectionStatus* status = reply.add_connections();
            status->set_channel(channel);
            status->set_epoch(route.epoch());
        }
        for (const auto& [name, periodic] : node_.periodic_) {
            v1::PeriodicStatus* status = reply.add_periodic();
            status->set_name(name);
            status->set_module(periodic.module());
            status->set_entry(periodic.entry());
            status->set_every_us(periodic.every_us());
        }
        return std::optional<Diagnostic>();
    });
}

std::unique_ptr<deployer::Node> MemoryNode::reach() {
    return std::make_unique<MemoryNodeHandle>(*this);
}

} // namespace authex::test
