// Any bytes have an answer from each parser of SGX that stands in front of a signature check. The
// first byte says which one reads the rest.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "tee/sgx/evidence.hpp"
#include "tee/sgx/image/image_file.hpp"
#include "tee/sgx/image/sgxs.hpp"
#include "tee/sgx/protobuf.hpp"
#include "tee/sgx/verifier/attested_certificate.hpp"
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

bool is_same(const JsonValue& own, const nlohmann::json& other) {
    switch (own.kind) {
    case JsonKind::object:
    case JsonKind::array: {
        if (own.kind == JsonKind::object ? !other.is_object() : !other.is_array()) {
            return false;
        }
        std::size_t at = 0;
        for (const JsonValue& each : own.children()) {
            const bool there = other.is_object() ? other.contains(each.name) : at < other.size();
            if (!there || !is_same(each, other.is_object() ? other.at(each.name) : other.at(at))) {
                return false;
            }
            ++at;
        }
        return at == other.size();
    }
    case JsonKind::string:
        return other.is_string() && other.get<std::string>() == own.text;
    case JsonKind::number:
        return other.is_number() && (other.is_number_float() || other.dump() == own.text);
    case JsonKind::literal:
        return (other.is_boolean() || other.is_null()) && other.dump() == own.text;
    }
    return false;
}

template <typename Parsed>
void statement(std::string_view text,
               const char* member,
               Expected<Parsed> (*parse)(const JsonValue&)) {
    const Expected<SignedJson> json = parse_signed_json(text, member);
    if (!json) {
        return;
    }
    // Another reader takes the bytes that are signed for the same value.
    if (!is_same(*json->value, nlohmann::json::parse(json->value->text, nullptr, false))) {
        std::abort();
    }
    const Expected<Parsed> parsed = parse(*json->value);
    if (parsed && parsed->levels.empty()) {
        std::abort();
    }
}

/// The quote that is given out lies in the certificate, and is one.
void certificate(std::string_view content) {
    Steps steps;
    const auto quote = quote_of_certificate(content, 1'767'225'600, steps);
    if (quote && (quote->size() >= content.size() || !parse_quote(*quote))) {
        std::abort();
    }
}

/// A plan stays within the enclave, and its stream is a stream.
void image(ByteView bytes) {
    ImageFile file;
    EnclavePlan plan;
    Sigstruct fields;
    if (!parse_image_file(bytes, file)) {
        return;
    }
    (void)parse_sigstruct(file.sigstruct, fields);
    plan_enclave(file.program, file.stack_bytes, plan);
    if (plan.refusal != nullptr) {
        return;
    }
    for (const Region& region : plan.all()) {
        if (region.offset >= plan.size || region.bytes > plan.size - region.offset ||
            region.skipped + region.content.size() > region.bytes) {
            std::abort();
        }
    }
    constexpr std::uint64_t small = 1U << 20U;
    if (plan.size <= small && !read_sgxs(write_sgxs(plan))) {
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
    switch (*data % 11) {
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
        (void)ChainVerifier(intel_root_key).check(text, ChainKind::pck, 0);
        break;
    case 4:
        (void)parse_crl(text);
        break;
    case 5:
        (void)parse_pck_extension(bytes);
        break;
    case 6:
        image(bytes);
        break;
    case 7:
        (void)read_sgxs(bytes);
        break;
    case 8:
        (void)parse_protobuf(bytes);
        break;
    case 9:
        certificate(text);
        break;
    default:
        (void)parse_evidence(bytes);
        break;
    }
    return 0;
}
