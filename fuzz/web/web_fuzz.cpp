// A hostile node before the whole server: streams that open, speak and end in any order, also
// unasked, a clock that jumps, and little room for what goes out.
#include <cstdint>
#include <cstdlib>

#include "sdk/web_under_test.hpp"

namespace {

using namespace authex;

void must(bool holds) {
    if (!holds) {
        std::abort();
    }
}

void act(test::WebServer& web, Reader& choices) {
    const std::uint8_t what = choices.u8();
    const std::uint64_t stream = what % 8U;
    switch (what / 8U % 8U) {
    case 0:
        web.opened(stream);
        break;
    case 1:
        web.closed(stream);
        break;
    case 2:
        web.tick(choices.u32() * std::uint64_t{1000});
        break;
    case 3:
        web.node.room = choices.u16();
        break;
    case 4:
        web.node.room = SIZE_MAX;
        break;
    case 5:
        web.large_bytes = choices.u16();
        (void)web.server().answer(stream + 1, 200 + choices.u8(), "text/plain", choices.take(9));
        break;
    case 6: {
        const ByteView said =
            choices.take(std::min<std::size_t>(choices.u16(), choices.remaining()));
        const auto answer = web.evidence(std::string(said.begin(), said.end()));
        must(answer.result.size() <= web.node.report_bytes);
        break;
    }
    default: {
        const ByteView said =
            choices.take(std::min<std::size_t>(choices.u16(), choices.remaining()));
        web.data(stream, std::string(said.begin(), said.end()));
    }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Reader choices(ByteView(data, size));
    test::WebServer web;
    web.node.secrets["token"] = "abc";
    must((choices.u8() % 2 == 0 ? web.server().listen_plain(1) : web.server().listen(1)) ==
         AUTHEX_OK);
    while (choices.remaining() != 0) {
        act(web, choices);
        must(web.node.written.size() <= 8);
    }
    // Whatever they did: when they are gone, nothing is left of them.
    web.node.room = SIZE_MAX;
    std::uint64_t now_us = 1;
    while (web.node.timer_us.has_value()) {
        must(now_us < 1000);
        web.tick(now_us++ * 60'000'000'000);
    }
    const std::string memory = test::memory_of_connections();
    must(memory == std::string(memory.size(), '\0'));
    return 0;
}
