// Whatever arrives on a link, in whatever pieces, is whole records or an end; a greeting that is
// taken can be written again.
#include "em/link.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace authex;
    if (size == 0) {
        return 0;
    }
    const std::size_t piece = 1 + data[0];
    ByteView bytes(data + 1, size - 1);
    em::RecordParser parser;
    bool open = true;
    std::size_t taken = 0;
    while (open && !bytes.empty()) {
        const ByteView part = bytes.first(piece < bytes.size() ? piece : bytes.size());
        open = parser.feed(part, [&](ByteView payload) {
            taken += payload.size();
            return !payload.empty();
        });
        bytes = bytes.subspan(part.size());
    }
    if (taken > size || parser.held() > size) {
        std::abort();
    }
    em::LinkGreeting greeting;
    if (em::parse_greeting({data, size}, greeting) == Error::none) {
        em::LinkGreeting again;
        const std::vector<std::uint8_t> frame = em::greeting_frame(greeting);
        if (em::parse_greeting(frame, again) != Error::none || again.address != greeting.address ||
            again.node_id != greeting.node_id || again.answer != greeting.answer) {
            std::abort();
        }
    }
    return 0;
}
