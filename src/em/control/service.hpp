#pragma once
// The gRPC face of the manager: requests are checked and turned into its words, its answers into
// replies.

#include <functional>

#include "authex/v1/node.grpc.pb.h"
#include "em/control/calls.hpp"

namespace authex::em {

/// The largest chunk of an image, and the largest request of any kind.
constexpr std::size_t chunk_max_bytes = std::size_t{256} << 10U;
constexpr int request_max_bytes = 4 << 20;

/// What the calls share. Outlives the server.
struct ServiceContext {
    Manager& manager;
    LogBook& logs;
    Access& access;
    std::function<void(std::function<void()>)> post; ///< onto the manager's thread
    std::filesystem::path incoming;                  ///< Store::incoming()
    ServiceOptions options;
    Gate calls{options.calls_max};
    Gate loads{options.loads_max};
    Gate followers{options.followers_max};
};

class NodeService final : public v1::Node::CallbackService {
  public:
    explicit NodeService(ServiceContext& context) : context_(context) {}

    using Context = grpc::CallbackServerContext;
    using Unary = grpc::ServerUnaryReactor;
    Unary* Hello(Context*, const v1::HelloRequest*, v1::HelloReply*) override;
    grpc::ServerBidiReactor<v1::LoadRequest, v1::LoadProgress>* Load(Context*) override;
    Unary* Start(Context*, const v1::ModuleRequest*, v1::ModuleReply*) override;
    Unary* Stop(Context*, const v1::ModuleRequest*, v1::ModuleReply*) override;
    Unary* Remove(Context*, const v1::ModuleRequest*, v1::ModuleReply*) override;
    Unary* KeptState(Context*, const v1::ModuleRequest*, v1::KeptStateReply*) override;
    Unary* Control(Context*, const v1::ControlRequest*, v1::ControlReply*) override;
    Unary* Certify(Context*, const v1::CertifyRequest*, v1::CertifyReply*) override;
    Unary* Connect(Context*, const v1::ConnectRequest*, v1::ConnectReply*) override;
    Unary* Disconnect(Context*, const v1::DisconnectRequest*, v1::DisconnectReply*) override;
    Unary* Deliver(Context*, const v1::DeliverRequest*, v1::DeliverReply*) override;
    Unary* Call(Context*, const v1::CallRequest*, v1::CallReply*) override;
    Unary* Register(Context*, const v1::RegisterRequest*, v1::RegisterReply*) override;
    Unary* Unregister(Context*, const v1::UnregisterRequest*, v1::UnregisterReply*) override;
    Unary* Status(Context*, const v1::StatusRequest*, v1::StatusReply*) override;
    grpc::ServerWriteReactor<v1::Changed>* Changes(Context*, const v1::ChangesRequest*) override;
    grpc::ServerWriteReactor<v1::LogLine>* Logs(Context*, const v1::LogsRequest*) override;
    grpc::ServerWriteReactor<v1::Recorded>* Record(Context*, const v1::RecordRequest*) override;
    Unary* Metrics(Context*, const v1::MetricsRequest*, v1::MetricsReply*) override;
    Unary* Reset(Context*, const v1::ResetRequest*, v1::ResetReply*) override;
    Unary* Deployments(Context*, const v1::DeploymentsRequest*, v1::DeploymentsReply*) override;
    Unary* Revoke(Context*, const v1::RevokeRequest*, v1::RevokeReply*) override;

  private:
    ServiceContext& context_;
};

/// The streamed calls; each object deletes itself at its end.
grpc::ServerBidiReactor<v1::LoadRequest, v1::LoadProgress>*
make_load_call(ServiceContext& context, const grpc::CallbackServerContext& call);
grpc::ServerWriteReactor<v1::Changed>* make_changes_call(ServiceContext& context,
                                                         const grpc::CallbackServerContext& call,
                                                         const v1::ChangesRequest& request);
grpc::ServerWriteReactor<v1::LogLine>* make_logs_call(ServiceContext& context,
                                                      const grpc::CallbackServerContext& call,
                                                      const v1::LogsRequest& request);
grpc::ServerWriteReactor<v1::Recorded>* make_record_call(ServiceContext& context,
                                                         const grpc::CallbackServerContext& call,
                                                         const v1::RecordRequest& request);

} // namespace authex::em
