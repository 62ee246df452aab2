// Which page answers a request, and what answers look like.
#include <authex/web.hpp>

extern "C" {
extern const authex::web::Page __start_authex_pages[] __attribute__((weak, visibility("hidden")));
extern const authex::web::Page __stop_authex_pages[] __attribute__((weak, visibility("hidden")));
}

namespace authex::web {
namespace {

using Stage = Connection::Stage;

std::span<const Page> pages() {
    return {__start_authex_pages, __stop_authex_pages};
}

ByteView bytes_of_string(const char* text) {
    std::size_t size = 0;
    while (text[size] != '\0') {
        ++size;
    }
    return {reinterpret_cast<const std::uint8_t*>(text), size};
}

} // namespace

Status Request::answer(unsigned status, const char* type, ByteView content) const {
    return server.answer(id, status, type, content);
}

bool Request::check_token(const Value& token) const {
    const ByteView scheme = bytes_of_text("Bearer ");
    const ByteView given = field("authorization");
    if (!token.bytes.empty() && given.size() > scheme.size() &&
        equal_ignoring_case(given.first(scheme.size()), scheme) &&
        equal_constant_time(given.subspan(scheme.size()), token.bytes)) {
        return true;
    }
    (void)answer(401, "text/plain", bytes_of_text("401 Unauthorized\n"));
    return false;
}

Status Server::answer(RequestId id, unsigned status, const char* type, ByteView content) {
    for (Connection& connection : connections_) {
        if (connection.stage != Stage::answering || connection.request_id != id) {
            continue;
        }
        const bool fits = content.size() <= record_max_bytes - response_head_max_bytes;
        if (fits) {
            respond(connection, {.status = status, .type = type}, content);
        } else {
            refuse(connection, {.status = 500});
        }
        run();
        return fits ? AUTHEX_OK : AUTHEX_TOO_LARGE;
    }
    return AUTHEX_NO_CONNECTION;
}

void Server::call_page(Connection& connection) {
    const RequestReader& reader = connection.reader;
    connection.stage = Stage::answering;
    connection.request_id = ++last_id_;
    connection.since_us = 0;
    connection.head_only = equal(reader.method(), bytes_of_text("HEAD"));
    const ByteView method = connection.head_only ? bytes_of_text("GET") : reader.method();
    Text<64> methods;
    for (const Page& page : pages()) {
        if (page.server != this || !equal(bytes_of_string(page.path), reader.path())) {
            continue;
        }
        if (equal(bytes_of_string(page.method), method)) {
            page.function({.server = *this,
                           .id = connection.request_id,
                           .method = reader.method(),
                           .path = reader.path(),
                           .query = reader.query(),
                           .body = reader.body(),
                           .reader = reader});
            return;
        }
        methods.add(methods.bytes().empty() ? ByteView() : bytes_of_text(", "))
            .add(bytes_of_string(page.method));
    }
    refuse(connection,
           {.status = methods.bytes().empty() ? 404U : 405U, .allowed_methods = methods.bytes()});
}

/// Writes the answer, and makes the connection ready for the next request.
void Server::respond(Connection& connection, ResponseHead head, ByteView content) {
    // While others wait, nobody keeps a connection.
    connection.last = connection.last || !connection.reader.keeps_alive() || queue_.count != 0;
    head.keeps_alive = !connection.last;
    head.content_bytes = content.size();
    std::uint8_t room[response_head_max_bytes];
    Writer writer(room);
    write_head(head, writer);
    content = connection.head_only ? ByteView() : content;
    if (!writer.ok() || writer.size() + content.size() > connection.channel.room()) {
        connection.stage = Stage::closing; // a client that is handshaking anew hears nothing else
        again_ = true;
        return;
    }
    connection.channel.write(writer.written());
    connection.channel.write(content);
    connection.channel.flush();

    const std::size_t taken = connection.last ? connection.received : connection.reader.size();
    connection.received -= taken;
    const Bytes all(connection.request);
    copy(all.subspan(taken, connection.received), all);
    connection.reader = {};
    connection.served = true;
    connection.since_us = 0;
    connection.stage = connection.last ? Stage::closing : Stage::reading;
    again_ = true;
}

void Server::refuse(Connection& connection, ResponseHead head) {
    Text<64> line;
    line.add(std::uint64_t{head.status})
        .add(" ")
        .add(bytes_of_string(reason_of(head.status)))
        .add("\n");
    head.type = "text/plain";
    respond(connection, head, line.bytes());
}

} // namespace authex::web
