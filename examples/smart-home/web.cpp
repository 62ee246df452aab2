// The page of the house, over HTTPS, for who bears the token: GET / says how everything stands,
// POST /lamp switches the lamp.
#include <authex/web.hpp>

AUTHEX_WEB_SERVER(https, 4);
AUTHEX_REQUEST(report);
AUTHEX_REQUEST(switch_lamp);
constexpr std::size_t at_once = 16;
static authex::web::RequestId reporting[at_once]; // by the id of the request to the gateway
static authex::web::RequestId switching[at_once];

static void away(authex::web::RequestId id) {
    (void)https.answer(id, 503, "text/plain", authex::bytes_of_text("the gateway is away\n"));
}

AUTHEX_WEB_PAGE(front, https, "GET", "/", request) {
    if (!request.allowed("token")) {
        return;
    }
    const authex::Sent sent = report();
    if (sent.ok()) {
        reporting[sent.id % at_once] = request.id;
    } else {
        away(request.id);
    }
}
AUTHEX_REPLY(report, reply) {
    const authex::web::RequestId id = reporting[reply.id % at_once];
    if (!reply.ok()) {
        away(id);
        return;
    }
    authex::Reader reader = reply.reader();
    const auto tenths = static_cast<std::int16_t>(reader.u16());
    const bool heating = reader.u8() == 1;
    const bool lamp = reader.u8() == 1;
    const auto size = static_cast<std::uint64_t>(tenths < 0 ? -tenths : tenths);
    authex::web::Text<128> text;
    if (tenths < 0) {
        text.add("-");
    }
    text.add(size / 10).add(".").add(size % 10).add(" degrees, heating ");
    if (heating) {
        text.add("on");
    } else {
        text.add("off");
    }
    if (lamp) {
        text.add(", lamp on\n");
    } else {
        text.add(", lamp off\n");
    }
    (void)https.answer(id, 200, "text/plain", text.bytes());
}

AUTHEX_WEB_PAGE(lamp, https, "POST", "/lamp", request) {
    if (!request.allowed("token")) {
        return;
    }
    const authex::Sent sent = switch_lamp();
    if (sent.ok()) {
        switching[sent.id % at_once] = request.id;
    } else {
        away(request.id);
    }
}
AUTHEX_REPLY(switch_lamp, reply) {
    const authex::web::RequestId id = switching[reply.id % at_once];
    if (reply.ok()) {
        (void)https.answer(id, 200, "text/plain", authex::bytes_of_text("done\n"));
    } else {
        away(id);
    }
}

AUTHEX_HANDLER(init_server, request, reply) {
    if (https.listen(request.reader().u16()) != AUTHEX_OK) {
        request.fail();
    }
    https.write_certificate(reply);
}
