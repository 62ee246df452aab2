#include "em/control/service.hpp"

#include <algorithm>
#include <type_traits>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "em/control/messages.hpp"
#include "wire/frame.hpp"

namespace authex::em {
namespace {

std::vector<std::uint8_t> bytes_of(const std::string& bytes) {
    return {bytes.begin(), bytes.end()};
}
std::string string_of(const std::vector<std::uint8_t>& bytes) {
    return {bytes.begin(), bytes.end()};
}

Diagnostic too_many_calls() {
    return make_error("busy", "the event manager has too many calls under way", "try again later");
}

/// Lets `work(manager, caller, done)` answer on the manager's thread; `fill(result)` writes the
/// reply.
template <typename T, typename Work, typename Fill>
grpc::ServerUnaryReactor* answer(ServiceContext& context,
                                 const grpc::CallbackServerContext& call,
                                 Method method,
                                 std::uint32_t deployment,
                                 Work work,
                                 Fill fill) {
    Gate::Permit permit = context.calls.enter();
    const bool admitted = permit != nullptr;
    const std::shared_ptr<UnaryCall> unary = UnaryCall::make(std::move(permit));
    const Expected<Caller> caller = caller_of(call, context.access, method, deployment);
    if (!admitted || !caller) {
        unary->refuse(admitted ? caller.error() : too_many_calls());
        return unary.get();
    }
    Manager::Done<T> done = [unary, fill = std::move(fill)](const Expected<T>& result) {
        unary->finish<T>(result, fill);
    };
    context.post([&manager = context.manager,
                  caller = *caller,
                  work = std::move(work),
                  done = std::move(done)]() mutable { work(manager, caller, std::move(done)); });
    return unary.get();
}

/// The same for `work(manager, caller)` that returns its answer.
template <typename T, typename Work, typename Fill>
grpc::ServerUnaryReactor* answer_at_once(ServiceContext& context,
                                         const grpc::CallbackServerContext& call,
                                         Method method,
                                         std::uint32_t deployment,
                                         Work work,
                                         Fill fill) {
    return answer<T>(
        context,
        call,
        method,
        deployment,
        [work = std::move(work)](Manager& manager, const Caller& caller, const auto& done) {
            done(work(manager, caller));
        },
        std::move(fill));
}

} // namespace

grpc::ServerUnaryReactor*
NodeService::Hello(Context* call, const v1::HelloRequest* request, v1::HelloReply* reply) {
    const auto& versions = request->protocol_versions();
    const bool shared =
        std::find(versions.begin(), versions.end(), wire::protocol_version) != versions.end();
    return answer<Greeting>(
        context_,
        *call,
        Method::hello,
        request->deployment(),
        [shared, application = request->application(), &access = context_.access](
            Manager& manager, const Caller& caller, const Manager::Done<Greeting>& done) {
            if (!shared) {
                done(failure("protocol-version",
                             fmt::format("this event manager speaks protocol version {} only",
                                         wire::protocol_version),
                             "use the same release of authex and authex-em"));
                return;
            }
            manager.hello(
                caller, application, [&access, caller, done](Expected<Greeting> greeting) {
                    if (greeting) {
                        greeting->revoked = access.revoked_count(caller.identity.owner);
                    }
                    done(std::move(greeting));
                });
        },
        [reply](const Greeting& greeting) { fill(greeting, *reply); });
}

grpc::ServerBidiReactor<v1::LoadRequest, v1::LoadProgress>* NodeService::Load(Context* call) {
    return make_load_call(context_, *call);
}

grpc::ServerUnaryReactor*
NodeService::Start(Context* call, const v1::ModuleRequest* request, v1::ModuleReply* reply) {
    return answer<Module>(
        context_,
        *call,
        Method::start,
        request->deployment(),
        [module = request->module()](Manager& manager, const Caller& caller, auto done) {
            manager.start(caller, module, std::move(done));
        },
        [reply](const Module& module) { fill(module, *reply->mutable_status()); });
}

grpc::ServerUnaryReactor*
NodeService::Stop(Context* call, const v1::ModuleRequest* request, v1::ModuleReply* reply) {
    return answer<Module>(
        context_,
        *call,
        Method::stop,
        request->deployment(),
        [process = process_of(*request)](Manager& manager, const Caller& caller, const auto& done) {
            manager.stop(caller, process, done);
        },
        [reply](const Module& module) { fill(module, *reply->mutable_status()); });
}

grpc::ServerUnaryReactor*
NodeService::Remove(Context* call, const v1::ModuleRequest* request, v1::ModuleReply* reply) {
    return answer<Module>(
        context_,
        *call,
        Method::remove,
        request->deployment(),
        [process = process_of(*request)](Manager& manager, const Caller& caller, const auto& done) {
            manager.remove(caller, process, done);
        },
        [reply](const Module& module) { fill(module, *reply->mutable_status()); });
}

grpc::ServerUnaryReactor*
NodeService::KeptState(Context* call, const v1::ModuleRequest* request, v1::KeptStateReply* reply) {
    return answer<std::vector<std::uint8_t>>(
        context_,
        *call,
        Method::kept_state,
        request->deployment(),
        [module = request->module()](Manager& manager, const Caller& caller, auto done) {
            manager.kept_state(caller, module, std::move(done));
        },
        [reply](const std::vector<std::uint8_t>& state) { reply->set_state(string_of(state)); });
}

grpc::ServerUnaryReactor*
NodeService::Control(Context* call, const v1::ControlRequest* request, v1::ControlReply* reply) {
    return answer<ControlAnswer>(
        context_,
        *call,
        Method::control,
        request->deployment(),
        [module = request->module(),
         frames = bytes_of(request->frames()),
         answers = request->answers()](Manager& manager, const Caller& caller, auto done) mutable {
            manager.control(caller, module, std::move(frames), answers, std::move(done));
        },
        [reply](const ControlAnswer& answer) {
            reply->set_frames(string_of(answer.frames));
            reply->set_evidence(string_of(answer.evidence));
        });
}

grpc::ServerUnaryReactor*
NodeService::Certify(Context* call, const v1::CertifyRequest* request, v1::CertifyReply*) {
    return answer<bool>(
        context_,
        *call,
        Method::certify,
        request->deployment(),
        [module = request->module(),
         endpoint = request->endpoint()](Manager& manager, const Caller& caller, auto done) {
            if (endpoint > 0xFFFF) {
                done(failure("bad-request", fmt::format("{} is no endpoint id", endpoint)));
                return;
            }
            manager.certify(caller, module, static_cast<std::uint16_t>(endpoint), std::move(done));
        },
        [](bool) {});
}

grpc::ServerUnaryReactor*
NodeService::Connect(Context* call, const v1::ConnectRequest* request, v1::ConnectReply*) {
    return answer_at_once<bool>(
        context_,
        *call,
        Method::connect,
        request->deployment(),
        [route = route_of(*request)](Manager& manager, const Caller& caller) {
            return route ? manager.connect(caller, *route)
                         : Expected<bool>(tl::make_unexpected(route.error()));
        },
        [](bool) {});
}

grpc::ServerUnaryReactor*
NodeService::Disconnect(Context* call, const v1::DisconnectRequest* request, v1::DisconnectReply*) {
    return answer_at_once<bool>(
        context_,
        *call,
        Method::disconnect,
        request->deployment(),
        [channel = narrow(request->channel())](Manager& manager, const Caller& caller) {
            return manager.disconnect(caller, channel);
        },
        [](bool) {});
}

grpc::ServerUnaryReactor*
NodeService::Deliver(Context* call, const v1::DeliverRequest* request, v1::DeliverReply* reply) {
    return answer<DirectResult>(
        context_,
        *call,
        Method::deliver,
        request->deployment(),
        [order = DeliverOrder{.channel = narrow(request->channel()),
                              .frames = bytes_of(request->frames()),
                              .wait_reply = request->wait_reply(),
                              .replies_from = request->replies_from()}](
            Manager& manager, const Caller& caller, auto done) mutable {
            manager.deliver(caller, std::move(order), std::move(done));
        },
        [reply](const DirectResult& result) {
            reply->set_expected(result.expected);
            reply->set_frames(string_of(result.replies));
            reply->set_refused(static_cast<std::uint32_t>(result.refused));
        });
}

grpc::ServerUnaryReactor*
NodeService::Call(Context* call, const v1::CallRequest* request, v1::CallReply* reply) {
    using Data = std::vector<std::uint8_t>;
    return answer<Data>(
        context_,
        *call,
        Method::call,
        request->deployment(),
        [module = request->module(), entry = request->entry(), data = bytes_of(request->data())](
            Manager& manager, const Caller& caller, auto done) mutable {
            if (entry > 0xFFFF) {
                done(failure("bad-request", fmt::format("{} is no entry id", entry)));
                return;
            }
            manager.call(caller,
                         module,
                         static_cast<std::uint16_t>(entry),
                         std::move(data),
                         std::move(done));
        },
        [reply](const Data& data) { reply->set_data(string_of(data)); });
}

grpc::ServerUnaryReactor*
NodeService::Register(Context* call, const v1::RegisterRequest* request, v1::RegisterReply*) {
    return answer_at_once<bool>(
        context_,
        *call,
        Method::add_periodic,
        request->deployment(),
        [request = *request](Manager& manager, const Caller& caller) -> Expected<bool> {
            if (request.entry() > 0xFFFF) {
                return failure("bad-request", fmt::format("{} is no entry id", request.entry()));
            }
            return manager.add_periodic(
                caller,
                {.name = request.name(),
                 .module = {.deployment = caller.deployment, .name = request.module()},
                 .entry = static_cast<std::uint16_t>(request.entry()),
                 .every_us = request.every_us()});
        },
        [](bool) {});
}

grpc::ServerUnaryReactor*
NodeService::Unregister(Context* call, const v1::UnregisterRequest* request, v1::UnregisterReply*) {
    return answer_at_once<bool>(
        context_,
        *call,
        Method::remove_periodic,
        request->deployment(),
        [name = request->name()](Manager& manager, const Caller& caller) {
            return manager.remove_periodic(caller, name);
        },
        [](bool) {});
}

grpc::ServerUnaryReactor*
NodeService::Status(Context* call, const v1::StatusRequest* request, v1::StatusReply* reply) {
    return answer_at_once<NodeStatus>(
        context_,
        *call,
        Method::status,
        request->deployment(),
        [](Manager& manager, const Caller& caller) { return manager.status(caller); },
        [reply](const NodeStatus& status) { fill(status, *reply); });
}

grpc::ServerWriteReactor<v1::Changed>* NodeService::Changes(Context* call,
                                                            const v1::ChangesRequest* request) {
    return make_changes_call(context_, *call, *request);
}

grpc::ServerWriteReactor<v1::LogLine>* NodeService::Logs(Context* call,
                                                         const v1::LogsRequest* request) {
    return make_logs_call(context_, *call, *request);
}

grpc::ServerWriteReactor<v1::Recorded>* NodeService::Record(Context* call,
                                                            const v1::RecordRequest* request) {
    return make_record_call(context_, *call, *request);
}

grpc::ServerUnaryReactor*
NodeService::Metrics(Context* call, const v1::MetricsRequest* request, v1::MetricsReply* reply) {
    using Families = std::vector<metrics::Family>;
    return answer_at_once<Families>(
        context_,
        *call,
        Method::metrics,
        request->deployment(),
        [](Manager& manager, const Caller& caller) { return manager.metrics(caller); },
        [reply](const Families& families) { fill(families, *reply); });
}

grpc::ServerUnaryReactor*
NodeService::Reset(Context* call, const v1::ResetRequest* request, v1::ResetReply* reply) {
    return answer_at_once<ResetCounts>(
        context_,
        *call,
        Method::reset,
        request->deployment(),
        [](Manager& manager, const Caller& caller) { return manager.reset(caller); },
        [reply](const ResetCounts& counts) {
            reply->set_modules(counts.modules);
            reply->set_connections(counts.connections);
        });
}

grpc::ServerUnaryReactor* NodeService::Deployments(Context* call,
                                                   const v1::DeploymentsRequest*,
                                                   v1::DeploymentsReply* reply) {
    return answer_at_once<std::vector<Deployment>>(
        context_,
        *call,
        Method::deployments,
        0,
        [](Manager& manager, const Caller& caller) {
            return Expected<std::vector<Deployment>>(manager.deployments(caller));
        },
        [reply](const std::vector<Deployment>& all) {
            for (const Deployment& each : all) {
                v1::Deployment& deployment = *reply->add_deployments();
                deployment.set_deployment(each.id);
                deployment.set_application(rpc::valid_utf8(each.application));
            }
        });
}

grpc::ServerUnaryReactor*
NodeService::Revoke(Context* call, const v1::RevokeRequest* request, v1::RevokeReply* reply) {
    return answer_at_once<std::size_t>(
        context_,
        *call,
        Method::revoke,
        0,
        [&access = context_.access,
         serials = std::vector<std::string>(request->serials().begin(), request->serials().end())](
            Manager&, const Caller& caller) -> Expected<std::size_t> {
            const Expected<bool> revoked = access.revoke(caller.identity.owner, serials);
            if (!revoked) {
                return tl::make_unexpected(revoked.error());
            }
            spdlog::info("\"{}\" revoked {} certificates", caller.identity.name, serials.size());
            return access.revoked_count(caller.identity.owner);
        },
        [reply](std::size_t count) { reply->set_revoked(static_cast<std::uint32_t>(count)); });
}

} // namespace authex::em
