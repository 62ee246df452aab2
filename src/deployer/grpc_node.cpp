#include "deployer/grpc_node.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <thread>

#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "authex/v1/node.grpc.pb.h"
#include "rpc/status.hpp"

namespace authex::deployer {
namespace {

/// LoadRequest.chunk in node.proto.
constexpr std::size_t chunk_bytes_max = std::size_t{256} << 10U;
/// Before a busy manager is asked again.
constexpr auto busy_pause = std::chrono::milliseconds(20);
constexpr int reconnect_ms = 100;
constexpr int reconnect_ms_max = 2000;
/// Of a stream that is followed. The server refuses calls without a deadline, and those with one
/// more than a day away, as a day would be that is rounded up on its way.
constexpr std::chrono::milliseconds follow_time = std::chrono::hours(23);

Expected<std::string> read_pem(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file.is_open() || text.empty()) {
        return failure(
            "tls",
            fmt::format("cannot read {}", path.string()),
            "make it with authex init, or give the node's certificate in the descriptor");
    }
    return text;
}

Expected<std::shared_ptr<grpc::ChannelCredentials>> credentials_of(const GrpcNodeOptions& options) {
    if (!options.tls) {
        return grpc::InsecureChannelCredentials();
    }
    const auto authority = read_pem(options.tls->authority);
    const auto certificate = read_pem(options.tls->certificate);
    const auto key = read_pem(options.tls->key);
    for (const auto* pem : {&authority, &certificate, &key}) {
        if (!*pem) {
            return tl::make_unexpected(pem->error());
        }
    }
    return grpc::SslCredentials(
        {.pem_root_certs = *authority, .pem_private_key = *key, .pem_cert_chain = *certificate});
}

/// @param says how gRPC says it, and no other way: in words
Diagnostic unreachable(const GrpcNodeOptions& options, const std::string& says) {
    const auto error = [&](const std::string& what, const std::string& fix) {
        return make_error("node-unreachable", fmt::format("node {}{}", options.name, what), fix);
    };
    const auto has = [&](const char* words) { return says.find(words) != std::string::npos; };
    if (has("DNS resolution failed")) {
        return error(fmt::format(": the host of {} has no address here", options.address),
                     "mend the node's `address:`, or make the name known on this machine "
                     "(/etc/hosts, DNS)");
    }
    const bool is_heard =
        has("Socket closed") || has("Connection reset") || has("handshake") || has("http1.x");
    if (options.tls && has("is not in peer certificate")) {
        return error(fmt::format(": the certificate at {} names other hosts", options.address),
                     fmt::format("make one that names it: authex node bundle {} --host {}, for "
                                 "authex-em --tls",
                                 options.name,
                                 options.address.substr(0, options.address.rfind(':'))));
    }
    if (options.tls && has("certificate verify failed")) {
        return error(fmt::format(": the certificate at {} is of an authority that is not this "
                                 "application's, or its time is over",
                                 options.address),
                     fmt::format("make one: authex node bundle {}, for authex-em --tls; or name "
                                 "the authority to trust as the node's `certificate:`",
                                 options.name));
    }
    if (options.tls && is_heard) {
        return error(fmt::format(" speaks no TLS at {}, or takes no certificate of this "
                                 "application there",
                                 options.address),
                     fmt::format("start it with authex-em --tls, on what authex node bundle {} "
                                 "makes",
                                 options.name));
    }
    if (is_heard) {
        return error(
            fmt::format(": what listens at {} is no authex-em in plaintext", options.address),
            "where authex-em has certificates (--tls), say so: the node's `certificate:` in the "
            "descriptor; where it is another program, give the node another port");
    }
    return error(fmt::format(" does not answer at {}", options.address),
                 options.tls
                     ? "is authex-em running there?"
                     : "start it: authex dev, or authex-em --tee … --listen " + options.address);
}

class GrpcNode final : public Node {
  public:
    GrpcNode(GrpcNodeOptions options, const std::shared_ptr<grpc::Channel>& channel)
        : options_(std::move(options)), stub_(v1::Node::NewStub(channel)) {}

