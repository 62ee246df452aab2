#pragma once
// A whole event manager: control plane, data plane and store, from their start to their end.

#include <filesystem>
#include <memory>
#include <string>

#include <grpcpp/server.h>

#include "em/control/control_thread.hpp"
#include "em/control/service.hpp"
#include "em/control/tls_files.hpp"
#include "metrics/server.hpp"

namespace authex::em {

struct ServerOptions {
    std::string listen = "127.0.0.1:6000"; ///< control port; 0: any free one
    std::string events = "127.0.0.1:0";    ///< event links
    std::string metrics;                   ///< HTTP for Prometheus; empty: none
    std::filesystem::path state_directory; ///< exists, and is this server's alone
    TlsFiles tls;
    bool tls_on_events = false; ///< event links use the same files
    bool insecure = false;      ///< plaintext beyond loopback is allowed
    std::uint64_t spill_limit_bytes = std::uint64_t{1} << 30U;
    bool durable = false;        ///< what is kept outlives power cuts, too
    std::uint64_t spin_us = 200; ///< DataPlaneOptions::spin_us
    /// A client that has not finished its TLS and HTTP/2 greetings by then is let go.
    int handshake_ms_max = 10'000;
    NodeLimits limits;
};

/// Not thread-safe.
class Server {
  public:
    /// Serves from here on; modules of an earlier manager are found again.
    /// @param loader outlives the server
    /// @error insecure: plaintext, or metrics, on an address that others reach | address | tls |
    /// listen | store
    static Expected<std::unique_ptr<Server>> open(const ServerOptions& options,
                                                  tee::Loader& loader);
    /// Ends all calls. Modules go on running.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] const std::string& address() const { return address_; }
    [[nodiscard]] std::string events_address() const { return plane_->events_address(); }
    /// Empty where there is none.
    [[nodiscard]] std::string metrics_address() const {
        return metrics_ == nullptr ? std::string() : metrics_->address();
    }
    [[nodiscard]] std::uint64_t node_id() const { return node_id_; }
    /// Ends all modules too.
    void stop_modules();

  private:
    Server(const ServerOptions& options,
           tee::Loader& loader,
           std::unique_ptr<Store> store,
           std::unique_ptr<Access> access);
    Expected<bool> open_plane(const ServerOptions& options);
    Expected<bool> serve_metrics(const ServerOptions& options);
    std::string metrics_text();
    Expected<bool> listen(const ServerOptions& options,
                          const std::shared_ptr<grpc::ServerCredentials>& credentials);

    // In the order of their making; each uses those above it.
    std::unique_ptr<Store> store_;
    std::unique_ptr<Access> access_;
    LogBook logs_;
    std::unique_ptr<ControlThread> thread_;
    std::unique_ptr<ControlThread> loading_; ///< waits for the TEE
    Manager manager_;
    ServiceContext context_;
    NodeService service_;
    std::unique_ptr<DataPlane> plane_;
    std::unique_ptr<grpc::Server> server_;
    std::unique_ptr<metrics::Server> metrics_;
    std::string address_;
    std::uint64_t node_id_ = 0;
};

} // namespace authex::em
