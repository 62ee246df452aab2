#include "em/peer_links.hpp"

#include <algorithm>
#include <chrono>

#include <asio/connect.hpp>
#include <asio/post.hpp>
#include <fmt/format.h>

namespace authex::em {

using asio::ip::tcp;

namespace {
/// Between looks at links that are silent.
constexpr std::uint64_t tick_us = 500'000;
/// Looks in vain after which a link is no longer read before it is known to be readable.
constexpr std::uint32_t empty_looks_max = 32;
} // namespace

struct PeerLinks::Link {
    explicit Link(asio::io_context& io) : socket(io), retry(io) {}

    PeerId id = no_id;
    std::string address; ///< empty: the peer has opened it
    tcp::socket socket;
    asio::steady_timer retry;
    std::unique_ptr<Transport> transport;
    RecordWriter out;
    RecordParser in;
    bool open = false; ///< the socket is connected
    bool up = false;   ///< both have greeted
    bool waits_read = false;
    bool waits_write = false;
    bool was_full = false;
    bool dirty = false;
    bool soon = false;
    bool hot = false;
    std::uint32_t empty_looks = 0;
    std::size_t unanswered = 0; ///< bytes that came since something was written
    std::uint64_t since_us = 0;
    std::uint64_t opened_us = 0;
    std::uint64_t heard_us = 0;
    std::uint64_t pinged_us = 0;
    std::uint64_t backoff_us = 0;
    std::uint64_t down_us = 0;    ///< when it was first wanted, or was up last
    std::uint64_t generation = 0; ///< counts the sockets; handlers of an old one do nothing
    std::string error;
    std::uint64_t drops = 0;
};

std::uint64_t monotonic_us() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

Expected<std::pair<std::string, std::string>> split_address(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
        return failure("address",
                       fmt::format("\"{}\" is no host:port", address),
                       "write it as 192.0.2.1:7000, [2001:db8::1]:7000 or name:7000");
    }
    std::string host = address.substr(0, colon);
    if (host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    return std::make_pair(host, address.substr(colon + 1));
}

PeerLinks::PeerLinks(asio::io_context& io,
                     LinkEvents& events,
                     std::uint64_t node_id,
                     std::uint64_t dead_us)
    : io_(io), events_(events), node_id_(node_id),
      random_(node_id | 1U), limits_{.dead_us = dead_us}, acceptor_(io), resolver_(io), ticker_(io),
      scratch_(record_max_bytes) {}

PeerLinks::~PeerLinks() {
    close();
}

std::uint64_t PeerLinks::jitter(std::uint64_t span_us) {
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    return span_us == 0 ? 0 : random_ % span_us;
}

Expected<bool> PeerLinks::listen(const std::string& address, TlsContext* tls) {
    tls_ = tls;
    const auto parts = split_address(address);
    if (!parts) {
        return tl::make_unexpected(parts.error());
    }
    asio::error_code error;
    const auto found =
        resolver_.resolve(parts->first, parts->second, tcp::resolver::passive, error);
    if (error || found.empty()) {
        return failure("address",
                       fmt::format("\"{}\" is not known here: {}", address, error.message()),
                       "name an address of this machine");
    }
    const tcp::endpoint endpoint = *found.begin();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) {
        acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    }
    if (!error) {
        acceptor_.bind(endpoint, error);
    }
    if (!error) {
        acceptor_.listen(tcp::acceptor::max_listen_connections, error);
    }
    if (error) {
        return failure("listen",
                       fmt::format("cannot listen on {}: {}", address, error.message()),
                       "choose another port, or end the program that has it (ss -ltnp)");
    }
    const tcp::endpoint bound = acceptor_.local_endpoint(error);
    const bool v6 = parts->first.find(':') != std::string::npos;
    address_ = fmt::format("{}{}{}:{}", v6 ? "[" : "", parts->first, v6 ? "]" : "", bound.port());
    accept();
    tick();
    return true;
}

void PeerLinks::accept() {
    acceptor_.async_accept([this](const asio::error_code& error, tcp::socket socket) {
        if (closed_ || error == asio::error::operation_aborted) {
            return;
        }
        if (!error && accepted_ >= limits_.accepted_max) {
            make_place();
        }
        if (!error && accepted_ < limits_.accepted_max) {
            const LinkPtr link = std::make_shared<Link>(io_);
            link->id = next_id_++;
            link->socket = std::move(socket);
            links_[link->id] = link;
            ++accepted_;
            start(link);
        }
        accept();
    });
}