    Expected<v1::HelloReply> hello(const v1::HelloRequest& request) override {
        return unary<v1::HelloReply>(&v1::Node::Stub::Hello, request);
    }
    Expected<v1::ModuleReply> start(const v1::ModuleRequest& request) override {
        return unary<v1::ModuleReply>(&v1::Node::Stub::Start, request);
    }
    Expected<v1::ModuleReply> stop(const v1::ModuleRequest& request) override {
        return unary<v1::ModuleReply>(&v1::Node::Stub::Stop, request);
    }
    Expected<v1::ModuleReply> remove(const v1::ModuleRequest& request) override {
        return unary<v1::ModuleReply>(&v1::Node::Stub::Remove, request);
    }
    Expected<v1::KeptStateReply> kept_state(const v1::ModuleRequest& request) override {
        return unary<v1::KeptStateReply>(&v1::Node::Stub::KeptState, request);
    }
    Expected<v1::ControlReply> control(const v1::ControlRequest& request) override {
        return unary<v1::ControlReply>(&v1::Node::Stub::Control, request);
    }
    Expected<v1::CertifyReply> certify(const v1::CertifyRequest& request) override {
        return unary<v1::CertifyReply>(&v1::Node::Stub::Certify, request);
    }
    Expected<v1::ConnectReply> connect(const v1::ConnectRequest& request) override {
        return unary<v1::ConnectReply>(&v1::Node::Stub::Connect, request);
    }
    Expected<v1::DisconnectReply> disconnect(const v1::DisconnectRequest& request) override {
        return unary<v1::DisconnectReply>(&v1::Node::Stub::Disconnect, request);
    }
    Expected<v1::DeliverReply> deliver(const v1::DeliverRequest& request) override {
        return unary<v1::DeliverReply>(&v1::Node::Stub::Deliver, request);
    }
    Expected<v1::CallReply> call(const v1::CallRequest& request) override {
        return unary<v1::CallReply>(&v1::Node::Stub::Call, request);
    }
    Expected<v1::RegisterReply> register_periodic(const v1::RegisterRequest& request) override {
        return unary<v1::RegisterReply>(&v1::Node::Stub::Register, request);
    }
    Expected<v1::UnregisterReply>
    unregister_periodic(const v1::UnregisterRequest& request) override {
        return unary<v1::UnregisterReply>(&v1::Node::Stub::Unregister, request);
    }
    Expected<v1::StatusReply> status(const v1::StatusRequest& request) override {
        return unary<v1::StatusReply>(&v1::Node::Stub::Status, request);
    }
    Expected<v1::MetricsReply> metrics(const v1::MetricsRequest& request) override {
        return unary<v1::MetricsReply>(&v1::Node::Stub::Metrics, request);
    }
    Expected<v1::DeploymentsReply> deployments(const v1::DeploymentsRequest& request) override {
        return unary<v1::DeploymentsReply>(&v1::Node::Stub::Deployments, request);
    }
    Expected<v1::RevokeReply> revoke(const v1::RevokeRequest& request) override {
        return unary<v1::RevokeReply>(&v1::Node::Stub::Revoke, request);
    }
    Expected<v1::ResetReply> reset(const v1::ResetRequest& request) override {
        return unary<v1::ResetReply>(&v1::Node::Stub::Reset, request);
    }

    Expected<v1::ModuleStatus> load(const v1::LoadSpec& spec,
                                    ByteView image,
                                    const std::function<void(std::uint64_t)>& progress) override;
    Expected<v1::ModuleStatus> load_once(const v1::LoadSpec& spec,
                                         ByteView image,
                                         const std::function<void(std::uint64_t)>& progress);
    Expected<bool> changes(const v1::ChangesRequest& request,
                           const std::function<bool(const v1::Changed&)>& take,
                           const std::stop_token& stop) override {
        return read<v1::Changed>(&v1::Node::Stub::Changes, request, follow_time, take, stop);
    }
    Expected<bool> logs(const v1::LogsRequest& request,
                        const std::function<bool(const v1::LogLine&)>& take,
                        const std::stop_token& stop) override;

    Expected<bool> record(const v1::RecordRequest& request,
                          const std::function<bool(const v1::Recorded&)>& take,
                          const std::stop_token& stop) override;

  private:
    /// A stream that is read until its end, a stop, or until `take` wants no more.
    template <typename Message, typename Request>
    Expected<bool> read(std::unique_ptr<grpc::ClientReader<Message>> (v1::Node::Stub::*method)(
                            grpc::ClientContext*, const Request&),
                        const Request& request,
                        std::chrono::milliseconds allowed,
                        const std::function<bool(const Message&)>& take,
                        const std::stop_token& stop) {
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + allowed);
        const auto stream = (stub_.get()->*method)(&context, request);
        // A read that waits ends at once.
        const std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
        Message message;
        bool wanted = true;
        while (wanted && stream->Read(&message)) {
            wanted = take(message);
        }
        if (!wanted) {
            context.TryCancel();
        }
        const grpc::Status status = stream->Finish();
        if (!status.ok() && wanted && !stop.stop_requested()) {
            return tl::make_unexpected(diagnostic_of(status));
        }
        return true;
    }

    template <typename Reply, typename Request>
    Expected<Reply>
    unary(grpc::Status (v1::Node::Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
          const Request& request) {
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + options_.timeout);
        Reply reply;
        const grpc::Status status = (stub_.get()->*method)(&context, request, &reply);
        if (!status.ok()) {
            return tl::make_unexpected(diagnostic_of(status));
        }
        return reply;
    }

