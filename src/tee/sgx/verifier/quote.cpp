#include "tee/sgx/verifier/quote.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace authex::tee::sgx {
namespace {

constexpr std::uint32_t tee_sgx = 0;

tl::unexpected<Diagnostic> malformed(const std::string& what, const std::string& expected) {
    Diagnostic diagnostic = make_error("quote-malformed", what, "ask for the quote again, whole");
    diagnostic.detail = "expected: " + expected;
    return tl::make_unexpected(std::move(diagnostic));
}

tl::unexpected<Diagnostic>
unsupported(const std::string& what, const std::string& expected, const std::string& fix) {
    Diagnostic diagnostic = make_error("quote-unsupported", what, fix);
    diagnostic.detail = "expected: " + expected;
    return tl::make_unexpected(std::move(diagnostic));
}

tl::unexpected<Diagnostic> truncated(const char* part) {
    return malformed(fmt::format("the quote ends in its {}", part), "a whole quote");
}

/// @return the version
Expected<std::uint16_t> read_header(Reader& reader) {
    const std::uint16_t version = reader.u16();
    const std::uint16_t key_type = reader.u16();
    const std::uint32_t tee = reader.u32();
    reader.take(4); // SVNs of QE and PCE in version 3, which the QE's report and the PCK say better
    const ByteView vendor = reader.take(vendor_intel.size());
    reader.take(20);
    if (!reader.ok()) {
        return truncated("header");
    }
    if (version < 3 || version > 5) {
        return unsupported(fmt::format("the quote has version {}", version),
                           "version 3, 4 or 5 (ECDSA, DCAP)",
                           "EPID quotes and later versions cannot be verified");
    }
    if (tee != tee_sgx) {
        return unsupported(
            fmt::format("the quote is of TEE type {:#x}{}", tee, tee == 0x81 ? " (TDX)" : ""),
            "0 (SGX)",
            "only enclaves of SGX are verified");
    }
    if (key_type != attestation_key_ecdsa_p256) {
        return unsupported(fmt::format("the attestation key has type {}", key_type),
                           "2 (ECDSA P-256)",
                           "ask the node for an ECDSA P-256 quote");
    }
    if (!std::equal(vendor.begin(), vendor.end(), vendor_intel.begin())) {
        return unsupported("the quote is by a Quoting Enclave of another vendor",
                           "Intel's vendor id",
                           "use Intel's Quoting Enclave");
    }
    return version;
}

Expected<bool> read_body_descriptor(Reader& reader) {
    const std::uint16_t type = reader.u16();
    const std::uint32_t size = reader.u32();
    if (!reader.ok()) {
        return truncated("body descriptor");
    }
    if (type != body_sgx_report || size != report_body_bytes) {
        return unsupported(fmt::format("the quote has a body of type {} with {} bytes", type, size),
                           "type 1 (SGX), 384 bytes",
                           "only enclaves of SGX are verified");
    }
    return true;
}

/// What the PCK signs, and who has the PCK.
Expected<bool> read_certification(Reader& reader, Quote& quote) {
    quote.quoting_enclave_raw = reader.take(report_body_bytes);
    quote.quoting_enclave_signature = reader.take(signature_bytes);
    quote.authentication_data = reader.take(reader.u16());
    const std::uint16_t type = reader.u16();
    const ByteView data = reader.take(reader.u32());
    if (!reader.done()) {
        return reader.ok() ? malformed("something follows the certification data",
                                       "the end of the signature data")
                           : tl::unexpected<Diagnostic>(truncated("certification data"));
    }
    if (type != certification_pck_chain) {
        return unsupported(fmt::format("the quote has certification data of type {}", type),
                           "type 5 (the PCK's certificates)",
                           "set up the node's quote provider so that it embeds the certificates");
    }
    quote.quoting_enclave = parse_report_body(quote.quoting_enclave_raw);
    quote.pck_chain = {reinterpret_cast<const char*>(data.data()), data.size()};
    return true;
}

/// From version 4 on, the certification data is itself the content of one of type 6.
Expected<bool> read_signature_data(Reader& reader, Quote& quote) {
    quote.signature = reader.take(signature_bytes);
    quote.attestation_key = reader.take(public_key_bytes);
    if (!reader.ok()) {
        return truncated("signature data");
    }
    if (quote.version == 3) {
        return read_certification(reader, quote);
    }
    const std::uint16_t type = reader.u16();
    Reader inner(reader.take(reader.u32()));
    if (!reader.done()) {
        return reader.ok() ? malformed("something follows the certification data",
                                       "the end of the signature data")
                           : tl::unexpected<Diagnostic>(truncated("signature data"));
    }
    if (type != certification_qe_report) {
        return unsupported(fmt::format("the quote has certification data of type {}", type),
                           "type 6 (the Quoting Enclave's report)",
                           "ask the node for a quote with all certificates");
    }
    return read_certification(inner, quote);
}

} // namespace

std::size_t quote_length(ByteView buffer) {
    constexpr std::size_t head_bytes = 436; // header, body, and the length of the signature data
    if (buffer.size() < head_bytes) {
        return 0;
    }
    const std::size_t length =
        head_bytes + Reader(buffer.subspan(head_bytes - sizeof(std::uint32_t))).u32();
    return length <= buffer.size() ? length : 0;
}

Expected<Quote> parse_quote(ByteView bytes) {
    if (bytes.size() > quote_bytes_max) {
        return malformed(fmt::format("the quote has {} bytes", bytes.size()),
                         fmt::format("at most {}", quote_bytes_max));
    }
    Reader reader(bytes);
    const Expected<std::uint16_t> version = read_header(reader);
    if (!version) {
        return tl::make_unexpected(version.error());
    }
    Quote quote;
    quote.version = *version;
    if (*version == 5) {
        const Expected<bool> body = read_body_descriptor(reader);
        if (!body) {
            return tl::make_unexpected(body.error());
        }
    }
    const ByteView body = reader.take(report_body_bytes);
    if (!reader.ok()) {
        return truncated("report");
    }
    quote.body = parse_report_body(body);
    quote.signed_bytes = bytes.first(bytes.size() - reader.remaining());
    Reader signature_data(reader.take(reader.u32()));
    if (!reader.done()) {
        return reader.ok() ? malformed("something follows the quote", "the end of the quote")
                           : tl::unexpected<Diagnostic>(truncated("signature data"));
    }
    const Expected<bool> read = read_signature_data(signature_data, quote);
    return read ? Expected<Quote>(quote) : tl::make_unexpected(read.error());
}

} // namespace authex::tee::sgx
