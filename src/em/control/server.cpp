#include "em/control/server.hpp"

#include <algorithm>
#include <poll.h>
#include <random>

#include <fmt/format.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>

#include "em/control/calls.hpp"

namespace authex::em {
namespace {

constexpr int streams_per_connection_max = 256;
/// What gRPC may use for all connections together before it slows them down and lets idle ones go.
constexpr std::size_t grpc_memory_max_bytes = std::size_t{256} << 20U;
/// A client that vanished is noticed after the sum of the two.
constexpr int keepalive_ms = 30'000;
constexpr int keepalive_wait_ms = 10'000;
constexpr auto shutdown_time = std::chrono::milliseconds(500);

void wait_readable(int descriptor, int milliseconds) {
    pollfd waited{.fd = descriptor, .events = POLLIN, .revents = 0};
    (void)::poll(&waited, 1, milliseconds);
}

std::uint64_t random_number() {
    std::random_device device;
    return (std::uint64_t{device()} << 32U) | device();
}

NodeLimits fitting(NodeLimits limits, const tee::TeeInfo& tee) {
    if (tee.max_image_bytes != 0) {
        limits.image_bytes = std::min<std::uint64_t>(limits.image_bytes, tee.max_image_bytes);
    }
    return limits;
}

Expected<bool> check_plaintext(const ServerOptions& options) {
    if (!options.tls.empty()) {
        return true;
    }
    Expected<bool> local = is_loopback(options.listen);
    if (!local || *local) {
        return local;
    }
    if (!options.insecure) {
        return failure(
            "insecure",
            fmt::format("{} can be reached by others, and there is no TLS", options.listen),
            "give certificates with --tls, listen on 127.0.0.1, or say --insecure");
    }
    spdlog::warn(
        "INSECURE: {} is plaintext: anyone who reaches it can load, stop and remove modules",
        options.listen);
    return true;
}

} // namespace

Server::Server(const ServerOptions& options,
               tee::Loader& loader,
               std::unique_ptr<Store> store,
               std::unique_ptr<Access> access)
    : store_(std::move(store)), access_(std::move(access)), logs_(LogBook::Limits{}),
      thread_(std::make_unique<ControlThread>("control")),
      loading_(std::make_unique<ControlThread>("loading")),
      manager_({.store = *store_,
                .loader = loader,
                .logs = logs_,
                .post = [this](std::function<void()> work) { thread_->post(std::move(work)); },
                .aside = [this](std::function<void()> work) { loading_->post(std::move(work)); },
                .unix_time_us = unix_time_us,
                .now = [] { return std::chrono::steady_clock::now(); },
                .wait_readable = wait_readable,
                .random = random_number,
                .durable = options.durable},
               fitting(options.limits, loader.info())),
      context_{.manager = manager_,
               .logs = logs_,
               .access = *access_,
               .post = [this](std::function<void()> work) { thread_->post(std::move(work)); },
               .incoming = store_->incoming(),
               .options = {}},
      service_(context_) {}

Server::~Server() {
    metrics_.reset(); // asks the manager
    if (server_ != nullptr) {
        server_->Shutdown(std::chrono::system_clock::now() + shutdown_time);
        server_.reset();
    }
    // The data plane goes once nothing asks it any more, and before those to whom it tells things;
    // the thread runs what both have left for it.
    if (plane_ != nullptr) {
        thread_->run([this] {
            manager_.close();
            plane_.reset();
        });
    }
    loading_.reset();
    thread_.reset();
}

Expected<std::unique_ptr<Server>> Server::open(const ServerOptions& options, tee::Loader& loader) {
    const Expected<bool> allowed = check_plaintext(options);
    if (!allowed) {
        return tl::make_unexpected(allowed.error());
    }
    const auto credentials = open_credentials(options.tls);
    if (!credentials) {
        return tl::make_unexpected(credentials.error());
    }
    Expected<std::unique_ptr<Store>> store = open_store(options.state_directory, options.durable);
    if (!store) {
        return tl::make_unexpected(store.error());
    }
    Expected<std::unique_ptr<Access>> access =
        Access::open(options.tls.authority, options.state_directory / "revoked");
    if (!access) {
        return tl::make_unexpected(access.error());
    }
    std::unique_ptr<Server> server(
        new Server(options, loader, std::move(*store), std::move(*access)));
    Expected<bool> ready = server->open_plane(options);
    if (ready) {
        ready = server->listen(options, *credentials);
    }
    if (ready && !options.metrics.empty()) {
        ready = server->serve_metrics(options);
    }
    if (!ready) {
        return tl::make_unexpected(ready.error());
    }
    return server;
}

Expected<bool> Server::open_plane(const ServerOptions& options) {
    Expected<std::uint64_t> node_id = failure("store", "");
    thread_->run([&] { node_id = manager_.load_records(); });
    if (!node_id) {
        return tl::make_unexpected(node_id.error());
    }
    node_id_ = *node_id;
    const std::size_t colon = options.events.rfind(':');
    DataPlaneOptions plane{.listen = options.events,
                           .stream_bind = options.events.substr(0, colon),
                           .state_directory = options.state_directory / "frames",
                           .spill_limit_bytes = options.spill_limit_bytes,
                           .durable = options.durable,
                           .tls_certificate = {},
                           .tls_key = {},
                           .tls_authority = {},
                           .node_id = node_id_,
                           .spin_us = options.spin_us};
    if (options.tls_on_events) {
        plane.tls_certificate = options.tls.certificate;
        plane.tls_key = options.tls.key;
        plane.tls_authority = options.tls.authority;
    }
    auto opened = DataPlane::open(plane, manager_);
    if (!opened) {
        return tl::make_unexpected(opened.error());
    }
    plane_ = std::move(*opened);
    thread_->run([&] { manager_.recover(*plane_); });
    return true;
}

Expected<bool> Server::listen(const ServerOptions& options,
                              const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    grpc::ResourceQuota quota("authex-em");
    quota.Resize(grpc_memory_max_bytes);
    builder.SetResourceQuota(quota);
    builder.SetMaxReceiveMessageSize(request_max_bytes);
    // Two managers on one port would share its connections without a word.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, options.handshake_ms_max);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, streams_per_connection_max);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive_ms);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive_wait_ms);
    builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
    int port = 0;
    builder.AddListeningPort(options.listen, credentials, &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
        return failure("listen",
                       fmt::format("cannot listen on {}", options.listen),
                       "choose another port, or end the program that has it (ss -ltnp)");
    }
    address_ = fmt::format("{}:{}", options.listen.substr(0, options.listen.rfind(':')), port);
    return true;
}

Expected<bool> Server::serve_metrics(const ServerOptions& options) {
    Expected<bool> local = is_loopback(options.metrics);
    if (!local) {
        return local;
    }
    if (!*local && !options.insecure) {
        return failure("insecure",
                       fmt::format("{} can be reached by others, and metrics are plain text for "
                                   "anyone",
                                   options.metrics),
                       "serve metrics on 127.0.0.1, or say --insecure");
    }
    auto opened =
        metrics::Server::open({.listen = options.metrics}, [this] { return metrics_text(); });
    if (!opened) {
        return tl::make_unexpected(opened.error());
    }
    metrics_ = std::move(*opened);
    return true;
}

std::string Server::metrics_text() {
    std::vector<metrics::Family> families;
    thread_->run([&] { families = manager_.metrics(); });
    metrics::Family calls{
        "authex_calls", metrics::Type::gauge, "Calls of the control plane under way.", {}};
    calls.add({}, std::uint64_t{context_.calls.inside()});
    metrics::Family followers{
        "authex_log_followers", metrics::Type::gauge, "Clients that follow logs.", {}};
    followers.add({}, std::uint64_t{context_.followers.inside()});
    families.push_back(std::move(calls));
    families.push_back(std::move(followers));
    return metrics::to_text(families);
}

void Server::stop_modules() {
    thread_->run([this] { manager_.stop_all(); });
}

} // namespace authex::em
