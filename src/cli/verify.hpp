#pragma once
// `authex verify`: anybody's SGX quote, explained step by step.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace authex::cli {

struct VerifyArguments {
    std::filesystem::path quote;
    std::filesystem::path collateral;       ///< folder; may be empty where there is a service
    std::string pccs;                       ///< https://host:port; may be empty
    std::filesystem::path pccs_certificate; ///< may be empty
    std::filesystem::path root;             ///< empty: Intel's
    std::string at;                         ///< RFC 3339; empty: now
    bool no_crl = false;
    bool allow_debug = false;
    std::vector<std::string> accept;    ///< beside UpToDate
    std::vector<std::string> mitigated; ///< advisories; none: not looked at
    std::string mrenclave;              ///< hexadecimal digits; empty: any
    std::string mrsigner;
    std::string report_data;
    std::int64_t product = -1; ///< -1: any
    std::uint16_t svn = 0;
    std::uint32_t evaluation = 0;
};

/// Declares the options on the command `verify`.
void declare_verify(CLI::App& command, VerifyArguments& arguments);

/// The quote is neither good nor bad: something to check it with is missing.
constexpr int exit_not_checked = 3;

/// Prints the verdict. @return exit status: 0 accepted, 1 refused, 2 usage, 3 could not check
[[nodiscard]] int verify_quote(const VerifyArguments& arguments, bool json, bool explain);

} // namespace authex::cli
