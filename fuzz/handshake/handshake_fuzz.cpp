// Both roles of the handshake take any message: the responder answers or refuses the first, the
// initiator never takes a second that its responder did not write.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "crypto/noise_initiator.hpp"

namespace {

using namespace authex;

crypto::DhKey filled(std::uint8_t byte) {
    crypto::DhKey key{};
    key.fill(byte);
    return key;
}

void respond(ByteView message) {
    crypto::DhKey owner{};
    crypto::x25519_public(filled(1), owner);
    crypto::NoiseResponder responder({}, owner, filled(3));
    ByteView payload;
    if (responder.read_first(message, payload) != Error::none) {
        return;
    }
    if (payload.size() + crypto::noise_first_overhead != message.size()) {
        std::abort();
    }
    std::uint8_t out[crypto::noise_second_overhead + 8];
    crypto::NoiseSession session;
    (void)responder.write_second(ByteView(out, 8), out, session);
}

void initiate(ByteView bytes) {
    crypto::NoiseInitiator initiator({}, filled(1), filled(2));
    std::uint8_t first[crypto::noise_first_overhead];
    if (!initiator.write_first({}, first)) {
        std::abort();
    }
    std::vector<std::uint8_t> message(bytes.begin(), bytes.end());
    ByteView payload;
    crypto::NoiseSession session;
    if (initiator.read_second(message, payload, session) == Error::none) {
        std::abort(); // to forge one is to break X25519 or AES-GCM
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 0 && data[0] % 2 == 0) {
        respond({data + 1, size - 1});
    } else if (size > 0) {
        initiate({data + 1, size - 1});
    }
    return 0;
}
