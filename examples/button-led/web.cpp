// Shows the number of presses over HTTPS: each request of a browser becomes an authenticated
// request to the database.
#include <authex/web.hpp>

AUTHEX_WEB_SERVER(http, 8);
AUTHEX_REQUEST(get_presses);
static authex::web::RequestId waiting[8]; // by the id of the request to the database

AUTHEX_WEB_PAGE(presses, http, "GET", "/", request) {
    const authex::Sent sent = get_presses();
    if (sent.ok()) {
        waiting[sent.id % 8] = request.id;
    } else {
        request.answer(503, "text/plain", authex::bytes_of_text("the database is away\n"));
    }
}
AUTHEX_REPLY(get_presses, reply) {
    authex::web::Text<16> number;
    number.add(reply.reader().u32()).add("\n");
    http.answer(waiting[reply.id % 8], reply.ok() ? 200 : 503, "text/plain", number.bytes());
}
AUTHEX_HANDLER(init_server, request, reply) {
    if (http.listen(request.reader().u16()) != AUTHEX_OK) {
        request.fail();
    }
    http.write_certificate(reply);
}
