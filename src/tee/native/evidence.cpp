#include "tee/native/evidence.hpp"

#include <algorithm>
#include <cstring>

namespace authex::tee::native {
namespace {

constexpr std::array<std::uint8_t, 4> magic = {'A', 'X', 'E', 'V'};
constexpr std::uint8_t version = 1;
constexpr std::uint8_t tee_native = 1;

tl::unexpected<Diagnostic> malformed(const char* why) {
    return failure("evidence-malformed", std::string("the node's evidence is malformed: ") + why);
}

} // namespace

std::array<std::uint8_t, statement_bytes> statement_of(const Evidence& evidence) {
    std::array<std::uint8_t, statement_bytes> bytes{};
    Writer(bytes)
        .bytes(magic)
        .u8(version)
        .u8(tee_native)
        .u16(0)
        .bytes(evidence.identity)
        .bytes(evidence.report_data);
    return bytes;
}

std::vector<std::uint8_t> signed_bytes(const Evidence& evidence) {
    std::vector<std::uint8_t> bytes(evidence_domain,
                                    evidence_domain + std::strlen(evidence_domain) + 1);
    const auto statement = statement_of(evidence);
    bytes.insert(bytes.end(), statement.begin(), statement.end());
    return bytes;
}

std::vector<std::uint8_t> write_evidence(const Evidence& evidence) {
    const auto statement = statement_of(evidence);
    std::vector<std::uint8_t> bytes(statement.begin(), statement.end());
    bytes.insert(bytes.end(), evidence.signature.begin(), evidence.signature.end());
    return bytes;
}

Expected<Evidence> parse_evidence(ByteView bytes) {
    Reader reader(bytes);
    const ByteView found = reader.take(magic.size());
    const std::uint8_t found_version = reader.u8();
    const std::uint8_t tee = reader.u8();
    const std::uint16_t zero = reader.u16();
    const ByteView identity = reader.take(identity_bytes);
    const ByteView report_data = reader.take(report_data_bytes);
    const ByteView signature = reader.take(signature_bytes);
    if (!reader.done()) {
        return malformed(reader.ok() ? "too long" : "too short");
    }
    if (!std::equal(magic.begin(), magic.end(), found.begin())) {
        return malformed("no evidence of Authex");
    }
    if (found_version != version) {
        return malformed("unknown version");
    }
    if (tee != tee_native || zero != 0) {
        return malformed("not of a native node");
    }
    Evidence evidence;
    copy(identity, evidence.identity);
    copy(report_data, evidence.report_data);
    copy(signature, evidence.signature);
    return evidence;
}

} // namespace authex::tee::native
