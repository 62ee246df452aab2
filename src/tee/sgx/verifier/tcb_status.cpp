#include "tee/sgx/verifier/tcb_status.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace authex::tee::sgx {
namespace {

using enum TcbStatus;

constexpr std::array<std::pair<TcbStatus, std::string_view>, 8> words = {{
    {up_to_date, "UpToDate"},
    {sw_hardening_needed, "SWHardeningNeeded"},
    {configuration_needed, "ConfigurationNeeded"},
    {configuration_and_sw_hardening_needed, "ConfigurationAndSWHardeningNeeded"},
    {out_of_date, "OutOfDate"},
    {out_of_date_configuration_needed, "OutOfDateConfigurationNeeded"},
    {revoked, "Revoked"},
    {not_supported, "NotSupported"},
}};

} // namespace

std::string_view to_text(TcbStatus status) {
    return words.at(static_cast<std::size_t>(status)).second;
}

std::optional<TcbStatus> parse_tcb_status(std::string_view word) {
    const auto* const found = std::find_if(
        words.begin(), words.end() - 1, [&](const auto& each) { return each.second == word; });
    return found == words.end() - 1 ? std::nullopt : std::optional(found->first);
}

TcbStatus combine(TcbStatus platform, TcbStatus quoting_enclave) {
    if (platform == not_supported || quoting_enclave == not_supported) {
        return not_supported;
    }
    if (platform == revoked || quoting_enclave == revoked) {
        return revoked;
    }
    if (quoting_enclave != out_of_date) {
        return platform;
    }
    switch (platform) {
    case up_to_date:
    case sw_hardening_needed:
        return out_of_date;
    case configuration_needed:
    case configuration_and_sw_hardening_needed:
        return out_of_date_configuration_needed;
    default:
        return platform;
    }
}

} // namespace authex::tee::sgx
