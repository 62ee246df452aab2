// Any bytes have an answer from the parser of recordings; what it takes it writes back unchanged.
#include "deployer/recording.hpp"

#include <algorithm>
#include <cstdlib>

#include <openssl/sha.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace authex;
    using namespace authex::deployer;
    // The identity of an empty image, so that what follows the head is reached.
    constexpr std::size_t identity_at = 10;
    std::vector<std::uint8_t> content(data, data + size);
    if (content.size() >= identity_at + SHA256_DIGEST_LENGTH) {
        SHA256(data, 0, content.data() + identity_at);
    }
    for (const std::vector<std::uint8_t>& bytes :
         {std::vector<std::uint8_t>(data, data + size), content}) {
        const Expected<Recording> recording = decode(bytes);
        if (recording && encode(*recording) != bytes) {
            std::abort();
        }
    }
    return 0;
}
