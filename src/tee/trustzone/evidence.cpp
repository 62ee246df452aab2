#include "tee/trustzone/evidence.hpp"

#include <algorithm>

namespace authex::tee::trustzone {
namespace {

constexpr std::array<std::uint8_t, 4> magic = {'A', 'X', 'T', 'Z'};
constexpr std::uint32_t version = 1;

} // namespace

std::vector<std::uint8_t> write_evidence(ByteView statement) {
    std::vector<std::uint8_t> bytes(evidence_bytes);
    Writer(bytes).bytes(magic).u32(version).bytes(statement);
    return bytes;
}

Expected<Evidence> parse_evidence(ByteView bytes) {
    Reader reader(bytes);
    const ByteView found = reader.take(magic.size());
    const std::uint32_t found_version = reader.u32();
    const ByteView hash = reader.take(memory_hash_bytes);
    const ByteView signature = reader.take(device_signature_bytes);
    if (!reader.done() || found_version != version ||
        !std::equal(magic.begin(), magic.end(), found.begin())) {
        return failure(
            "evidence-malformed",
            "the node's evidence is malformed: it is not of a TrustZone node, or it was cut");
    }
    Evidence evidence;
    copy(hash, evidence.hash);
    copy(signature, evidence.signature);
    return evidence;
}

} // namespace authex::tee::trustzone
