#include "tee/skeleton/evidence.hpp"

#include <algorithm>

namespace authex::tee::skeleton {
namespace {

constexpr std::array<std::uint8_t, 4> magic = {'A', 'X', 'S', 'K'};

} // namespace

std::vector<std::uint8_t> write_evidence(const Evidence& evidence) {
    std::vector<std::uint8_t> bytes(evidence_bytes);
    Writer(bytes).bytes(magic).bytes(evidence.identity).bytes(evidence.report_data);
    return bytes;
}

Expected<Evidence> parse_evidence(ByteView bytes) {
    Reader reader(bytes);
    const ByteView found = reader.take(magic.size());
    const ByteView identity = reader.take(32);
    const ByteView report_data = reader.take(32);
    if (!reader.done() || !std::equal(magic.begin(), magic.end(), found.begin())) {
        return failure("evidence-malformed", "the node's evidence is not a skeleton's");
    }
    Evidence evidence;
    copy(identity, evidence.identity);
    copy(report_data, evidence.report_data);
    return evidence;
}

} // namespace authex::tee::skeleton
