// Any bytes have an answer from each parser that stands in front of a signature check. The first
// byte says which one reads the rest.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tee/sgx/verifier/certificates.hpp"
#include "tee/sgx/verifier/quote_verifier.hpp"

namespace {

using namespace authex;
using namespace authex::tee::sgx;

/// What is parsed stays within the bytes.
void quote(ByteView bytes) {
    const Expected<Quote> parsed = parse_quote(bytes);
    if (parsed &&
        (parsed->signed_bytes.size() >= bytes.size() || parsed->pck_chain.size() >= bytes.size())) {
        std::abort();
    }
}

template <typename Parsed>
void statement(std::string_view text,
               const char* member,
               Expected<Parsed> (*parse)(const nlohmann::json&)) {
    const Expected<SignedJson> json = parse_signed_json(text, member);
    if (!json) {
        return;
    }
    // The bytes that are signed are those of the value that is believed.
    if (nlohmann::json::parse(json->raw) != json->value) {
        std::abort();
    }
    const Expected<Parsed> parsed = parse(json->value);
    if (parsed && parsed->levels.empty()) {
        std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const ByteView bytes(data + 1, size - 1);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    switch (*data % 6) {
    case 0:
        quote(bytes);
        break;
    case 1:
        statement(text, "tcbInfo", &parse_tcb_info);
        break;
    case 2:
        statement(text, "enclaveIdentity", &parse_qe_identity);
        break;
    case 3:
        (void)check_chain(text, ChainKind::pck, intel_root_key, 0);
        break;
    case 4:
        (void)parse_crl(text);
        break;
    default:
        (void)parse_pck_extension(bytes);
        break;
    }
    return 0;
}
