// A page, a page for who has the token, and one that takes what it is given.
#include <authex/web.hpp>

AUTHEX_WEB_SERVER(web, 8);

AUTHEX_WEB_PAGE(front, web, "GET", "/", request) {
    request.answer(200, "text/plain", authex::bytes_of_text("front\n"));
}
AUTHEX_WEB_PAGE(guarded, web, "GET", "/guarded", request) {
    if (request.allowed("token")) {
        request.answer(200, "text/plain", authex::bytes_of_text("guarded\n"));
    }
}
AUTHEX_WEB_PAGE(echo, web, "POST", "/echo", request) {
    request.answer(200, "application/octet-stream", request.body);
}
AUTHEX_HANDLER(init_server, request, reply) {
    if (web.listen(request.reader().u16()) != AUTHEX_OK) {
        request.fail();
    }
    web.write_certificate(reply);
}