/// Of the clients that have not said hello, the one that came first goes; where all have, the one
/// that was silent for the longest time. So nobody keeps out a peer: one whose link was closed
/// opens it again.
void PeerLinks::make_place() {
    const auto rank = [](const LinkPtr& link) {
        return std::make_pair(link->up, link->up ? link->heard_us : link->id);
    };
    LinkPtr least;
    for (const auto& [id, link] : links_) {
        if (link->address.empty() && (least == nullptr || rank(link) < rank(least))) {
            least = link;
        }
    }
    if (least != nullptr) {
        drop(least, "too many clients");
    }
}

PeerId PeerLinks::open(const std::string& address) {
    const auto found = by_address_.find(address);
    if (found != by_address_.end()) {
        return found->second;
    }
    const LinkPtr link = std::make_shared<Link>(io_);
    link->id = next_id_++;
    link->address = address;
    link->since_us = link->down_us = monotonic_us();
    link->error = "not connected yet";
    links_[link->id] = link;
    by_address_[address] = link->id;
    asio::post(io_, [this, link] { dial(link); });
    return link->id;
}

void PeerLinks::dial(const LinkPtr& link) {
    if (closed_) {
        return;
    }
    const auto parts = split_address(link->address);
    if (!parts) {
        link->error = parts.error().summary;
        return;
    }
    const std::uint64_t generation = ++link->generation;
    resolver_.async_resolve(
        parts->first,
        parts->second,
        [this, link, generation](const asio::error_code& error, tcp::resolver::results_type found) {
            if (closed_ || generation != link->generation) {
                return;
            }
            if (error) {
                dial_later(link, error.message());
                return;
            }
            asio::async_connect(
                link->socket,
                found,
                [this, link, generation](const asio::error_code& failed, const tcp::endpoint&) {
                    if (closed_ || generation != link->generation) {
                        return;
                    }
                    if (failed) {
                        dial_later(link, failed.message());
                        return;
                    }
                    start(link);
                    if (link->open) {
                        link->out.add_alone(greeting_frame({node_id_, address_, false}));
                        write_some(link);
                    }
                });
        });
    // A connection attempt that hangs is given up like one that does not greet.
    link->heard_us = monotonic_us();
}

void PeerLinks::dial_later(const LinkPtr& link, std::string error) {
    asio::error_code ignored;
    link->socket.close(ignored);
    link->error = std::move(error);
    ++link->generation;
    const bool fresh = monotonic_us() < link->down_us + limits_.retry_fresh_us;
    link->backoff_us = std::clamp(link->backoff_us * 2,
                                  limits_.retry_min_us,
                                  fresh ? limits_.retry_fresh_max_us : limits_.retry_max_us);
    const std::uint64_t wait_us = link->backoff_us / 2 + jitter(link->backoff_us);
    link->retry.expires_after(std::chrono::microseconds(wait_us));
    link->retry.async_wait([this, link](const asio::error_code& cancelled) {
        if (!cancelled) {
            dial(link);
        }
    });
}

void PeerLinks::start(const LinkPtr& link) {
    asio::error_code error;
    link->socket.set_option(tcp::no_delay(true), error);
    link->socket.native_non_blocking(true, error);
    const int fd = link->socket.native_handle();
    if (tls_ == nullptr) {
        link->transport = make_plain_transport(fd);
    } else {
        const auto parts = split_address(link->address);
        link->transport = tls_->make(fd, !link->address.empty(), parts ? parts->first : "");
    }
    link->open = true;
    link->out.clear();
    link->in = RecordParser();
    link->opened_us = link->heard_us = link->pinged_us = monotonic_us();
    if (link->transport == nullptr) {
        drop(link, "TLS cannot be set up for this address");
        return;
    }
    wait_read(link);
}

void PeerLinks::wait_read(const LinkPtr& link) {
    if (!link->open || link->waits_read) {
        return;
    }
    link->waits_read = true;
    link->socket.async_wait(
        tcp::socket::wait_read,
        [this, link, generation = link->generation](const asio::error_code& error) {
            if (generation != link->generation) {
                return;
            }
            link->waits_read = false;
            if (closed_ || error || !link->open) {
                return;
            }
            read_some(link);
            wait_read(link);
        });
}

