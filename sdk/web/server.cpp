// From the pieces that the node brings to requests, and back.
#include <authex/web.hpp>

namespace authex::web {
namespace {

using Stage = Connection::Stage;

// All by the node's clock: a node that lies about it can only refuse service, as it can anyway.
constexpr std::uint64_t tick_us = 500'000;
constexpr std::uint64_t request_limit_us = 10'000'000; ///< for handshake and request, or the answer
constexpr std::uint64_t idle_limit_us = 30'000'000;    ///< between requests
constexpr std::uint64_t page_limit_us = 30'000'000;    ///< for a page to answer
constexpr std::uint64_t patience_us = 2'000'000;       ///< for a request while others wait

bool is_idle(const Connection& connection) {
    return connection.stage == Stage::reading && connection.served && connection.received == 0;
}

} // namespace

Status Server::listen(std::uint16_t port) {
    const Status status = identity_.make();
    plain_ = false;
    return status == AUTHEX_OK ? stream_.listen_pulled(port) : status;
}

Status Server::listen_plain(std::uint16_t port) {
    plain_ = true;
    return stream_.listen_pulled(port);
}

void Server::write_certificate(Writer& out) const {
    if (!identity_.certificate().empty()) {
        write_pem(identity_.certificate(), out);
    }
}

void Server::on_evidence(authex_message& message) {
    const authex_status status =
        message.size == 0
            ? identity_.report({message.result, message.result_room}, message.result_size)
            : identity_.take({message.data, message.size});
    message.status = static_cast<std::uint8_t>(status);
}

void Server::on_stream(const StreamEvent& event) {
    if (event.opened()) {
        opened(event.id);
    } else if (event.received()) {
        if (Connection* const connection = find(event.id)) {
            received(*connection, event.data);
        }
    } else if (event.closed()) {
        closed(event.id);
    } else if (event.listening()) {
        listening(event.id);
    } else if (event.refused()) {
        log_error("the port cannot be bound");
    }
    run();
}

/// What was open belongs to an earlier listening, whose manager may be gone.
void Server::listening(std::uint64_t port) {
    queue_.count = 0;
    for (Connection& connection : connections_) {
        if (connection.stage != Stage::free) {
            connection.stage = Stage::closing;
        }
    }
    Text<32> line;
    line.add(plain_ ? bytes_of_text("HTTP on port ") : bytes_of_text("HTTPS on port ")).add(port);
    const ByteView text = line.bytes();
    authex_log(AUTHEX_LOG_INFO, reinterpret_cast<const char*>(text.data()), text.size());
}

Connection* Server::find(std::uint64_t stream) {
    for (Connection& connection : connections_) {
        if (connection.stage != Stage::free && connection.stream == stream) {
            return &connection;
        }
    }
    return nullptr;
}

void Server::opened(std::uint64_t stream) {
    if (queue_.count == Queue::max) {
        (void)stream_.close(queue_.streams[0]);
        --queue_.count;
        for (std::size_t i = 0; i < queue_.count; ++i) {
            queue_.streams[i] = queue_.streams[i + 1];
        }
    }
    queue_.streams[queue_.count++] = stream;
    make_room();
}

/// The one that has been idle for the longest time gives way, if all are taken.
void Server::make_room() {
    Connection* idle = nullptr;
    for (Connection& connection : connections_) {
        if (connection.stage == Stage::free || connection.stage == Stage::closing) {
            return;
        }
        if (is_idle(connection) && (idle == nullptr || connection.request_id < idle->request_id)) {
            idle = &connection;
        }
    }
    if (idle != nullptr) {
        idle->stage = Stage::closing;
    }
}

void Server::closed(std::uint64_t stream) {
    if (Connection* const connection = find(stream)) {
        end(*connection);
    }
    // One that still waits is found out when its turn has come.
}

void Server::begin(Connection& connection, std::uint64_t stream) {
    std::uint8_t seed[seed_bytes];
    connection.stream = stream;
    connection.stage = Stage::reading;
    if (plain_) {
        connection.channel.open_plain();
    } else if (random(seed) == AUTHEX_OK) {
        connection.channel.open_tls(identity_, seed);
        wipe(seed);
    } else {
        connection.stage = Stage::closing;
    }
}

/// Forgets all that was said.
void Server::end(Connection& connection) {
    if (stream_.close(connection.stream) == AUTHEX_NO_SPACE) {
        connection.stage = Stage::closing;
        to_send_ = true;
        return;
    }
    wipe({reinterpret_cast<std::uint8_t*>(&connection), sizeof connection});
    again_ = true;
}

void Server::received(Connection& connection, ByteView bytes) {
    connection.asked = false;
    if (is_idle(connection)) {
        connection.since_us = 0;
    }
    for (bool moves = true; moves;) {
        const std::size_t taken = connection.channel.receive(bytes);
        bytes = bytes.subspan(taken);
        const ByteView said = connection.channel.readable();
        const Bytes room = Bytes(connection.request).subspan(connection.received);
        const std::size_t fits = said.size() < room.size() ? said.size() : room.size();
        copy(said.first(fits), room);
        connection.received += fits;
        connection.channel.read(said.size());
        // More than one request at a time has room for: what is too much is not read.
        connection.last = connection.last || fits < said.size();
        moves = taken != 0 || !said.empty();
    }
}

/// Takes every connection as far as it goes. A page that answers another's request comes back here,
/// and is heard by the loop that is on its way.
void Server::run() {
    again_ = true;
    if (running_) {
        return;
    }
    running_ = true;
    while (again_) {
        again_ = false;
        for (Connection& connection : connections_) {
            if (connection.stage == Stage::free && queue_.count != 0) {
                begin(connection, queue_.streams[--queue_.count]);
            }
            while (step(connection)) {
            }
        }
    }
    running_ = false;
    bool busy = false;
    for (const Connection& connection : connections_) {
        busy = busy || connection.stage != Stage::free;
    }
    if (to_send_ || (busy && !ticking_)) {
        ticking_ = clock_.after_us(to_send_ ? 0 : tick_us) == AUTHEX_OK;
    }
}

/// @return whether there is more to do
bool Server::step(Connection& connection) {
    if (connection.stage == Stage::free || !send(connection)) {
        return false;
    }
    if (connection.channel.over()) {
        connection.stage = Stage::closing;
        connection.parted = true;
    }
    switch (connection.stage) {
    case Stage::free:
    case Stage::answering:
        return false;
    case Stage::closing:
        if (connection.parted) {
            end(connection);
            return false;
        }
        connection.parted = true;
        connection.channel.close();
        return true;
    case Stage::reading:
        break;
    }
    switch (connection.reader.read(ByteView(connection.request).first(connection.received))) {
    case Reading::incomplete:
        pull(connection);
        return false;
    case Reading::refused:
        connection.last = true;
        refuse(connection, {.status = connection.reader.status()});
        return true;
    case Reading::complete:
        call_page(connection);
        return true;
    }
    return false;
}

/// @return whether all is out
bool Server::send(Connection& connection) {
    for (ByteView bytes = connection.channel.pending(); !bytes.empty();
         bytes = connection.channel.pending()) {
        if (stream_.write(connection.stream, bytes) != AUTHEX_OK) {
            to_send_ = true;
            return false;
        }
        connection.channel.sent(bytes.size());
    }
    return true;
}

void Server::pull(Connection& connection) {
    if (!connection.asked) {
        connection.asked = stream_.pull(connection.stream) == AUTHEX_OK;
        to_send_ = to_send_ || !connection.asked;
    }
}

void Server::on_clock(const TimerEvent& event) {
    now_us_ = event.time_us;
    ticking_ = false;
    to_send_ = false;
    for (Connection& connection : connections_) {
        if (connection.stage != Stage::free) {
            look_at(connection);
        }
    }
    run();
}

/// Nobody stays for ever.
void Server::look_at(Connection& connection) {
    if (connection.since_us == 0 || now_us_ < connection.since_us) {
        connection.since_us = now_us_;
    }
    const std::uint64_t age_us = now_us_ - connection.since_us;
    const bool others_wait = queue_.count != 0;
    switch (connection.stage) {
    case Stage::free:
        break;
    case Stage::answering:
        if (age_us >= page_limit_us) {
            connection.last = true;
            refuse(connection, {.status = 504});
        }
        break;
    case Stage::closing:
        if (age_us >= request_limit_us) {
            end(connection);
        }
        break;
    case Stage::reading:
        const bool idle = is_idle(connection);
        if (idle ? others_wait || age_us >= idle_limit_us
                 : age_us >= (others_wait ? patience_us : request_limit_us)) {
            connection.stage = Stage::closing;
            connection.since_us = 0;
        }
        break;
    }
}

} // namespace authex::web
