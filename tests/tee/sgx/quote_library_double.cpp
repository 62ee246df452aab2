// Stands for Intel's libsgx_dcap_ql: a library of its interface that a test tells how to fail.
#include <cstdint>
#include <cstring>

namespace {
constexpr std::uint32_t buffer_bytes = 700; // more than the quote has
constexpr std::uint32_t signature_data_bytes = 164;
std::uint32_t target_error = 0;
std::uint32_t quote_error = 0;
std::uint32_t length = signature_data_bytes;
} // namespace

extern "C" {

void double_fails(std::uint32_t of_target, std::uint32_t of_quote) {
    target_error = of_target;
    quote_error = of_quote;
}

void double_says_signature_data_has(std::uint32_t bytes) {
    length = bytes;
}

std::uint32_t sgx_qe_get_target_info(void* target) {
    std::memset(target, 0x51, 512);
    return target_error;
}

std::uint32_t sgx_qe_get_quote_size(std::uint32_t* size) {
    *size = buffer_bytes;
    return 0;
}

std::uint32_t sgx_qe_get_quote(const void* report, std::uint32_t size, std::uint8_t* quote) {
    if (size < buffer_bytes) {
        return 0xE002; // SGX_QL_ERROR_INVALID_PARAMETER
    }
    std::memset(quote, 0xEE, size);
    std::memcpy(quote + 48, report, 384); // the body is the report without its MAC
    std::memcpy(quote + 432, &length, sizeof length);
    return quote_error;
}
}
