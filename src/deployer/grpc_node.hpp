#pragma once
// Nodes over gRPC.

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "deployer/credentials.hpp"
#include "deployer/node.hpp"

namespace authex::deployer {

struct GrpcNodeOptions {
    std::string name;            ///< the node's, for messages
    std::string address;         ///< host:port, brackets around IPv6
    std::optional<TlsFiles> tls; ///< mutual TLS with these; empty: plaintext
    std::chrono::milliseconds timeout{
        10'000}; ///< of each call but load and logs; load: without progress for this long
};

/// Connects with the first call. @error tls: a file cannot be read
Expected<std::unique_ptr<Node>> make_grpc_node(const GrpcNodeOptions& options);

/// Whether the host of `host:port` is this machine for certain: 127.0.0.0/8, ::1 or localhost.
[[nodiscard]] bool is_loopback_address(const std::string& address);

} // namespace authex::deployer