void PeerLinks::wait_write(const LinkPtr& link) {
    if (!link->open || link->waits_write) {
        return;
    }
    link->waits_write = true;
    link->socket.async_wait(
        tcp::socket::wait_write,
        [this, link, generation = link->generation](const asio::error_code& error) {
            if (generation != link->generation) {
                return;
            }
            link->waits_write = false;
            if (!closed_ && !error && link->open) {
                write_some(link);
            }
        });
}

/// @return whether anything arrived.
bool PeerLinks::read_some(const LinkPtr& link) {
    if (!link->open) {
        return false;
    }
    // Bounded, so that one link does not hold up others; the wait for readiness sees the rest.
    const Moved moved = link->transport->read(scratch_);
    if (moved.readiness == Readiness::closed) {
        drop(link, "the peer closed the link");
        return true;
    }
    if (moved.bytes == 0) {
        // A TLS handshake may have gone on: what waits for it is tried again.
        if (moved.readiness == Readiness::wants_write) {
            wait_write(link);
        } else if (!link->up) {
            write_some(link);
        }
        return false;
    }
    link->heard_us = monotonic_us();
    link->unanswered += moved.bytes;
    link->empty_looks = 0;
    if (!link->hot) {
        link->hot = true;
        hot_.push_back(link);
    }
    const bool accepted =
        link->in.feed(ByteView(scratch_).first(moved.bytes),
                      [&](ByteView payload) { return take_record(link, payload); });
    if (!accepted && link->open) {
        refused_bytes_ += moved.bytes;
        drop(link, "the peer sent what is no record of frames");
    }
    return true;
}

bool PeerLinks::take_record(const LinkPtr& link, ByteView payload) {
    if (!link->up) {
        return take_greeting(link, payload);
    }
    wire::FrameView view;
    if (wire::parse_frame(payload, view) == Error::none && view.header.kind == wire::Kind::ping) {
        if (!view.header.negative()) {
            link->out.add_alone(ping_frame(true));
            mark_dirty(link);
        }
        return view.frame_bytes() == payload.size();
    }
    return events_.link_frames(link->id, payload);
}

bool PeerLinks::take_greeting(const LinkPtr& link, ByteView payload) {
    LinkGreeting greeting;
    const bool opened = !link->address.empty();
    if (parse_greeting(payload, greeting) != Error::none || greeting.answer != opened) {
        return false;
    }
    if (!opened) {
        link->out.add_alone(greeting_frame({node_id_, address_, true}));
        mark_dirty(link);
    }
    link->in.set_limit(record_max_bytes);
    link->up = true;
    link->error.clear();
    link->backoff_us = 0;
    link->since_us = monotonic_us();
    events_.link_up(link->id);
    return true;
}

std::size_t PeerLinks::room(PeerId peer) const {
    const auto found = links_.find(peer);
    if (found == links_.end() || !found->second->up) {
        return 0;
    }
    Link& link = *found->second;
    const std::size_t size = link.out.size();
    const std::size_t room = size < limits_.buffer_bytes ? limits_.buffer_bytes - size : 0;
    link.was_full = link.was_full || room < wire::max_frame_bytes;
    return room;
}

bool PeerLinks::add(Link& link, ByteView frames) {
    if (!link.up || link.out.size() + frames.size() > limits_.buffer_max_bytes) {
        return false;
    }
    link.out.add(frames);
    return true;
}

void PeerLinks::send(PeerId peer, ByteView frames) {
    const auto found = links_.find(peer);
    if (found != links_.end() && add(*found->second, frames)) {
        mark_dirty(found->second);
    }
}

void PeerLinks::send_soon(PeerId peer, ByteView frames, std::uint64_t now_us) {
    const auto found = links_.find(peer);
    if (found == links_.end() || !add(*found->second, frames)) {
        return;
    }
    const LinkPtr& link = found->second;
    if (link->out.size() >= limits_.answers_bytes || link->unanswered >= limits_.answered_bytes) {
        mark_dirty(link);
    } else if (!std::exchange(link->soon, true)) {
        soon_.push_back(link);
        soon_due_us_ = std::min(soon_due_us_, now_us + limits_.answer_us);
    }
}

void PeerLinks::mark_dirty(const LinkPtr& link) {
    if (!link->dirty) {
        link->dirty = true;
        dirty_.push_back(link);
    }
}