    /// What the manager meant; where it is not there at all, what to do about it.
    [[nodiscard]] Diagnostic diagnostic_of(const grpc::Status& status) const {
        Diagnostic diagnostic = rpc::to_diagnostic(status);
        if (status.error_code() == grpc::StatusCode::UNAVAILABLE &&
            status.error_details().empty()) {
            return unreachable(options_, status.error_message());
        }
        if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED &&
            status.error_details().empty()) {
            diagnostic.summary =
                fmt::format("node {} takes connections at {}, but did not answer within {} s",
                            options_.name,
                            options_.address,
                            std::chrono::duration<double>(options_.timeout).count());
            diagnostic.fix = "see whether authex-em runs there and is not stopped, or allow more "
                             "time with --timeout";
            return diagnostic;
        }
        diagnostic.summary = fmt::format("node {}: {}", options_.name, diagnostic.summary);
        return diagnostic;
    }

    GrpcNodeOptions options_;
    std::unique_ptr<v1::Node::Stub> stub_;
};

/// A manager that takes as many images as it can at once is asked again, as long as a call may
/// take.
Expected<v1::ModuleStatus> GrpcNode::load(const v1::LoadSpec& spec,
                                          ByteView image,
                                          const std::function<void(std::uint64_t)>& progress) {
    const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
    for (;;) {
        Expected<v1::ModuleStatus> loaded = load_once(spec, image, progress);
        if (loaded || loaded.error().code != "busy" ||
            std::chrono::steady_clock::now() + busy_pause >= deadline) {
            return loaded;
        }
        std::this_thread::sleep_for(busy_pause);
    }
}

Expected<v1::ModuleStatus> GrpcNode::load_once(const v1::LoadSpec& spec,
                                               ByteView image,
                                               const std::function<void(std::uint64_t)>& progress) {
    grpc::ClientContext context;
    // A slow link may need long for a large image; what the whole may take grows with it.
    const auto per_chunk = options_.timeout / 4;
    const auto chunks = static_cast<int>(image.size() / chunk_bytes_max + 1);
    context.set_deadline(std::chrono::system_clock::now() + options_.timeout + per_chunk * chunks);
    const auto stream = stub_->Load(&context);
    v1::LoadRequest request;
    *request.mutable_spec() = spec;
    bool writing = stream->Write(request);
    while (writing && !image.empty()) {
        const ByteView part = image.first(std::min(chunk_bytes_max, image.size()));
        request.set_chunk(part.data(), part.size());
        image = image.subspan(part.size());
        writing = stream->Write(request);
    }
    stream->WritesDone();
    v1::LoadProgress message;
    v1::ModuleStatus loaded;
    bool ready = false;
    while (stream->Read(&message)) {
        if (message.step() == v1::LoadProgress::READY) {
            loaded = message.status();
            ready = true;
        } else if (progress) {
            progress(message.received_bytes());
        }
    }
    const grpc::Status status = stream->Finish();
    if (!status.ok()) {
        return tl::make_unexpected(diagnostic_of(status));
    }
    if (!ready) {
        return failure(
            "load-unanswered",
            fmt::format("node {} did not say that {} is ready", options_.name, spec.module()),
            "look at its log, then run authex up again");
    }
    return loaded;
}

Expected<bool> GrpcNode::logs(const v1::LogsRequest& request,
                              const std::function<bool(const v1::LogLine&)>& take,
                              const std::stop_token& stop) {
    return read<v1::LogLine>(&v1::Node::Stub::Logs,
                             request,
                             request.follow() ? follow_time : options_.timeout,
                             take,
                             stop);
}

Expected<bool> GrpcNode::record(const v1::RecordRequest& request,
                                const std::function<bool(const v1::Recorded&)>& take,
                                const std::stop_token& stop) {
    return read<v1::Recorded>(&v1::Node::Stub::Record, request, follow_time, take, stop);
}

} // namespace

bool is_loopback_address(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    const std::string host = address.substr(0, colon);
    return host == "localhost" || host == "[::1]" || host == "::1" ||
           (host.rfind("127.", 0) == 0 &&
            host.find_first_not_of("0123456789.") == std::string::npos);
}

Expected<std::unique_ptr<Node>> make_grpc_node(const GrpcNodeOptions& options) {
    const auto credentials = credentials_of(options);
    if (!credentials) {
        return tl::make_unexpected(credentials.error());
    }
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // A node that is back is reached soon.
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, reconnect_ms);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, reconnect_ms_max);
    // Each node has a connection of its own: what one owner sends waits for nobody else's.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return std::make_unique<GrpcNode>(
        options, grpc::CreateCustomChannel(options.address, *credentials, arguments));
}

} // namespace authex::deployer
