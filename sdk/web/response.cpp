#include <authex/web/response.hpp>

namespace authex::web {
namespace {

struct Reason {
    unsigned status;
    const char* text;
};

constexpr Reason reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

void write_text(const char* text, Writer& out) {
    for (; *text != '\0'; ++text) {
        out.u8(static_cast<std::uint8_t>(*text));
    }
}

void write_number(std::size_t number, Writer& out) {
    std::uint8_t digits[20];
    std::size_t at = sizeof digits;
    do {
        digits[--at] = static_cast<std::uint8_t>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    out.bytes(ByteView(digits).subspan(at));
}

} // namespace

const char* reason_of(unsigned status) {
    for (const Reason& reason : reasons) {
        if (reason.status == status) {
            return reason.text;
        }
    }
    return "";
}

void write_head(const ResponseHead& head, Writer& out) {
    write_text("HTTP/1.1 ", out);
    write_number(head.status, out);
    write_text(" ", out);
    write_text(reason_of(head.status), out);
    if (head.status != 204) { // which has no content, and must not say so (RFC 9110 §8.6)
        write_text("\r\nContent-Type: ", out);
        write_text(head.type, out);
        write_text("\r\nContent-Length: ", out);
        write_number(head.content_bytes, out);
    }
    write_text("\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff", out);
    if (head.status == 401) {
        write_text("\r\nWWW-Authenticate: Bearer", out);
    }
    if (!head.allowed_methods.empty()) {
        write_text("\r\nAllow: ", out);
        out.bytes(head.allowed_methods);
    }
    if (!head.keeps_alive) {
        write_text("\r\nConnection: close", out);
    }
    write_text("\r\n\r\n", out);
}

} // namespace authex::web
