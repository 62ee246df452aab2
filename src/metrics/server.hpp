#pragma once
// Answers `GET /metrics` over HTTP/1.1, for Prometheus. Plain text, no authentication: it says how
// much moves, never what.

#include <functional>
#include <memory>
#include <string>

#include "base/diagnostic.hpp"

namespace authex::metrics {

struct ServerOptions {
    std::string listen; ///< host:port; the port 0 is any free one
    std::size_t clients_max = 16;
    std::uint64_t client_us_max = 5'000'000; ///< a client that is not done by then is let go
};

/// A thread of its own, which sleeps between requests.
class Server {
  public:
    /// @param render makes the text of an answer, on the server's thread; must be callable until
    /// the object is gone
    /// @error address | listen
    static Expected<std::unique_ptr<Server>> open(const ServerOptions& options,
                                                  std::function<std::string()> render);
    virtual ~Server() = default;

    /// host:port that is really listened on.
    [[nodiscard]] virtual std::string address() const = 0;
};

} // namespace authex::metrics
