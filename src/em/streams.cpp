#include "em/streams.hpp"

#include <cerrno>
#include <chrono>

#include <asio/steady_timer.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include "em/peer_links.hpp"

namespace authex::em {

using asio::ip::tcp;

struct Streams::Session {
    Session(asio::io_context& io, tcp::socket connected)
        : socket(std::move(connected)), linger(io) {}
    tcp::socket socket;
    asio::steady_timer linger; ///< between the client's end and ours
    ModuleId module = no_id;
    std::uint16_t channel = 0;
    Delivery delivery = Delivery::pushed;
    std::uint64_t number = 0;
    std::vector<std::uint8_t> out;
    std::size_t out_begin = 0;
    bool told = false;  ///< the module knows of it
    bool asked = false; ///< pulled: the module waits for a piece
    bool waits_read = false;
    bool paused = false;  ///< the module has no room
    bool ended = false;   ///< nothing more comes from the client
    bool closing = false; ///< the module wants no more
    bool parting = false; ///< and all that it wrote is sent
    bool waits_write = false;
    bool over = false;
};

struct Streams::Listener {
    explicit Listener(asio::io_context& io) : acceptor(io) {}
    tcp::acceptor acceptor;
    std::uint16_t channel = 0;
    Delivery delivery = Delivery::pushed;
};

Streams::Streams(asio::io_context& io, StreamEvents& events, std::string bind_address)
    : io_(io), events_(events), bind_address_(std::move(bind_address)),
      next_stream_(monotonic_us()), scratch_(limits_.piece_bytes) {}

Streams::~Streams() {
    while (!owners_.empty()) {
        remove(owners_.begin()->first);
    }
}

void Streams::listen(ModuleId module,
                     std::uint16_t channel,
                     std::uint16_t port,
                     Delivery delivery) {
    Owner& owner = owners_[module];
    auto listener = std::make_shared<Listener>(io_);
    listener->channel = channel;
    listener->delivery = delivery;
    asio::error_code error;
    const auto before = owner.listeners.find(channel);
    if (before != owner.listeners.end()) {
        before->second->acceptor.close(error);
        owner.listeners.erase(before);
        error.clear();
    }
    const asio::ip::address address = asio::ip::make_address(bind_address_, error);
    if (!error && owner.listeners.size() >= limits_.listeners_max) {
        error = asio::error::no_descriptors;
    }
    if (!error) {
        const tcp::endpoint endpoint(address, port);
        listener->acceptor.open(endpoint.protocol(), error);
        if (!error) {
            listener->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
        }
        if (!error) {
            listener->acceptor.bind(endpoint, error);
        }
        if (!error) {
            listener->acceptor.listen(tcp::acceptor::max_listen_connections, error);
        }
    }
    if (error) {
        events_.stream_log(
            module,
            fmt::format("cannot listen on {}:{}: {}", bind_address_, port, error.message()));
        const std::uint8_t cause = static_cast<std::uint8_t>(Error::no_space);
        events_.stream_frame(
            module,
            {.kind = wire::Kind::listen, .channel = channel, .flags = wire::flag_negative},
            ByteView(&cause, 1));
        return;
    }
    owner.listeners[channel] = listener;
    std::uint8_t body[2];
    Writer(body).u16(listener->acceptor.local_endpoint(error).port());
    events_.stream_frame(module, {.kind = wire::Kind::listen, .channel = channel}, body);
    accept(module, listener);
}

void Streams::accept(ModuleId module, const std::shared_ptr<Listener>& listener) {
    listener->acceptor.async_accept(
        [this, module, listener](const asio::error_code& error, tcp::socket socket) {
            if (!listener->acceptor.is_open()) {
                return;
            }
            if (!error) {
                opened(module, *listener, std::move(socket));
            }
            accept(module, listener);
        });
}

void Streams::opened(ModuleId module, const Listener& listener, tcp::socket socket) {
    Owner& owner = owners_[module];
    if (owner.sessions.size() >= limits_.per_module_max) {
        return; // the socket closes: the client sees it at once
    }
    auto session = std::make_shared<Session>(io_, std::move(socket));
    session->module = module;
    session->channel = listener.channel;
    session->delivery = listener.delivery;
    session->number = next_stream_++;
    owner.sessions[session->number] = session;
    asio::error_code ignored;
    session->socket.set_option(tcp::no_delay(true), ignored);
    session->socket.native_non_blocking(true, ignored);
    read_some(session);
}

void Streams::pause(const SessionPtr& session) {
    if (!session->paused) {
        session->paused = true;
        ++owners_[session->module].paused;
    }
}

bool Streams::wants(const SessionPtr& session) {
    return session->delivery == Delivery::pushed || session->asked || session->parting;
}

/// Reads when there is something, and the module wants it.
void Streams::read_more(const SessionPtr& session) {
    if (session->waits_read || !wants(session)) {
        return;
    }
    session->waits_read = true;
    session->socket.async_wait(tcp::socket::wait_read,
                               [this, session](const asio::error_code& error) {
                                   session->waits_read = false;
                                   if (!error && !session->over) {
                                       session->parting ? discard(session) : read_some(session);
                                   }
                               });
}

void Streams::pull(ModuleId module, std::uint64_t stream) {
    const SessionPtr session = find(module, stream);
    if (session == nullptr || session->ended) {
        return;
    }
    session->asked = true;
    if (!session->paused) {
        read_more(session);
    }
}

/// Moves what the client sent towards the module, as far as there is room.
void Streams::read_some(const SessionPtr& session) {
    const std::size_t largest = wire::header_bytes + limits_.piece_bytes;
    if (!events_.stream_room(session->module, largest + wire::header_bytes)) {
        pause(session);
        return;
    }
    wire::FrameHeader header{
        .kind = wire::Kind::stream_open, .channel = session->channel, .counter = session->number};
    if (!session->told) {
        session->told = true;
        events_.stream_frame(session->module, header, {});
    }
    if (session->ended || session->parting || !wants(session)) {
        return;
    }
    const ssize_t count =
        ::recv(session->socket.native_handle(), scratch_.data(), scratch_.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        read_more(session);
        return;
    }
    if (count < 0) {
        end(session, true);
        return;
    }
    if (count == 0) {
        finish(session);
        return;
    }
    session->asked = false;
    header.kind = wire::Kind::stream_data;
    events_.stream_frame(
        session->module, header, ByteView(scratch_).first(static_cast<std::size_t>(count)));
    read_more(session);
}

/// The client says no more; what the module still answers reaches it, for a while.
void Streams::finish(const SessionPtr& session) {
    session->ended = true;
    events_.stream_frame(
        session->module,
        {.kind = wire::Kind::stream_close, .channel = session->channel, .counter = session->number},
        {});
    linger(session);
}

void Streams::linger(const SessionPtr& session) {
    session->linger.expires_after(std::chrono::milliseconds(limits_.linger_ms));
    session->linger.async_wait([this, session](const asio::error_code& cancelled) {
        if (!cancelled && !session->over) {
            end(session, false);
        }
    });
}

Streams::SessionPtr Streams::find(ModuleId module, std::uint64_t stream) const {
    const auto owner = owners_.find(module);
    if (owner == owners_.end()) {
        return nullptr;
    }
    const auto found = owner->second.sessions.find(stream);
    return found == owner->second.sessions.end() ? nullptr : found->second;
}

void Streams::write(ModuleId module, std::uint64_t stream, ByteView data) {
    const SessionPtr session = find(module, stream);
    if (session == nullptr || session->closing) {
        return; // closed meanwhile
    }
    if (session->out.size() - session->out_begin + data.size() > limits_.buffer_max_bytes) {
        events_.stream_log(module,
                           fmt::format("stream {} is closed: its client does not read", stream));
        end(session, true);
        return;
    }
    session->out.insert(session->out.end(), data.begin(), data.end());
    if (!session->waits_write) {
        write_some(session);
    }
}

void Streams::write_some(const SessionPtr& session) {
    while (session->out_begin < session->out.size()) {
        const ByteView rest = ByteView(session->out).subspan(session->out_begin);
        const ssize_t count = ::send(
            session->socket.native_handle(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count >= 0) {
            session->out_begin += static_cast<std::size_t>(count);
            continue;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            end(session, !session->closing);
            return;
        }
        session->waits_write = true;
        session->socket.async_wait(tcp::socket::wait_write,
                                   [this, session](const asio::error_code& error) {
                                       session->waits_write = false;
                                       if (!error && !session->over) {
                                           write_some(session);
                                       }
                                   });
        return;
    }
    session->out.clear();
    session->out_begin = 0;
    if (session->closing) {
        part(session);
    }
}

/// All is said. A socket that is closed with bytes unread makes the client forget what it has not
/// read yet: first its end is waited for, and what it still sends thrown away. (RFC 9112 §9.6)
void Streams::part(const SessionPtr& session) {
    asio::error_code ignored;
    session->socket.shutdown(tcp::socket::shutdown_send, ignored);
    session->parting = true;
    discard(session);
}

void Streams::discard(const SessionPtr& session) {
    ssize_t count = 0;
    std::size_t total = 0;
    do {
        count =
            ::recv(session->socket.native_handle(), scratch_.data(), scratch_.size(), MSG_DONTWAIT);
        total += count > 0 ? static_cast<std::size_t>(count) : 0;
    } while (count > 0 && total < limits_.buffer_max_bytes);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        end(session, false);
    } else {
        read_more(session);
    }
}

void Streams::close(ModuleId module, std::uint64_t stream) {
    const SessionPtr session = find(module, stream);
    if (session != nullptr) {
        session->closing = true;
        if (!session->waits_write) {
            write_some(session);
        }
        if (!session->over) {
            linger(session); // a client that does not read holds nothing for long
        }
    }
}

void Streams::end(const SessionPtr& session, bool tell) {
    if (std::exchange(session->over, true)) {
        return;
    }
    asio::error_code ignored;
    session->socket.close(ignored);
    session->linger.cancel();
    Owner& owner = owners_[session->module];
    owner.paused -= session->paused ? 1U : 0U;
    owner.sessions.erase(session->number);
    if (tell && session->told && !session->ended) {
        events_.stream_frame(session->module,
                             {.kind = wire::Kind::stream_close,
                              .channel = session->channel,
                              .counter = session->number},
                             {});
    }
}

void Streams::remove(ModuleId module) {
    const auto found = owners_.find(module);
    if (found == owners_.end()) {
        return;
    }
    const Owner owner = std::move(found->second);
    owners_.erase(found);
    asio::error_code ignored;
    for (const auto& [channel, listener] : owner.listeners) {
        listener->acceptor.close(ignored);
    }
    for (const auto& [number, session] : owner.sessions) {
        session->over = true;
        session->socket.close(ignored);
        session->linger.cancel();
    }
}

void Streams::module_writable(ModuleId module) {
    const auto found = owners_.find(module);
    if (found == owners_.end() || found->second.paused == 0) {
        return;
    }
    std::vector<SessionPtr> paused;
    for (const auto& [number, session] : found->second.sessions) {
        if (session->paused) {
            paused.push_back(session);
        }
    }
    for (const SessionPtr& session : paused) {
        session->paused = false;
        --owners_[module].paused;
        read_some(session);
    }
}

bool Streams::wants_room(ModuleId module) const {
    const auto found = owners_.find(module);
    return found != owners_.end() && found->second.paused != 0;
}

} // namespace authex::em
