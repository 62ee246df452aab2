#pragma once
// What is said of certificates that are not trusted.

#include <string>
#include <utility>

#include "base/diagnostic.hpp"

namespace authex::tee::sgx {

constexpr auto fix_chain =
    "get the certificates again from Intel's or your own provisioning service";

[[nodiscard]] inline tl::unexpected<Diagnostic>
refused(const char* code, const std::string& what, const std::string& expected, const char* fix) {
    Diagnostic diagnostic = make_error(code, what, fix);
    diagnostic.detail = "expected: " + expected;
    return tl::make_unexpected(std::move(diagnostic));
}

} // namespace authex::tee::sgx
