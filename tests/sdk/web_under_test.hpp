#pragma once
// A server of the SDK's web component with a few pages.

#include <authex/web.hpp>

#include <string>
#include <vector>

#include "sdk/fake_node.hpp"

namespace authex::test {

constexpr std::size_t clients_max = 4;

/// The server under test, and the node that carries its streams. Pages: `/hello`, `/echo` (POST),
/// `/secret` (token), `/later` (answered by answer_later()), `/large`.
class WebServer {
  public:
    WebServer();
    ~WebServer();

    [[nodiscard]] web::Server& server();
    /// What the node says to the module.
    void opened(std::uint64_t stream);
    void data(std::uint64_t stream, const std::string& bytes);
    void closed(std::uint64_t stream);
    /// The timer, at so many microseconds.
    void tick(std::uint64_t time_us);
    /// What `under_test_evidence` answers to this.
    struct EvidenceAnswer {
        authex_status status = AUTHEX_OK;
        std::string result;
    };
    EvidenceAnswer evidence(const std::string& data, std::size_t room = 65536);
    /// What a stream has got since the last time.
    std::string take(std::uint64_t stream);

    /// Requests that `/later` has taken, in their order.
    std::vector<web::RequestId> later;
    std::size_t large_bytes = 0; ///< of `/large`

    FakeNode node;
};

/// All that the server keeps of its clients.
std::string memory_of_connections();
/// PEM of the server's certificate.
std::string certificate_of(const web::Server& server);

} // namespace authex::test
