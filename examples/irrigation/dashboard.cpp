// What the owner of the garden sees: how the tap stands, how often it was told, how often it was
// opened; over HTTPS too. It asks for a look at the soil at regular times.
#include <authex/web.hpp>

AUTHEX_OUTPUT(look);
AUTHEX_WEB_SERVER(http, 4);

AUTHEX_STATE static std::uint8_t open;
AUTHEX_STATE static std::uint32_t reports;
AUTHEX_STATE static std::uint32_t openings;

/// Anybody may call it: it measures once more, and that is true at any time.
AUTHEX_ENTRY(tick, call) {
    look();
}

AUTHEX_INPUT(ask, event) {
    look();
}

AUTHEX_INPUT(tap, event) {
    const std::uint8_t now = event.reader().u8();
    ++reports;
    if (now != open) {
        open = now;
        openings += now;
        if (now != 0) {
            authex::log_info("watering");
        } else {
            authex::log_info("not watering");
        }
    }
}

AUTHEX_HANDLER(read, request, reply) {
    reply.u8(open).u32(openings).u32(reports);
}

AUTHEX_WEB_PAGE(state, http, "GET", "/", request) {
    authex::web::Text<64> page;
    page.add("the tap is ")
        .add(open != 0 ? authex::bytes_of_text("open") : authex::bytes_of_text("closed"));
    page.add(", opened ").add(std::uint64_t{openings}).add(" times\n");
    request.answer(200, "text/plain", page.bytes());
}
AUTHEX_HANDLER(init_server, request, reply) {
    if (http.listen(request.reader().u16()) != AUTHEX_OK) {
        request.fail();
    }
    http.write_certificate(reply);
}
