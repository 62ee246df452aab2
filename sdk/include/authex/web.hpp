#pragma once
// A web server inside the module: HTTPS, whose key is made inside and never leaves it. (docs/sgx.md
// "HTTPS")
//
//     AUTHEX_WEB_SERVER(web, 8);                                // eight clients at a time
//
//     AUTHEX_WEB_PAGE(front, web, "GET", "/", request) {
//         if (request.allowed("api-token")) {                   // a secret of the descriptor
//             request.answer(200, "text/plain", authex::bytes_of_text("hello\n"));
//         }
//     }
//     AUTHEX_HANDLER(init_server, request, reply) {             // the owner gets the certificate
//         if (web.listen(request.reader().u16()) != AUTHEX_OK) { request.fail(); }
//         web.write_certificate(reply);
//     }
//
// A page that cannot answer yet keeps `request.id`, and `web.answer(id, …)` answers later: from the
// reply to a request of the module, say. What is not answered in time is answered with 504.
//
// Requests are HTTP/1.1, at most 8 KiB of head and 8 KiB of body; an answer has at most 16 KiB with
// its head. `HEAD` is answered by the pages for `GET`. Paths are compared as they were sent.

#include <authex/module.hpp>
#include <authex/web/channel.hpp>
#include <authex/web/http.hpp>
#include <authex/web/identity.hpp>
#include <authex/web/response.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace authex::web {

class Server;

/// Names a request until it is answered; 0 names none.
using RequestId = std::uint64_t;

/// A request of a client. Anybody may have made it: treat all of it as hostile. Borrowed: valid
/// until the page's function returns or answers.
struct Request {
    Server& server;
    RequestId id;
    ByteView method;
    ByteView path;
    ByteView query; ///< behind `?`, as it was sent
    ByteView body;
    const RequestReader& reader;

    /// A header field, by its name in whatever case; empty where there is none.
    template <std::size_t N>
    [[nodiscard]] ByteView field(const char (&name)[N]) const {
        return reader.field(bytes_of_text(name));
    }
    /// Whether it bears the token that is the module's secret of this name: `Authorization: Bearer
    /// …` (RFC 6750 §2.1), compared in constant time. Else it has been answered with 401.
    template <std::size_t N>
    [[nodiscard]] bool allowed(const char (&secret_name)[N]) const {
        return check_token(secret(secret_name));
    }
    /// As Server::answer.
    Status answer(unsigned status, const char* type, ByteView content) const;

  private:
    friend class Server;
    [[nodiscard]] bool check_token(const Value& token) const;
};

/// One page, as AUTHEX_WEB_PAGE makes it.
struct Page {
    Server* server;
    const char* method;
    const char* path;
    void (*function)(const Request& request);
};

/// One client.
struct Connection {
    enum class Stage : std::uint8_t {
        free,
        reading,   ///< its request is not all there
        answering, ///< a page has it
        closing,   ///< it gets what is left, then the end
    };
    std::uint64_t stream = 0;
    RequestId request_id = 0;
    std::uint64_t since_us = 0; ///< of the stage, by the node's clock; 0: from the next tick on
    Stage stage = Stage::free;
    bool asked = false;     ///< the node may send a piece
    bool served = false;    ///< it has got an answer
    bool head_only = false; ///< the request is HEAD
    bool last = false;      ///< no request will be read after this one
    bool parted = false;    ///< closing: goodbye has been said
    std::size_t received = 0;
    RequestReader reader{};
    Channel channel{};
    std::uint8_t request[request_max_bytes]{};
};

/// Streams that wait for a free connection. The last to come is the first to be served, and where
/// there are too many, the first to come gives way: who opens many and says nothing holds up
/// himself.
struct Queue {
    static constexpr std::size_t max = 256;
    std::uint64_t streams[max]{};
    std::size_t count = 0;
};

/// Memory of a server, all zero at first: 53 KiB for each client, 35 KiB beside.
template <std::size_t clients>
struct Memory {
    Identity identity{};
    Queue queue{};
    Connection connections[clients]{};
};

/// For one thread, as everything in a module.
class Server {
  public:
    template <std::size_t clients>
    constexpr Server(const authex_endpoint* stream,
                     const authex_endpoint* clock,
                     Memory<clients>& memory)
        : stream_(stream), clock_(clock), identity_(memory.identity), queue_(memory.queue),
          connections_(memory.connections) {}

    /// Serves HTTPS on a port of the node (0: any free one; the log says which). The first time,
    /// makes the key; each time, the certificate, as the configuration says: `web-names`
    /// (localhost, 127.0.0.1, ::1), `web-valid-from` (2020-01-01), `web-valid-until` (9999-12-31).
    /// @error as Identity::make | AUTHEX_NO_SPACE
    Status listen(std::uint16_t port);
    /// Serves HTTP without TLS, which protects nothing: for development.
    Status listen_plain(std::uint16_t port);
    /// Appends the certificate in PEM; nothing before listen().
    void write_certificate(Writer& out) const;

