#include "tee/sgx/evidence.hpp"

#include <algorithm>

namespace authex::tee::sgx {
namespace {

constexpr std::array<std::uint8_t, 4> magic = {'A', 'X', 'S', 'Q'};
constexpr std::uint32_t version = 1;

void append(std::vector<std::uint8_t>& to, ByteView bytes) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    const ByteView prefix = bytes_of(size);
    to.insert(to.end(), prefix.begin(), prefix.end());
    to.insert(to.end(), bytes.begin(), bytes.end());
}

} // namespace

std::vector<std::uint8_t> write_evidence(const Evidence& evidence) {
    std::vector<std::uint8_t> bytes(magic.begin(), magic.end());
    const ByteView number = bytes_of(version);
    bytes.insert(bytes.end(), number.begin(), number.end());
    append(bytes, evidence.quote);
    for (const char* name : collateral_file::all) {
        const auto found = evidence.collateral.files.find(name);
        const std::string_view content =
            found == evidence.collateral.files.end() ? std::string_view() : found->second;
        append(bytes, {reinterpret_cast<const std::uint8_t*>(content.data()), content.size()});
    }
    return bytes;
}

Expected<Evidence> parse_evidence(ByteView bytes) {
    Reader reader(bytes);
    const ByteView found = reader.take(magic.size());
    const std::uint32_t found_version = reader.u32();
    Evidence evidence;
    const ByteView quote = reader.take(reader.u32());
    evidence.quote.assign(quote.begin(), quote.end());
    for (const char* name : collateral_file::all) {
        const ByteView content = reader.take(reader.u32());
        if (!content.empty()) {
            evidence.collateral.files.emplace(name, std::string(content.begin(), content.end()));
        }
    }
    if (bytes.size() > evidence_bytes_max || !reader.done() || found_version != version ||
        !std::equal(magic.begin(), magic.end(), found.begin())) {
        return failure("evidence-malformed",
                       "the node's evidence is malformed: it is not of an SGX node, or it was cut");
    }
    return evidence;
}

} // namespace authex::tee::sgx
