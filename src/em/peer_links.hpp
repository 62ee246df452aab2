#pragma once
// The TCP (or TLS) connections to other managers. A manager opens the link to each address that it
// has frames for and keeps it; acknowledgements of those frames come back on the same link. So two
// managers that send to each other have two connections, and nobody can take over the traffic to an
// address by claiming it in a greeting.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>

#include "em/data_plane.hpp"
#include "em/link.hpp"
#include "em/router.hpp"
#include "em/transport.hpp"

namespace authex::em {

/// Told of what happens on links.
class LinkEvents {
  public:
    virtual ~LinkEvents() = default;
    virtual void link_up(PeerId peer) = 0;
    virtual void link_down(PeerId peer) = 0;
    /// A link that the peer had opened is gone for good.
    virtual void link_gone(PeerId peer) = 0;
    /// @return false: close the link.
    virtual bool link_frames(PeerId peer, ByteView frames) = 0;
    virtual void link_writable(PeerId peer) = 0;
};

struct LinkLimits {
    std::uint64_t greeting_us = 5'000'000; ///< a link that has not said hello is closed
    std::uint64_t dead_us = 15'000'000;    ///< nothing heard; a third of it: a ping is sent
    std::uint64_t retry_min_us = 20'000;
    /// In the first time after a link has gone: a manager that was killed is back soon.
    std::uint64_t retry_fresh_max_us = 80'000;
    std::uint64_t retry_fresh_us = 10'000'000;
    std::uint64_t retry_max_us = 5'000'000;
    std::size_t accepted_max = 256;
    std::size_t buffer_bytes = 1U << 20U;     ///< frames wait beyond this
    std::size_t buffer_max_bytes = 4U << 20U; ///< answers are dropped beyond this
    /// Acknowledgements leave together: after so long, or when so many bytes of them wait, or when
    /// the peer has sent so much since the last ones that its window may close.
    std::uint64_t answer_us = 1000;
    std::size_t answers_bytes = 256;
    std::size_t answered_bytes = 16 * 1024;
};

class PeerLinks {
  public:
    PeerLinks(asio::io_context& io,
              LinkEvents& events,
              std::uint64_t node_id,
              std::uint64_t dead_us);
    ~PeerLinks();
    PeerLinks(const PeerLinks&) = delete;
    PeerLinks& operator=(const PeerLinks&) = delete;

    /// @param tls null: plain TCP. Must outlive the object. @error address | listen
    Expected<bool> listen(const std::string& address, TlsContext* tls);
    /// host:port that is really listened on.
    [[nodiscard]] const std::string& address() const { return address_; }

    PeerId open(const std::string& address);
    std::size_t room(PeerId peer) const;
    void send(PeerId peer, ByteView frames);
    /// As send(), for acknowledgements: see LinkLimits.
    void send_soon(PeerId peer, ByteView frames, std::uint64_t now_us);
    /// When flush() has something to write at the latest.
    [[nodiscard]] std::uint64_t next_due() const { return soon_due_us_; }
    /// Writes what was gathered. Call after each round.
    void flush(std::uint64_t now_us);
    /// Reads from links on which something arrived lately, without waiting for readiness.
    /// @return whether there was anything.
    bool poll_hot();
    void close();
    void fill(Snapshot& snapshot) const;

  private:
    struct Link;
    using LinkPtr = std::shared_ptr<Link>;

    void accept();
    void make_place();
    void dial(const LinkPtr& link);
    void dial_later(const LinkPtr& link, std::string error);
    void start(const LinkPtr& link);
    void wait_read(const LinkPtr& link);
    void wait_write(const LinkPtr& link);
    bool read_some(const LinkPtr& link);
    bool take_record(const LinkPtr& link, ByteView payload);
    bool take_greeting(const LinkPtr& link, ByteView payload);
    void write_some(const LinkPtr& link);
    void drop(const LinkPtr& link, const std::string& reason);
    void tick();
    bool add(Link& link, ByteView frames);
    void mark_dirty(const LinkPtr& link);
    std::uint64_t jitter(std::uint64_t span_us);

    asio::io_context& io_;
    LinkEvents& events_;
    std::uint64_t node_id_;
    std::uint64_t random_;
    LinkLimits limits_;
    TlsContext* tls_ = nullptr;
    asio::ip::tcp::acceptor acceptor_;
    asio::ip::tcp::resolver resolver_;
    asio::steady_timer ticker_;
    std::string address_;
    std::unordered_map<std::string, PeerId> by_address_;
    std::unordered_map<PeerId, LinkPtr> links_;
    std::vector<LinkPtr> dirty_;
    std::vector<LinkPtr> soon_; ///< acknowledgements wait on these
    std::vector<LinkPtr> hot_;
    std::vector<std::uint8_t> scratch_;
    std::size_t accepted_ = 0;
    std::uint64_t soon_due_us_ = ~std::uint64_t{0};
    PeerId next_id_ = 0;
    std::uint64_t refused_bytes_ = 0;
    bool closed_ = false;
};

/// "host:port", "[v6]:port". @error address
Expected<std::pair<std::string, std::string>> split_address(const std::string& address);
/// Monotonic time in µs.
std::uint64_t monotonic_us();

} // namespace authex::em
