#include "tee/sgx/provisioning/quote_writer.hpp"

#include <openssl/sha.h>

namespace authex::tee::sgx {
namespace {

constexpr std::size_t fixed_bytes = 4096; // all but authentication data and chain

std::array<std::uint8_t, report_body_bytes> bytes_of_body(const ReportBody& body) {
    std::array<std::uint8_t, report_body_bytes> bytes{};
    write_report_body(body, bytes);
    return bytes;
}

void write_header(Writer& writer, std::uint16_t version) {
    writer.u16(version).u16(attestation_key_ecdsa_p256).u32(0).u32(0).bytes(vendor_intel);
    writer.bytes(std::array<std::uint8_t, 20>{});
    if (version == 5) {
        writer.u16(body_sgx_report).u32(report_body_bytes);
    }
}

/// Report of the Quoting Enclave, signed by the PCK, and the PCK's chain.
void write_certification(Writer& writer, const QuoteSpec& spec) {
    ReportBody quoting_enclave = spec.quoting_enclave;
    const Point key = public_point(*spec.attestation_key);
    std::vector<std::uint8_t> bound(key.begin(), key.end());
    bound.insert(bound.end(), spec.authentication_data.begin(), spec.authentication_data.end());
    quoting_enclave.report_data = {};
    SHA256(bound.data(), bound.size(), quoting_enclave.report_data.data());
    const auto report = bytes_of_body(quoting_enclave);
    writer.bytes(report).bytes(sign(*spec.pck_key, report));
    writer.u16(static_cast<std::uint16_t>(spec.authentication_data.size()))
        .bytes(spec.authentication_data);
    writer.u16(certification_pck_chain)
        .u32(static_cast<std::uint32_t>(spec.pck_chain.size()))
        .bytes(
            {reinterpret_cast<const std::uint8_t*>(spec.pck_chain.data()), spec.pck_chain.size()});
}

} // namespace

std::vector<std::uint8_t> write_quote(const QuoteSpec& spec) {
    const std::size_t room = fixed_bytes + spec.authentication_data.size() + spec.pck_chain.size();
    std::vector<std::uint8_t> certification(room);
    Writer inner(certification);
    write_certification(inner, spec);
    certification.resize(inner.size());

    std::vector<std::uint8_t> quote(room);
    Writer writer(quote);
    write_header(writer, spec.version);
    writer.bytes(bytes_of_body(spec.body));
    const auto signature = sign(*spec.attestation_key, writer.written());
    const bool wrapped = spec.version > 3;
    const std::size_t wrapping = wrapped ? sizeof(std::uint16_t) + sizeof(std::uint32_t) : 0;
    writer.u32(static_cast<std::uint32_t>(signature_bytes + public_key_bytes + wrapping +
                                          certification.size()));
    writer.bytes(signature).bytes(public_point(*spec.attestation_key));
    if (wrapped) {
        writer.u16(certification_qe_report).u32(static_cast<std::uint32_t>(certification.size()));
    }
    writer.bytes(certification);
    quote.resize(writer.size());
    return quote;
}

} // namespace authex::tee::sgx
