#pragma once
// Writes a quote as a Quoting Enclave does.                            (layout: verifier/quote.hpp)

#include <cstdint>
#include <string>
#include <vector>

#include "tee/sgx/provisioning/authority.hpp"
#include "tee/sgx/report.hpp"

namespace authex::tee::sgx {

struct QuoteSpec {
    std::uint16_t version = 3; ///< 3, 4 or 5
    ReportBody body;
    ReportBody quoting_enclave;                    ///< its report data is set by write_quote
    std::vector<std::uint8_t> authentication_data; ///< less than 64 KiB
    std::string pck_chain;                         ///< PEM
    EVP_PKEY* attestation_key = nullptr;
    EVP_PKEY* pck_key = nullptr;
};

[[nodiscard]] std::vector<std::uint8_t> write_quote(const QuoteSpec& spec);

} // namespace authex::tee::sgx
