// Requests: whatever comes is read the same at once and byte by byte, and what is complete lies
// within what came.
#include <authex/web/http.hpp>

#include <cstdint>
#include <cstdlib>
#include <memory>

using authex::ByteView;
using authex::web::Reading;
using authex::web::RequestReader;

namespace {

void must(bool holds) {
    if (!holds) {
        std::abort();
    }
}

bool lies_in(ByteView part, ByteView whole) {
    return part.empty() || (part.data() >= whole.data() &&
                            part.data() + part.size() <= whole.data() + whole.size());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    size = size < authex::web::request_max_bytes ? size : authex::web::request_max_bytes;
    // A heap block of its own, so that a read behind it is seen.
    const std::unique_ptr<std::uint8_t[]> copy(new std::uint8_t[size]);
    std::copy(data, data + size, copy.get());
    const ByteView all(copy.get(), size);
    RequestReader at_once;
    const Reading expected = at_once.read(all);
    RequestReader piecewise;
    Reading got = Reading::incomplete;
    for (std::size_t i = 1; i <= size && got == Reading::incomplete; ++i) {
        got = piecewise.read(all.first(i));
    }
    must(got == expected && piecewise.status() == at_once.status());
    must((expected == Reading::refused) == (at_once.status() != 0));
    if (expected == Reading::complete) {
        must(at_once.size() <= size && at_once.size() == piecewise.size());
        must(at_once.path().size() >= 1 && at_once.path()[0] == '/');
        for (const ByteView part : {at_once.method(),
                                    at_once.path(),
                                    at_once.query(),
                                    at_once.body(),
                                    at_once.field(authex::bytes_of_text("host"))}) {
            must(lies_in(part, all.first(at_once.size())));
        }
    }
    return 0;
}