void PeerLinks::flush(std::uint64_t now_us) {
    if (now_us >= soon_due_us_) {
        for (const LinkPtr& link : soon_) {
            link->soon = false;
            mark_dirty(link);
        }
        soon_.clear();
        soon_due_us_ = ~std::uint64_t{0};
    }
    for (std::size_t i = 0; i < dirty_.size(); ++i) {
        const LinkPtr link = dirty_[i];
        link->dirty = false;
        if (link->open && !link->waits_write) {
            write_some(link);
        }
    }
    dirty_.clear();
}

void PeerLinks::write_some(const LinkPtr& link) {
    link->unanswered = 0;
    while (link->out.size() != 0) {
        const Moved moved = link->transport->write(link->out.pending());
        link->out.written(moved.bytes);
        if (moved.readiness == Readiness::closed) {
            drop(link, "the link broke");
            return;
        }
        if (moved.readiness == Readiness::wants_write) {
            wait_write(link);
            break;
        }
        if (moved.readiness == Readiness::wants_read) {
            break; // TLS: goes on when the peer's part is there
        }
    }
    if (link->was_full && link->up && link->out.size() < limits_.buffer_bytes / 2) {
        link->was_full = false;
        events_.link_writable(link->id);
    }
}

bool PeerLinks::poll_hot() {
    bool any = false;
    for (std::size_t i = 0; i < hot_.size(); ++i) {
        const LinkPtr link = hot_[i];
        const bool some = read_some(link);
        link->empty_looks = some ? 0 : link->empty_looks + 1;
        any = some || any;
    }
    std::erase_if(hot_, [](const LinkPtr& link) {
        link->hot = link->open && link->empty_looks < empty_looks_max;
        return !link->hot;
    });
    return any;
}

void PeerLinks::drop(const LinkPtr& link, const std::string& reason) {
    if (!link->open) {
        return;
    }
    link->open = false;
    const bool was_up = std::exchange(link->up, false);
    asio::error_code ignored;
    link->transport.reset();
    link->socket.close(ignored);
    link->waits_read = link->waits_write = false;
    link->since_us = monotonic_us();
    ++link->generation;
    link->out.clear();
    if (link->address.empty()) {
        --accepted_;
        links_.erase(link->id);
        if (was_up) {
            events_.link_gone(link->id);
        }
        return;
    }
    if (was_up) {
        link->down_us = link->since_us;
        ++link->drops;
        events_.link_down(link->id);
    }
    if (!closed_) {
        dial_later(link, reason);
    }
}

void PeerLinks::tick() {
    const std::uint64_t now = monotonic_us();
    const std::uint64_t ping_us = limits_.dead_us / 3;
    std::vector<LinkPtr> all;
    for (const auto& [id, link] : links_) {
        all.push_back(link);
    }
    for (const LinkPtr& link : all) {
        const std::uint64_t silent = now - std::min(now, link->heard_us);
        const bool dialling = !link->open && link->socket.is_open();
        // However busily it says something else than hello.
        const bool rude = !link->up && now - link->opened_us > limits_.greeting_us;
        if (link->open && (rude || silent > limits_.dead_us)) {
            drop(link, rude ? "the peer did not say hello" : "the peer is silent");
        } else if (dialling && silent > limits_.greeting_us) {
            dial_later(link, "no answer");
        } else if (link->up && silent > ping_us && now - link->pinged_us > ping_us) {
            link->pinged_us = now;
            link->out.add_alone(ping_frame(false));
            mark_dirty(link);
        }
    }
    flush(now);
    ticker_.expires_after(std::chrono::microseconds(std::min(tick_us, limits_.dead_us / 6)));
    ticker_.async_wait([this](const asio::error_code& cancelled) {
        if (!cancelled && !closed_) {
            tick();
        }
    });
}

void PeerLinks::close() {
    closed_ = true;
    asio::error_code ignored;
    acceptor_.close(ignored);
    resolver_.cancel();
    ticker_.cancel();
    for (const auto& [id, link] : links_) {
        link->retry.cancel();
        link->transport.reset();
        link->socket.close(ignored);
        link->open = link->up = false;
    }
}

void PeerLinks::fill(Snapshot& snapshot) const {
    for (const auto& [id, link] : links_) {
        if (!link->address.empty()) {
            snapshot.links.push_back(
                {link->address, link->up, link->since_us, link->error, link->drops});
        }
    }
    snapshot.dropped_garbage += refused_bytes_;
}

} // namespace authex::em