    /// Answers a request. One that has been answered, or whose client has gone, is none any more.
    /// @param type Content-Type, a constant of the module's. `content` is copied.
    /// @error AUTHEX_NO_CONNECTION: there is no such request | AUTHEX_TOO_LARGE: the client got 500
    Status answer(RequestId id, unsigned status, const char* type, ByteView content);

    // For the macros below.
    void on_stream(const StreamEvent& event);
    void on_clock(const TimerEvent& event);
    void on_evidence(authex_message& message);

  private:
    [[nodiscard]] Connection* find(std::uint64_t stream);
    void listening(std::uint64_t port);
    void opened(std::uint64_t stream);
    void closed(std::uint64_t stream);
    void make_room();
    void begin(Connection& connection, std::uint64_t stream);
    void end(Connection& connection);
    void received(Connection& connection, ByteView bytes);
    void look_at(Connection& connection);

    void run();
    [[nodiscard]] bool step(Connection& connection);
    [[nodiscard]] bool send(Connection& connection);
    void pull(Connection& connection);
    void call_page(Connection& connection);
    void respond(Connection& connection, ResponseHead head, ByteView content);
    void refuse(Connection& connection, ResponseHead head);

    Stream stream_;
    Timer clock_;
    Identity& identity_;
    Queue& queue_;
    std::span<Connection> connections_;
    RequestId last_id_ = 0;
    std::uint64_t now_us_ = 0;
    bool plain_ = false;
    bool running_ = false;
    bool again_ = false;   ///< a connection that run() has left may go on
    bool ticking_ = false; ///< the clock is armed
    bool to_send_ = false; ///< something did not fit into what one event may send
};

/// Text that is put together in a fixed room; what does not fit is left out.
template <std::size_t max_bytes>
class Text {
  public:
    Text& add(ByteView bytes) {
        for (const std::uint8_t byte : bytes) {
            if (size_ < max_bytes) {
                bytes_[size_++] = byte;
            }
        }
        return *this;
    }
    template <std::size_t N>
    Text& add(const char (&text)[N]) {
        return add(bytes_of_text(text));
    }
    /// In decimal digits.
    Text& add(std::uint64_t number) {
        std::uint8_t digits[20];
        std::size_t at = sizeof digits;
        do {
            digits[--at] = static_cast<std::uint8_t>('0' + number % 10);
            number /= 10;
        } while (number != 0);
        return add(ByteView(digits).subspan(at));
    }
    [[nodiscard]] ByteView bytes() const { return ByteView(bytes_).first(size_); }

  private:
    std::uint8_t bytes_[max_bytes];
    std::size_t size_ = 0;
};

} // namespace authex::web

/// A server for so many clients at a time, as an endpoint `name` and a timer `name_clock`; through
/// `name_evidence`, its certificate gets the evidence of the TEE. (evidence.hpp)
#define AUTHEX_WEB_SERVER(name, clients)                                                           \
    static void authex_stream_##name(authex_message* authex_m);                                    \
    static void authex_clock_##name(authex_message* authex_m);                                     \
    static void authex_evidence_##name(authex_message* authex_m);                                  \
    AUTHEX_RECORD(name, AUTHEX_KIND_STREAM, authex_stream_##name);                                 \
    AUTHEX_RECORD(name##_clock, AUTHEX_KIND_TIMER, authex_clock_##name);                           \
    AUTHEX_RECORD(name##_evidence, AUTHEX_KIND_EVIDENCE, authex_evidence_##name);                  \
    static constinit authex::web::Memory<clients> authex_memory_##name;                            \
    static constinit authex::web::Server name(                                                     \
        &authex_endpoint_##name, &authex_endpoint_##name##_clock, authex_memory_##name);           \
    static void authex_stream_##name(authex_message* authex_m) {                                   \
        name.on_stream({&authex_endpoint_##name,                                                   \
                        authex_m->id,                                                              \
                        {authex_m->data, authex_m->size},                                          \
                        authex_m->what});                                                          \
    }                                                                                              \
    static void authex_clock_##name(authex_message* authex_m) {                                    \
        name.on_clock({authex_m->time_us});                                                        \
    }                                                                                              \
    static void authex_evidence_##name(authex_message* authex_m) {                                 \
        name.on_evidence(*authex_m);                                                               \
    }

/// What a server answers to one method and path.
#define AUTHEX_WEB_PAGE(name, server, method, path, request)                                       \
    static void authex_on_##name(const authex::web::Request& request);                             \
    __attribute__((used,                                                                           \
                   retain,                                                                         \
                   section("authex_pages"))) static const authex::web::Page authex_page_##name = { \
        &(server), method, path, authex_on_##name};                                                \
    static void authex_on_##name([[maybe_unused]] const authex::web::Request& request)
