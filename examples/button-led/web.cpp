// Shows the number of presses: each HTTP request becomes an authenticated request to the database.
#include <authex/module.hpp>

AUTHEX_REQUEST(get_presses);
static std::uint64_t waiting[16]; // the streams that wait for an answer, by the request's id

static void answer(std::uint64_t stream, std::uint32_t number);

AUTHEX_STREAM(http, stream) {
    if (stream.received()) {
        const authex::Sent sent = get_presses();
        if (sent.ok()) {
            waiting[sent.id % 16] = stream.id;
        } else {
            stream.write("HTTP/1.0 503 Service Unavailable\r\n\r\n");
            stream.close();
        }
    } else if (stream.refused()) {
        authex::log_error("the port cannot be bound");
    }
}
AUTHEX_REPLY(get_presses, reply) {
    answer(waiting[reply.id % 16], reply.reader().u32());
}
AUTHEX_INPUT(init_server, event) {
    http.listen(event.reader().u16());
}

static void answer(std::uint64_t stream, std::uint32_t number) {
    std::uint8_t digits[11];
    std::size_t at = sizeof digits;
    digits[--at] = '\n';
    do {
        digits[--at] = static_cast<std::uint8_t>('0' + number % 10);
    } while ((number /= 10) != 0);
    static constexpr char head[] = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n";
    http.write(stream, {reinterpret_cast<const std::uint8_t*>(head), sizeof head - 1});
    http.write(stream, {digits + at, sizeof digits - at});
    http.close(stream);
}
