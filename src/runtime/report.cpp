// The SDK's function for a report about the enclave, where a TEE has reports.
#include "crypto/kdf.hpp"
#include "runtime/port.hpp"
#include "wire/handshake.hpp"

extern "C" std::size_t authex_report([[maybe_unused]] const std::uint8_t* data,
                                     [[maybe_unused]] std::size_t size,
                                     [[maybe_unused]] std::uint8_t* report,
                                     [[maybe_unused]] std::size_t room) {
#if AUTHEX_WITH_REPORTS
    constexpr std::size_t bytes = authex::runtime::port::report_bytes;
    const authex::ByteView label(authex::wire::report_label);
    const bool of_handshake =
        size >= label.size() && authex::equal_constant_time({data, label.size()}, label);
    if (!of_handshake && room >= bytes) {
        authex::runtime::port::report(authex::crypto::sha256({data, size}), {report, bytes});
        return bytes;
    }
#endif
    return 0;
}
