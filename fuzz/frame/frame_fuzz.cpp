// Any bytes have an answer from the parser; what it takes lies inside them and is written back as
// it was; nothing opens without its key.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "wire/seal.hpp"

namespace {

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace authex;
    const ByteView bytes(data, size);
    wire::FrameView frame;
    const Error error = wire::parse_frame(bytes, frame);
    if (error != Error::none) {
        require(error == Error::truncated || error == Error::unknown_version ||
                error == Error::unknown_kind || error == Error::malformed ||
                error == Error::too_large);
        return 0;
    }
    require(frame.frame_bytes() <= size && frame.frame_bytes() <= wire::max_frame_bytes);
    require(wire::header_bytes + frame.body.size() + frame.tag.size() == frame.frame_bytes());
    require(frame.body.size() <= wire::max_body_bytes + 2);
    std::vector<std::uint8_t> header(wire::header_bytes);
    wire::write_header(frame.header, header);
    require(std::equal(header.begin(), header.end(), data));
    if (wire::is_sealed(frame.header.kind)) {
        crypto::AeadKey key;
        const std::uint8_t secret[16] = {1, 2, 3};
        require(key.set(crypto::Algorithm::aes_128_gcm, secret) == Error::none);
        std::vector<std::uint8_t> copied(data, data + frame.frame_bytes());
        Bytes body;
        require(wire::open_frame(key, frame.header, copied, body) == Error::forged);
    }
    return 0;
}
