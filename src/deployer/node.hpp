#pragma once
// A node as the deployer speaks to it. The messages are those of node.proto; the deployment id is
// filled in by the caller. Calls block until the reply, a refusal or the deadline; thread-safe. The
// real one is grpc_node.hpp; simulations bring their own, and no code above this interface knows
// the difference.

#include <functional>
#include <memory>
#include <stop_token>

#include "authex/v1/node.pb.h"
#include "base/bytes.hpp"
#include "base/diagnostic.hpp"

namespace authex::deployer {

class Node {
  public:
    virtual ~Node() = default;
    /// @error node-unreachable | deadline | what the manager answers, for each of these
    virtual Expected<v1::HelloReply> hello(const v1::HelloRequest& request) = 0;
    /// Sends the image in chunks. `progress` is told how many bytes the node has; done when the
    /// module answers.
    virtual Expected<v1::ModuleStatus> load(const v1::LoadSpec& spec,
                                            ByteView image,
                                            const std::function<void(std::uint64_t)>& progress) = 0;
    virtual Expected<v1::ModuleReply> start(const v1::ModuleRequest& request) = 0;
    virtual Expected<v1::ModuleReply> stop(const v1::ModuleRequest& request) = 0;
    /// What arrives late must not hit a later process of the name: see removal.hpp.
    virtual Expected<v1::ModuleReply> remove(const v1::ModuleRequest& request) = 0;
    virtual Expected<v1::KeptStateReply> kept_state(const v1::ModuleRequest& request) = 0;
    virtual Expected<v1::ControlReply> control(const v1::ControlRequest& request) = 0;
    virtual Expected<v1::CertifyReply> certify(const v1::CertifyRequest& request) = 0;
    virtual Expected<v1::ConnectReply> connect(const v1::ConnectRequest& request) = 0;
    virtual Expected<v1::DisconnectReply> disconnect(const v1::DisconnectRequest& request) = 0;
    virtual Expected<v1::DeliverReply> deliver(const v1::DeliverRequest& request) = 0;
    virtual Expected<v1::CallReply> call(const v1::CallRequest& request) = 0;
    virtual Expected<v1::RegisterReply> register_periodic(const v1::RegisterRequest& request) = 0;
    virtual Expected<v1::UnregisterReply>
    unregister_periodic(const v1::UnregisterRequest& request) = 0;
    virtual Expected<v1::StatusReply> status(const v1::StatusRequest& request) = 0;
    /// Told at once, and whenever something of the deployment has changed on the node; until `take`
    /// returns false or a stop is requested.
    virtual Expected<bool> changes(const v1::ChangesRequest& request,
                                   const std::function<bool(const v1::Changed&)>& take,
                                   const std::stop_token& stop) = 0;
    /// Until `take` returns false, a stop is requested or, without `follow`, the lines end.
    virtual Expected<bool> logs(const v1::LogsRequest& request,
                                const std::function<bool(const v1::LogLine&)>& take,
                                const std::stop_token& stop) = 0;
    /// Until `take` returns false, a stop is requested or the module has ended.
    virtual Expected<bool> record(const v1::RecordRequest& request,
                                  const std::function<bool(const v1::Recorded&)>& take,
                                  const std::stop_token& stop) = 0;
    virtual Expected<v1::MetricsReply> metrics(const v1::MetricsRequest& request) = 0;
    /// Those of this caller's owner, by whatever deployer.
    virtual Expected<v1::DeploymentsReply> deployments(const v1::DeploymentsRequest& request) = 0;
    virtual Expected<v1::RevokeReply> revoke(const v1::RevokeRequest& request) = 0;
    virtual Expected<v1::ResetReply> reset(const v1::ResetRequest& request) = 0;
};

/// Runs independent pieces of work and waits for all: side by side in the real deployer, one after
/// the other in a simulation.
class Executor {
  public:
    virtual ~Executor() = default;
    virtual void run(std::vector<std::function<void()>> work) = 0;
};

} // namespace authex::deployer
