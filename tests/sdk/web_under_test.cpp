#include "sdk/web_under_test.hpp"

#include <utility>

namespace authex::test {
namespace {

WebServer* current = nullptr;

AUTHEX_WEB_SERVER(under_test, clients_max);

AUTHEX_WEB_PAGE(hello, under_test, "GET", "/hello", request) {
    (void)request.answer(200, "text/plain", bytes_of_text("hello\n"));
}
AUTHEX_WEB_PAGE(echo, under_test, "POST", "/echo", request) {
    (void)request.answer(200, "text/plain", request.body);
}
AUTHEX_WEB_PAGE(put, under_test, "PUT", "/echo", request) {
    (void)request.answer(204, "", {});
}
AUTHEX_WEB_PAGE(query, under_test, "GET", "/query", request) {
    (void)request.answer(200, "text/plain", request.query);
}
AUTHEX_WEB_PAGE(secret_page, under_test, "GET", "/secret", request) {
    if (request.allowed("token")) {
        (void)request.answer(200, "text/plain", bytes_of_text("secret\n"));
    }
}
AUTHEX_WEB_PAGE(later, under_test, "GET", "/later", request) {
    current->later.push_back(request.id);
}
AUTHEX_WEB_PAGE(large, under_test, "GET", "/large", request) {
    const std::vector<std::uint8_t> content(current->large_bytes, 'x');
    (void)request.answer(200, "text/plain", content);
}

AUTHEX_WEB_SERVER(another, 1);
AUTHEX_WEB_PAGE(of_another, another, "GET", "/another", request) {
    (void)request.answer(200, "text/plain", {});
}

StreamEvent event(std::uint64_t stream, std::uint8_t what, const std::string& bytes = {}) {
    return {.endpoint = &authex_endpoint_under_test,
            .id = stream,
            .data = {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
            .what = what};
}

} // namespace

WebServer::WebServer() {
    current = this;
    authex_memory_under_test = {};
    under_test.~Server();
    new (&under_test) web::Server(
        &authex_endpoint_under_test, &authex_endpoint_under_test_clock, authex_memory_under_test);
}
WebServer::~WebServer() {
    current = nullptr;
}

web::Server& WebServer::server() {
    return under_test;
}
void WebServer::opened(std::uint64_t stream) {
    under_test.on_stream(event(stream, AUTHEX_STREAM_OPENED));
}
void WebServer::data(std::uint64_t stream, const std::string& bytes) {
    node.pulled.erase(stream);
    under_test.on_stream(event(stream, AUTHEX_STREAM_DATA, bytes));
}
void WebServer::closed(std::uint64_t stream) {
    under_test.on_stream(event(stream, AUTHEX_STREAM_CLOSED));
}
void WebServer::tick(std::uint64_t time_us) {
    node.timer_us.reset();
    under_test.on_clock({time_us});
}
WebServer::EvidenceAnswer WebServer::evidence(const std::string& data, std::size_t room) {
    std::vector<std::uint8_t> result(room);
    authex_message message{};
    message.data = reinterpret_cast<const std::uint8_t*>(data.data());
    message.size = data.size();
    message.result = result.data();
    message.result_room = result.size();
    authex_endpoint_under_test_evidence.function(&message);
    return {static_cast<authex_status>(message.status),
            {result.begin(), result.begin() + static_cast<long>(message.result_size)}};
}
std::string WebServer::take(std::uint64_t stream) {
    return std::exchange(node.written[stream], {});
}

std::string memory_of_connections() {
    return {reinterpret_cast<const char*>(authex_memory_under_test.connections),
            sizeof authex_memory_under_test.connections};
}

std::string certificate_of(const web::Server& server) {
    std::vector<std::uint8_t> room(32768);
    Writer out(room);
    server.write_certificate(out);
    return {room.begin(), room.begin() + static_cast<long>(out.size())};
}

} // namespace authex::test
